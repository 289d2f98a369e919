namespace EntraEmulator.Faults;

/// <summary>The endpoints whose requests are counted, and of which the first three can be put out of order.</summary>
internal enum EmulatedEndpoint
{
    /// <summary>The discovery documents.</summary>
    Metadata,

    /// <summary>The key documents.</summary>
    Keys,

    /// <summary>The token endpoint.</summary>
    Token,

    /// <summary>The identity endpoint of App Service.</summary>
    Msi,

    /// <summary>The identity endpoint of virtual machines.</summary>
    Imds,
}

/// <summary>How an endpoint is out of order; <see cref="FaultNames"/> has the words for it.</summary>
internal enum Fault
{
    /// <summary>It is not.</summary>
    Ok,

    /// <summary>503 without a document.</summary>
    Unavailable,

    /// <summary>No answer until the client hangs up, the fault is lifted or the emulator stops.</summary>
    Hang,

    /// <summary>The right answer, <see cref="FaultSwitch.SlowDelay"/> late.</summary>
    Slow,

    /// <summary>200 with a page that is not JSON.</summary>
    Garbage,

    /// <summary>302 (of a POST: 307) to where the right answer is.</summary>
    Redirect,

    /// <summary>The right document grown to over 1 MiB. Of documents only.</summary>
    Oversized,

    /// <summary>A discovery document of another issuer.</summary>
    ForeignIssuer,

    /// <summary>A discovery document that says the keys are on another host.</summary>
    ForeignKeys,
}
