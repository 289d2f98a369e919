namespace RemoteWriteGateway.Audit;

/// <summary>What an audit record tells of: the values of column <c>event</c>.</summary>
internal static class AuditEvents
{
    /// <summary>One read, allowed or refused by something else than identity and policy.</summary>
    public const string Query = "query";

    /// <summary>Allowed writes, folded.</summary>
    public const string WriteSummary = "write-summary";

    /// <summary>Allowed pushes, folded.</summary>
    public const string PushSummary = "push-summary";

    /// <summary>A deletion of push groups.</summary>
    public const string PushDelete = "push-delete";

    /// <summary>Accepted data that was given up, folded.</summary>
    public const string DataDrop = "data-drop";

    /// <summary>A request that was refused; above <see cref="RefusalRate"/> folded.</summary>
    public const string Refusal = "refusal";

    /// <summary>The first use of a token on this replica.</summary>
    public const string Authn = "authn";

    /// <summary>A call of the admin API or of <c>/whoami</c>.</summary>
    public const string Admin = "admin";

    /// <summary>A revocation made or lifted.</summary>
    public const string Revocation = "revocation";

    /// <summary>A policy that came into force, or that was not taken.</summary>
    public const string Policy = "policy";

    /// <summary>Signing keys that came or went.</summary>
    public const string KeyChange = "key-change";

    /// <summary>A stream begins, and names the last record of the replica's previous one.</summary>
    public const string Startup = "startup";

    /// <summary>A stream is closed.</summary>
    public const string Shutdown = "shutdown";

    /// <summary>Old records were exported and removed.</summary>
    public const string Retention = "retention";

    /// <summary>All of them.</summary>
    public static readonly string[] All =
    [
        Query, WriteSummary, PushSummary, PushDelete, DataDrop, Refusal, Authn, Admin, Revocation, Policy, KeyChange, Startup, Shutdown, Retention,
    ];
}

/// <summary>How what a record tells of ended: the values of column <c>outcome</c>.</summary>
internal static class AuditOutcomes
{
    /// <summary>It was allowed, and done.</summary>
    public const string Allow = "allow";

    /// <summary>A definite no.</summary>
    public const string Deny = "deny";

    /// <summary>It was allowed or not decided, and failed by our trouble or the store's.</summary>
    public const string Error = "error";

    /// <summary>All of them.</summary>
    public static readonly string[] All = [Allow, Deny, Error];

    /// <summary>The outcome of an answer with this status: 5xx and 429 are nobody's verdict about the request.</summary>
    public static string OfStatus(int statusCode) => statusCode switch
    {
        < 400 => Allow,
        429 or >= 500 => Error,
        _ => Deny,
    };
}
