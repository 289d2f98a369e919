namespace EntraEmulator.Faults;

/// <summary>How often each endpoint was asked, out of order or not.</summary>
internal sealed class RequestCounts
{
    private readonly long[] _counts = new long[Enum.GetValues<EmulatedEndpoint>().Length];

    /// <summary>The count of an endpoint.</summary>
    public long this[EmulatedEndpoint endpoint] => Interlocked.Read(ref _counts[(int)endpoint]);

    /// <summary>Counts a request.</summary>
    public void Increment(EmulatedEndpoint endpoint) => Interlocked.Increment(ref _counts[(int)endpoint]);

    /// <summary>Starts at zero.</summary>
    public void Reset()
    {
        for (int i = 0; i < _counts.Length; i++)
        {
            Interlocked.Exchange(ref _counts[i], 0);
        }
    }
}
