using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit.Chain;

/// <summary>
/// What streams are called. A run of a gateway has two: <c>name/uuid</c>, of its one writer, and <c>name/push-delete/uuid</c>, of deletions, where each
/// record is committed with its deletion. The name of a replica has no slash, so that neither can be taken for another replica's.
/// </summary>
internal static class StreamNames
{
    private const string Deletions = "/push-delete/";

    /// <summary>The stream of deletions of this run.</summary>
    public static string OfDeletions(ReplicaIdentity run) => $"{run.Name}{Deletions}{run.Instance:D}";

    /// <summary>
    /// Whether it is one of deletions. Nothing of it can be lost by a kill, so that it has neither a first nor a last record of its own.
    /// </summary>
    public static bool IsOfDeletions(string stream) => stream.Contains(Deletions, StringComparison.Ordinal);

    /// <summary>The streams of a replica's writers, all of its runs. A UUID begins with a hexadecimal digit; 'g' is what comes after those.</summary>
    public static StreamRange OfWriters(string replica) => new(replica + "/", replica + "/g");

    /// <summary>The streams of a replica's deletions, all of its runs. '0' is what comes after a slash.</summary>
    public static StreamRange OfDeletions(string replica) => new(replica + Deletions, string.Concat(replica, Deletions.AsSpan(..^1), "0"));
}

/// <summary>Streams whose names lie between two others by their bytes. Names end with a UUIDv7, so that they are in the order of their starts.</summary>
internal readonly record struct StreamRange(string From, string To);
