using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Prometheus;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.Benchmarks.Audit;

/// <summary>
/// How many records of their own go into the catalog? From <see cref="AuditLog.Add"/> to the commit: channel, caps, hash chain, batches, COPY, with all
/// indexes. The time is of one record; 50 µs are 20,000 a second. The server runs on the same machine, with fsync.
/// </summary>
[MemoryDiagnoser]
[InProcess]
[WarmupCount(2)]
[IterationCount(8)]
public class AuditThroughputBenchmarks
{
    private const int Records = 40_000;

    private IHost _host = null!; // Set before the first measurement, as the rest.
    private PostgreSqlServer? _server;
    private DirectoryInfo _folder = null!;
    private AuditCaller[] _callers = [];

    [Params("PostgreSql", "Sqlite")]
    public string Provider { get; set; } = "";

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _folder = Directory.CreateTempSubdirectory("rwgateway-benchmark-");
        string connection = $"Data Source={Path.Combine(_folder.FullName, "catalog.db")}";
        if (Provider == "PostgreSql")
        {
            _server = await PostgreSqlServer.StartAsync(CancellationToken.None, survivesPowerLoss: true);
            connection = await _server.CreateDatabaseAsync(CancellationToken.None);
        }

        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Catalog:Provider"] = Provider,
            ["Catalog:ConnectionString"] = connection,
            ["Audit:SpoolDirectory"] = Path.Combine(_folder.FullName, "spool"),
        });
        CollectorRegistry registry = Metrics.NewCustomRegistry();
        builder.Services.AddSingleton(registry).AddSingleton<IMetricFactory>(Metrics.WithCustomRegistry(registry)).AddCatalog().AddAudit();
        _host = builder.Build();
        await _host.StartAsync();
        _callers = [.. Enumerable.Range(0, 200).Select(i => new AuditCaller
        {
            Directory = Guid.NewGuid(), ObjectId = Guid.NewGuid(), Client = Guid.NewGuid(), Kind = "user", ClientAuth = "secret", KeyId = "key-1", TokenVersion = "2.0",
            Name = $"user{i}@example.org", TokenId = Guid.NewGuid().ToString(), IssuedAt = DateTimeOffset.UtcNow, ExpiresAt = DateTimeOffset.UtcNow,
            Roles = ["Metrics.Read"], Scopes = ["Metrics.Access"], TokenHash = [.. new byte[16]],
        })];
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        AuditStore store = _host.Services.GetRequiredService<AuditStore>();
        Console.WriteLine($"// spooled at the end: {store.SpooledRecords}");
        await _host.StopAsync();
        _host.Dispose();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    /// <summary>Budget: 50 µs in PostgreSQL.</summary>
    [Benchmark(OperationsPerInvoke = Records)]
    public async Task RecordsIntoTheCatalog()
    {
        AuditLog log = _host.Services.GetRequiredService<AuditLog>();
        for (int i = 0; i < Records; i++)
        {
            log.Add(new AuditRecord
            {
                At = DateTimeOffset.UtcNow, Event = AuditEvents.Query, Outcome = AuditOutcomes.Allow, HttpStatus = 200, Caller = _callers[i % _callers.Length],
                Bindings = ["sre-readers"], PolicyVersion = "5d41402abc4b2a76", Permission = "metrics:read", Tenant = $"tenant-{i % 50}", RemoteIp = "10.1.2.3",
                UserAgent = "Grafana/12.0", RequestId = Guid.CreateVersion7().ToString(), Method = "POST", Route = "/api/v1/query_range",
                QueryText = "sum by (job) (rate(http_requests_total{code=~\"5..\"}[5m]))", QueryStart = DateTimeOffset.UtcNow, QueryEnd = DateTimeOffset.UtcNow,
                QueryStepMs = 15_000, DurationUs = 12_400, ResultSeries = 12, ResultBytes = 40_000,
            });
        }

        // In the catalog, and not only in the spool.
        await log.FlushAsync(CancellationToken.None);
        await _host.Services.GetRequiredService<AuditStore>().WhenReplayedAsync();
    }
}
