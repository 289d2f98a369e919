using System.Text.Json;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit;

/// <summary>The beginning of a stream.</summary>
internal sealed class AuditStart(ReplicaIdentity replica, AuditTable table, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public string Stream => replica.Stream;

    /// <summary>
    /// The record <c>startup</c>, which names the last record of the replica's previous stream, and of its newest one of deletions: null if there is
    /// none, and "unknown" if the catalog did not say in time.
    /// </summary>
    public async Task<AuditRecord> RecordAsync()
    {
        object? previous;
        object? previousDeletions;
        try
        {
            using CancellationTokenSource patience = new(Patience);
            (previous, previousDeletions) = await Task.Run(() => FindAsync(patience.Token)).WaitAsync(Patience, TimeProvider.System);
        }
#pragma warning disable CA1031 // Whatever it is, the gateway starts without the catalog, and says so.
        catch
#pragma warning restore CA1031
        {
            previous = previousDeletions = "unknown";
        }

        return new AuditRecord
        {
            At = time.GetUtcNow(),
            Event = AuditEvents.Startup,
            Outcome = AuditOutcomes.Allow,
            Detail = JsonSerializer.Serialize(new { version = replica.Version, previous, previousDeletions }),
        };
    }

    private async Task<(object? Previous, object? PreviousDeletions)> FindAsync(CancellationToken cancellationToken) => (
        Told(await table.FindLastAsync(StreamNames.OfWriters(replica.Name), replica.Stream, cancellationToken)),
        Told(await table.FindLastAsync(StreamNames.OfDeletions(replica.Name), StreamNames.OfDeletions(replica), cancellationToken)));

    private static object? Told(StreamEnd? end) =>
        end is null ? null : new { stream = end.Stream, seq = end.Position.Seq, hash = Convert.ToHexStringLower(end.Position.Hash) };
}
