namespace RemoteWriteGateway.Http;

/// <summary>In which form a route speaks of errors. Endpoint metadata; routes without it speak <see cref="PlainText"/>.</summary>
internal enum Dialect
{
    /// <summary>Remote write and push: <c>reason: text (request id)</c> as text/plain, at most 1,000 bytes.</summary>
    PlainText,

    /// <summary>The query API: <c>{"status":"error","errorType":…,"error":…}</c>.</summary>
    Prometheus,

    /// <summary>The admin API: problem+json.</summary>
    Problem,
}
