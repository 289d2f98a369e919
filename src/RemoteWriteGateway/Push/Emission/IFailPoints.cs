namespace RemoteWriteGateway.Push.Emission;

/// <summary>The steps of a delivery between which a process may die.</summary>
internal enum FailPoint
{
    /// <summary>Groups are claimed, and nothing was sent.</summary>
    Claimed,

    /// <summary>The store has answered to zeros, and nothing was written down.</summary>
    ZeroSent,

    /// <summary>That the store has the zeros is written down; the values were not sent.</summary>
    ZeroAcknowledged,

    /// <summary>The store has answered to values, and nothing was written down.</summary>
    ValueSent,
}

/// <summary>Where tests stop or end the process. The service has nothing there.</summary>
internal interface IFailPoints
{
    /// <summary>Called when deliveries have come to <paramref name="point"/>.</summary>
    Task ReachAsync(FailPoint point);
}

/// <summary>Goes on.</summary>
internal sealed class NoFailPoints : IFailPoints
{
    public Task ReachAsync(FailPoint point) => Task.CompletedTask;
}
