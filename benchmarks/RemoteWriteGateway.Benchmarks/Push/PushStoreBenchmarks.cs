using System.Text;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Prometheus;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.PostgreSql;
using ExpositionFormat = RemoteWriteGateway.Protocol.Exposition.ExpositionFormat;

namespace RemoteWriteGateway.Benchmarks.Push;

/// <summary>
/// What does a push cost, and does it matter how many groups are stored? From the unpacked body to the commit, without HTTP: ten series in one
/// kibibyte of text, each client to a group of its own that is there already. The time is of one push: with one client a push's latency, with
/// sixteen the inverse of what they get through together. Both engines write through to the disk.
/// </summary>
[MemoryDiagnoser]
[InProcess]
public class PushStoreBenchmarks
{
    private const int Pushes = 320;

    private static readonly ExpositionOptions Options = new() { Limits = new StampOptions { TenantLabel = "tenant", TenantValue = "ours" } };
    private static readonly PushStoreLimits Limits = new("tenants.ours.push.limits", int.MaxValue, int.MaxValue, long.MaxValue);

    private IHost _host = null!; // Set before the first measurement, as the rest.
    private PostgreSqlServer? _server;
    private DirectoryInfo _folder = null!;
    private byte[][] _bodies = [];
    private MetricFamilies[] _families = [];
    private int _next;

    [Params("Sqlite", "PostgreSql")]
    public string Provider { get; set; } = "";

    [Params(100, 50_000)]
    public int StoredGroups { get; set; }

    [Params(1, 16)]
    public int Clients { get; set; }

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _folder = Directory.CreateTempSubdirectory("rwgateway-benchmark-");
        string connection = $"Data Source={Path.Combine(_folder.FullName, "catalog.db")}";
        if (Provider == "PostgreSql")
        {
            _server = await PostgreSqlServer.StartAsync(CancellationToken.None, survivesPowerLoss: true);
            connection = await _server.CreateDatabaseAsync(CancellationToken.None) + ";Command Timeout=600";
        }

        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Catalog:Provider"] = Provider,
            ["Catalog:ConnectionString"] = connection,
        });
        builder.Services.AddSingleton<IMetricFactory>(Metrics.WithCustomRegistry(Metrics.NewCustomRegistry())).AddCatalog().AddPushStorage();
        _host = builder.Build();
        await _host.StartAsync();

        // Two bodies in turn, so that each push changes something.
        _bodies = [Body(1), Body(2)];
        _families = [.. Enumerable.Range(0, Clients).Select(_ => new MetricFamilies())];
        await Push();
        await FillAsync();
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    /// <summary>What the engine itself needs to change one row of the same table and commit.</summary>
    [Benchmark(OperationsPerInvoke = Pushes, Baseline = true)]
    public async Task OneRow()
    {
        CatalogDatabase database = _host.Services.GetRequiredService<CatalogDatabase>();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            byte[] key = KeyOf(client).Bytes;
            for (int i = 0; i < Pushes / Clients; i++)
            {
                await database.ExecuteAsync(
                    "UPDATE push_groups SET attempts = attempts + 1 WHERE tenant = 'ours' AND key = @key", new { key }, CancellationToken.None);
            }
        })));
    }

    /// <summary>Budgets: 1 ms in SQLite and 2 ms in PostgreSQL with sixteen clients; with one 4 and 8. At 50,000 groups at most 1.5 times of at 100.</summary>
    [Benchmark(OperationsPerInvoke = Pushes)]
    public async Task Push()
    {
        PushStore store = _host.Services.GetRequiredService<PushStore>();
        byte[] body = _bodies[_next++ % 2];
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            for (int i = 0; i < Pushes / Clients; i++)
            {
                PushOutcome outcome = await store.PushAsync(Request(body, client), CancellationToken.None);
                if (outcome.Fate != PushFate.Stored)
                {
                    throw new InvalidOperationException($"A push ended as {outcome.Fate} {outcome.Refusal?.Text}.");
                }
            }
        })));
    }

    private PushRequest Request(byte[] body, int client)
    {
        GroupKey key = KeyOf(client);
        GroupingLabels grouping = key.ForBody();
        MetricFamilies families = _families[client];
        ExpositionFault fault = ExpositionReader.Read(body, ExpositionFormat.Text, Options, families);
        fault = fault.IsNone ? ContentRules.Check(families, grouping, Options) : fault;
        return fault.IsNone
            ? new PushRequest
            {
                Tenant = "ours", Key = key, Verb = PushVerb.Put, Mode = PushMode.Replace, Families = families, Grouping = grouping, Limits = Limits,
            }
            : throw new InvalidOperationException(fault.Text);
    }

    private static GroupKey KeyOf(int client) => GroupKey.Of([KeyValuePair.Create("job", $"nightly-{client}")]);

    private static byte[] Body(int value)
    {
        StringBuilder text = new();
        for (int i = 0; i < 10; i++)
        {
            text.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"# HELP nightly_rows_{i} Rows that the run has read.\n# TYPE nightly_rows_{i} gauge\nnightly_rows_{i}{{zone=\"eu\"}} {value + i}.25\n");
        }

        return Encoding.ASCII.GetBytes(text.ToString());
    }

    /// <summary>The other groups: each the first client's, with another key and other series, as so many pushes would have left them.</summary>
    private async Task FillAsync()
    {
        CatalogDatabase database = _host.Services.GetRequiredService<CatalogDatabase>();
        string numbers = database.Sql(
            "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @StoredGroups) SELECT i FROM n)", "(SELECT generate_series(1, @StoredGroups) AS i)");
        string key = database.Sql("CAST(printf('%016d', n.i) AS BLOB)", "convert_to(lpad(n.i::text, 16, '0'), 'UTF8')");
        string series = database.Sql("randomblob(16)", "decode(md5(n.i::text || '-' || s.i::text), 'hex')");
        await database.ExecuteAsync(
            $"""
            INSERT INTO push_groups SELECT g.tenant, {key}, g.labels, g.mode, g.state, g.created_ms, g.push_ms, g.fail_ms, g.fail_reason, g.pushed_by, g.series,
                g.bytes, g.ttl_ms, g.expires_ms, g.generation, g.changed_ms, g.dirty_since_ms, g.last_sample_ms, g.next_emit_ms, g.lease_owner, g.lease_until_ms,
                g.written_generation, g.zeroed_generation, g.emission, g.inflight_step, g.inflight_generation, g.inflight_ms, g.inflight_floor_ms,
                g.inflight_push_ms, g.inflight_fail_ms, g.attempts, g.last_write_ms, g.last_write_error
            FROM (SELECT * FROM push_groups LIMIT 1) AS g, {numbers} AS n
            """,
            new { StoredGroups },
            CancellationToken.None);
        await database.ExecuteAsync(
            $"INSERT INTO push_payloads SELECT p.tenant, {key}, p.generation, p.body FROM (SELECT * FROM push_payloads LIMIT 1) AS p, {numbers} AS n",
            new { StoredGroups },
            CancellationToken.None);
        await database.ExecuteAsync(
            $"INSERT INTO push_series SELECT 'ours', {series}, {key} FROM {numbers} AS n, {numbers.Replace("@StoredGroups", "10", StringComparison.Ordinal)} AS s",
            new { StoredGroups },
            CancellationToken.None);
        await database.ExecuteAsync("UPDATE push_names SET refs = refs + @StoredGroups", new { StoredGroups }, CancellationToken.None);
    }
}
