using System.Text.Json;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit;

/// <summary>The beginning of a stream.</summary>
internal sealed class AuditStart(ReplicaIdentity replica, AuditTable table, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public string Stream => replica.Stream;

    /// <summary>
    /// The record <c>startup</c>, which names the last record of the replica's previous stream: null if there is none, and "unknown" if the
    /// catalog did not say in time.
    /// </summary>
    public async Task<AuditRecord> RecordAsync()
    {
        object? previous;
        try
        {
            using CancellationTokenSource patience = new(Patience);
            StreamEnd? end = await Task.Run(() => table.FindLastAsync(replica.Name, replica.Stream, patience.Token)).WaitAsync(Patience, TimeProvider.System);
            previous = end is null ? null : new { stream = end.Stream, seq = end.Position.Seq, hash = Convert.ToHexStringLower(end.Position.Hash) };
        }
#pragma warning disable CA1031 // Whatever it is, the gateway starts without the catalog, and says so.
        catch
#pragma warning restore CA1031
        {
            previous = "unknown";
        }

        return new AuditRecord
        {
            At = time.GetUtcNow(),
            Event = AuditEvents.Startup,
            Outcome = AuditOutcomes.Allow,
            Detail = JsonSerializer.Serialize(new { version = replica.Version, previous }),
        };
    }
}
