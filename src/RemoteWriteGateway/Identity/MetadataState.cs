namespace RemoteWriteGateway.Identity;

/// <summary>What the signing keys are worth.</summary>
internal enum MetadataState
{
    /// <summary>No fetch has succeeded: nobody can be authenticated.</summary>
    Loading,

    /// <summary>The last fetch succeeded.</summary>
    Current,

    /// <summary>The last fetch failed; the keys of the last success still count.</summary>
    Degraded,

    /// <summary>The last success is older than <see cref="MetadataOptions.MaxStale"/>: nobody is authenticated.</summary>
    Stale,
}

/// <summary>Why metadata is fetched.</summary>
internal enum FetchTrigger
{
    /// <summary>None has succeeded since the start.</summary>
    Start,

    /// <summary>It is time to, also after a failure.</summary>
    Periodic,

    /// <summary>A token names a key that is not known.</summary>
    UnknownKey,

    /// <summary>An operator demands it.</summary>
    Operator,
}

/// <summary>What is found about a key id that is not in the snapshot.</summary>
internal enum KeyOutcome
{
    /// <summary>The directory has it: it is in the snapshot now.</summary>
    Known,

    /// <summary>The directory does not have it.</summary>
    Unknown,

    /// <summary>The issuer did not answer, or not in time.</summary>
    Unavailable,

    /// <summary>It was not asked, because unknown keys were asked for too often.</summary>
    NotYetKnown,
}

/// <param name="Outcome">What was found.</param>
/// <param name="Left">For <see cref="KeyOutcome.NotYetKnown"/>: the time until the issuer may be asked again.</param>
internal readonly record struct KeyVerdict(KeyOutcome Outcome, TimeSpan Left = default);
