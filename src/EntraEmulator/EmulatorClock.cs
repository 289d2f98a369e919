namespace EntraEmulator;

/// <summary>The time that tokens and documents carry: the host's, moved by what the clock hook says.</summary>
internal sealed class EmulatorClock(TimeProvider time)
{
    private long _offsetTicks;

    /// <summary>How far the emulator's clock is ahead of the host's; negative is behind.</summary>
    public TimeSpan Offset
    {
        get => new(Interlocked.Read(ref _offsetTicks));
        set => Interlocked.Exchange(ref _offsetTicks, value.Ticks);
    }

    /// <summary>Now, as the emulator sees it.</summary>
    public DateTimeOffset UtcNow => time.GetUtcNow() + Offset;
}
