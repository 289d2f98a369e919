using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Audit;

/// <summary>What a gateway under test has on record.</summary>
internal static class GatewayAudit
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Everything that is in the catalog, oldest first, after all that has happened so far was written down.</summary>
    public static async Task<IReadOnlyList<ChainedRecord>> AuditAsync(this GatewayHost gateway)
    {
        await gateway.Services.GetRequiredService<AuditLog>().FlushAsync(Cancel);
        return await gateway.StoredAuditAsync();
    }

    /// <summary>The records of one kind.</summary>
    public static async Task<IReadOnlyList<AuditRecord>> AuditAsync(this GatewayHost gateway, string auditEvent) =>
        [.. (await gateway.AuditAsync()).Select(record => record.Record).Where(record => record.Event == auditEvent)];

    /// <summary>All of it as the export has it.</summary>
    public static async Task<string> AuditTextAsync(this GatewayHost gateway)
    {
        using MemoryStream text = new();
        await AuditExport.WriteAsync(
            (await gateway.AuditAsync()).Select(record => new SeenRecord(record, false)).ToAsyncEnumerable(), AuditExportFormat.Ndjson, text, Cancel);
        return System.Text.Encoding.UTF8.GetString(text.ToArray());
    }

    /// <summary>Everything that is durable now, in the catalog or, if that took its time, in the spool; that is taken to the catalog first.</summary>
    public static Task<IReadOnlyList<ChainedRecord>> StoredAuditAsync(this GatewayHost gateway) => gateway.Services.StoredAuditAsync();

    public static async Task<IReadOnlyList<ChainedRecord>> StoredAuditAsync(this IServiceProvider services)
    {
        await services.GetRequiredService<AuditStore>().WhenReplayedAsync();
        return [.. (await services.GetRequiredService<AuditSearch>()
            .ExportAsync(new AuditFilter(), AuditReach.All, Cancel).ToListAsync(Cancel)).OrderBy(record => record.Chained.Stream).ThenBy(record => record.Chained.Seq)
            .Select(record => record.Chained)];
    }

    public static string PolicyVersion(this GatewayHost gateway) => gateway.Services.GetRequiredService<PolicySource>().Current.Version;

    public static Task<AuditVerification> VerifyAuditAsync(this GatewayHost gateway) =>
        gateway.Services.GetRequiredService<AuditVerifier>().VerifyAsync(new AuditVerifyScope(), Cancel);
}
