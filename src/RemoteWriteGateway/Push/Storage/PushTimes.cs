namespace RemoteWriteGateway.Push.Storage;

/// <summary>The times of section <c>Push</c> that the state of groups depends on.</summary>
/// <param name="MinGap">Least time between two emissions of a group.</param>
/// <param name="BookkeepingTtl">How long the bookkeeping series of an expired group go on, from its last push.</param>
/// <param name="IdempotencyTtl">How long an idempotency key is remembered.</param>
internal sealed record PushTimes(TimeSpan MinGap, TimeSpan BookkeepingTtl, TimeSpan IdempotencyTtl)
{
    public static PushTimes Default { get; } = new(TimeSpan.FromSeconds(1), TimeSpan.FromDays(30), TimeSpan.FromHours(24));
}
