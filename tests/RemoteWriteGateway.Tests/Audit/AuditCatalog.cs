using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Audit;

/// <summary>A catalog with whatever audit a test writes into it, and may then tamper with.</summary>
internal sealed class AuditCatalog : IAsyncDisposable
{
    private readonly EmptyCatalog _catalog;
    private readonly CatalogHost _host;

    private AuditCatalog(EmptyCatalog catalog, CatalogHost host)
    {
        _catalog = catalog;
        _host = host;
        Table = AuditTable.Of(host.Database);
        Search = new AuditSearch(Table, host.Time);
        Verifier = new AuditVerifier(Table, host.Time);
    }

    public AuditTable Table { get; }

    public AuditSearch Search { get; }

    public AuditVerifier Verifier { get; }

    public CatalogDatabase Database => _host.Database;

    /// <summary>For exports.</summary>
    public string Folder => _catalog.Folder;

    public DateTimeOffset Now => _host.Time.GetUtcNow();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<AuditCatalog> CreateAsync(string provider)
    {
        EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        AuditCatalog audit = new(catalog, await CatalogHost.StartAsync(catalog));
        await audit.Table.PrepareAsync(audit.Now, Cancel);
        return audit;
    }

    /// <summary>Writes records as one stream, with a checkpoint behind the last.</summary>
    public async Task<IReadOnlyList<ChainedRecord>> WriteAsync(string stream, params IReadOnlyList<AuditRecord> records)
    {
        AuditChain chain = new(stream);
        List<ChainedRecord> chained = [.. records.Select(chain.Append)];
        AuditCheckpoint checkpoint = new(stream, chain.Position.Seq, Now, chain.Position.Hash, chain.Position.Seq);
        await Table.InsertAsync(new AuditBatch(chained, checkpoint), mayBeThere: false, Cancel);
        return chained;
    }

    /// <summary>Writes a stream of a run that began, did <paramref name="queries"/> things, and ended.</summary>
    public Task<IReadOnlyList<ChainedRecord>> WriteRunAsync(string stream, int queries, object? previous = null, bool isClosed = true) => WriteAsync(
        stream,
        [
            AuditRecords.Bare(AuditEvents.Startup, Now) with { Detail = System.Text.Json.JsonSerializer.Serialize(new { previous }) },
            .. Enumerable.Range(0, queries).Select(i => AuditRecords.Full(Now.AddSeconds(i)) with { Id = Guid.CreateVersion7(), QueryText = $"up{{n=\"{i}\"}}" }),
            .. isClosed ? [AuditRecords.Bare(AuditEvents.Shutdown, Now.AddSeconds(queries))] : (AuditRecord[])[],
        ]);

    /// <summary>As whoever owns the database can, triggers or not.</summary>
    public Task TamperAsync(string sql) => TamperAsync(Database, sql);

    /// <inheritdoc cref="TamperAsync(string)"/>
    public static async Task TamperAsync(CatalogDatabase database, string sql)
    {
        if (database.Provider == CatalogProvider.Sqlite)
        {
            foreach (string trigger in (string[])["audit_events_no_update", "audit_events_no_delete", "audit_checkpoints_no_update", "audit_checkpoints_no_delete"])
            {
                await database.ExecuteAsync($"DROP TRIGGER IF EXISTS {trigger}", null, Cancel);
            }
        }

        await database.ExecuteAsync(sql, null, Cancel);
    }

    public Task<AuditVerification> VerifyAsync(AuditVerifyScope? scope = null) => Verifier.VerifyAsync(scope ?? new AuditVerifyScope(), Cancel);

    /// <summary>Runs <c>rwgateway audit</c> beside the gateway.</summary>
    public async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using StringWriter output = new() { NewLine = "\n" };
        using StringWriter error = new() { NewLine = "\n" };
        int code = await AuditCommand.Create(Service).Parse(arguments).InvokeAsync(new InvocationConfiguration { Output = output, Error = error }, Cancel);
        return (code, output.ToString(), error.ToString());
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _catalog.DisposeAsync();
    }

    private WebApplicationBuilder Service()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Catalog:Provider"] = _catalog.Provider.ToString(),
            ["Catalog:ConnectionString"] = _catalog.ConnectionString,
            ["Audit:RetentionDays"] = "30",
        });
        builder.Services.AddSingleton<TimeProvider>(_host.Time);
        return builder;
    }
}
