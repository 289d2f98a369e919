using System.Collections.Concurrent;
using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Audit;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.Identity;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>
/// Push groups in a catalog of either engine, as one replica has them. Bodies are written as text 0.0.4 and shown as text again, with
/// <c># start</c> behind metrics that have their start bit. The database's clock is the test's.
/// </summary>
internal sealed class PushHost : IAsyncDisposable
{
    public static readonly PushStoreLimits NoLimits = new("tenants.ours.push.limits", int.MaxValue, int.MaxValue, long.MaxValue);

    public static readonly ExpositionOptions Options = new()
    {
        Limits = new StampOptions { TenantLabel = "tenant", TenantValue = "ours" },
    };

    private readonly EmptyCatalog _catalog;
    private readonly bool _ownsCatalog;
    private readonly CatalogHost _host;

    private PushHost(EmptyCatalog catalog, bool ownsCatalog, CatalogHost host, WatchedTime time)
    {
        Time = time;
        _catalog = catalog;
        _ownsCatalog = ownsCatalog;
        _host = host;
    }

    /// <summary>The clock of groups alone: moved by days, it would have the rest of the replica do what is due in all of them.</summary>
    public WatchedTime Time { get; }

    public CatalogDatabase Database => _host.Database;

    public PushStore Store => _host.Services.GetRequiredService<PushStore>();

    public GroupSweeper Sweeper => _host.Services.GetRequiredService<GroupSweeper>();

    public PushWake Wake => _host.Services.GetRequiredService<PushWake>();

    public DeletionStream Deletions => _host.Services.GetRequiredService<DeletionStream>();

    public AuditTable AuditTable => _host.Services.GetRequiredService<AuditTable>();

    public AuditLog AuditLog => _host.Services.GetRequiredService<AuditLog>();

    public LogLines Logs => _host.Logs;

    /// <summary>What was sent to the database.</summary>
    public SentStatements Sent => (SentStatements)_host.Services.GetRequiredService<PushTransactions>();

    public string ConnectionString => _catalog.ConnectionString;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<PushHost> StartAsync(string provider) => await OfAsync(await EmptyCatalog.CreateAsync(provider));

    /// <param name="catalog">Deleted with the host.</param>
    public static async Task<PushHost> OfAsync(EmptyCatalog catalog)
    {
        WatchedTime time = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
        PushHost host = new(catalog, true, await StartAsync(catalog, time), time);
        if (catalog.Provider == CatalogProvider.PostgreSql)
        {
            await host.Database.ExecuteAsync(
                $"""
                CREATE TABLE test_clock (ms bigint);
                INSERT INTO test_clock VALUES ({host.NowMs});
                CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT ms FROM rwgateway.test_clock'
                """,
                null,
                Cancel);
        }

        return host;
    }

    /// <summary>A second replica on the same PostgreSQL.</summary>
    public async Task<PushHost> ReplicaAsync() => new(_catalog, false, await StartAsync(_catalog, Time), Time);

    public static PushRequest Request(string path, string text, PushVerb verb = PushVerb.Put, PushMode mode = PushMode.Replace) =>
        Request(path, Encoding.UTF8.GetBytes(text), ExpositionFormat.Text, verb, mode);

    /// <summary>A push that passed all checks that need no database.</summary>
    public static PushRequest Request(string path, byte[] body, ExpositionFormat format, PushVerb verb = PushVerb.Put, PushMode mode = PushMode.Replace)
    {
        GroupKey key = Key(path);
        GroupingLabels grouping = key.ForBody();
        MetricFamilies families = new();
        ExpositionFault fault = ExpositionReader.Read(body, format, Options, families);
        fault = fault.IsNone ? ContentRules.Check(families, grouping, Options) : fault;
        Assert.True(fault.IsNone, $"{fault.Reason.Id()}: {fault.Text}");
        return new PushRequest
        {
            Tenant = "ours", Key = key, Verb = verb, Mode = mode, Families = families, Grouping = grouping, Limits = NoLimits,
        };
    }

    /// <param name="path">For example <c>job=nightly,instance=</c>.</param>
    public static GroupKey Key(string path)
    {
        IEnumerable<KeyValuePair<string, string>> labels = path.Split(',').Select(static label => label.Split('=')).Select(static pair => KeyValuePair.Create(pair[0], pair[1]));
        Assert.True(GroupKey.TryCreate(labels, Options.Limits, out GroupKey key, out PushRefusal? refusal), refusal?.Text);
        return key;
    }

    public static IdempotencyKey Idempotent(string key, string fingerprint = "body") => new(key, SHA256.HashData(Encoding.UTF8.GetBytes(fingerprint)));

    /// <summary>Pushes, and says what became of it: <c>Stored</c>, <c>Refused type-conflict</c>.</summary>
    public async Task<string> PushAsync(PushRequest request)
    {
        PushOutcome outcome = await Store.PushAsync(request, Cancel);
        return outcome.Refusal is { } refusal ? $"{outcome.Fate} {refusal.Reason}" : outcome.Fate.ToString();
    }

    public Task<string> PutAsync(string path, string text, PushMode mode = PushMode.Replace) => PushAsync(Request(path, text, PushVerb.Put, mode));

    public Task<string> PostAsync(string path, string text, PushMode mode = PushMode.Replace) => PushAsync(Request(path, text, PushVerb.Post, mode));

    public Task<string> AddAsync(string path, string text) => PostAsync(path, text, PushMode.Sum);

    public Task<DeleteOutcome> DeleteAsync(string path) => Store.DeleteAsync("ours", Key(path), OnRecord, Cancel);

    /// <summary>Deletes all groups that match.</summary>
    public Task<DeleteOutcome> DeleteManyAsync(Func<GroupKey, bool> matches) => Store.DeleteManyAsync("ours", matches, isDryRun: false, OnRecord, Cancel);

    /// <summary>What is on record of a deletion.</summary>
    public static AuditRecord OnRecord(int groups) => AuditRecords.Full() with { Event = AuditEvents.PushDelete, Outcome = AuditOutcomes.Allow, Detail = $"{groups}" };

    /// <summary>All that is on record, stream by stream and in order.</summary>
    public async Task<IReadOnlyList<ChainedRecord>> RecordsAsync() =>
        [.. (await new AuditSearch(AuditTable, Time).ExportAsync(new AuditFilter(), AuditReach.All, Cancel).ToListAsync(Cancel))
            .Select(static record => record.Chained)
            .OrderBy(static record => record.Stream, StringComparer.Ordinal)
            .ThenBy(static record => record.Seq)];

    /// <summary>The numbers of groups that are on record, in order.</summary>
    public async Task<IReadOnlyList<int>> DeletedOnRecordAsync() =>
        [.. (await RecordsAsync()).Select(static record => int.Parse(record.Record.Detail!, CultureInfo.InvariantCulture))]; // not null: by OnRecord

    public Task<AuditVerification> VerifyAsync() => new AuditVerifier(AuditTable, Time).VerifyAsync(new AuditVerifyScope(), Cancel);

    /// <summary>The row, deleted or not; null if there is none.</summary>
    public Task<StoredGroup?> RowAsync(string path, string tenant = "ours") => Database.QueryFirstOrDefaultAsync<StoredGroup>(
        """
        SELECT g.*, p.body FROM push_groups g LEFT JOIN push_payloads p ON p.tenant = g.tenant AND p.key = g.key AND p.generation = g.generation
        WHERE g.tenant = @tenant AND g.key = @Bytes
        """,
        new { tenant, Key(path).Bytes },
        Cancel);

    /// <summary>The payload as text, a line a series.</summary>
    public async Task<string> ShowAsync(string path) => Show(await RowAsync(path));

    public static string Show(StoredGroup? row)
    {
        if (row is null || row.State == GroupState.Deleted)
        {
            return "none";
        }

        PayloadBody body = row.ReadBody();
        MetricFamilies families = new();
        body.ReadInto(families);
        StringBuilder text = new();
        SeriesLabels labels = new();
        foreach (FamilyEntry family in families.Families)
        {
            for (int metric = family.FirstMetric; metric < family.FirstMetric + family.Metrics; metric++)
            {
                labels.Merge(families, families.Metrics[metric], GroupingLabels.Empty);
                WriteBuffer lines = new();
                TextFormatWriter.WriteMetric(families, family, families.Metrics[metric], labels, instance: false, lines);
                foreach (string line in Encoding.UTF8.GetString(lines.Span).TrimEnd('\n').Split('\n'))
                {
                    text.Append(line).Append(body.IsStart(metric) ? " # start" : "").Append('\n');
                }
            }
        }

        return text.ToString().TrimEnd('\n');
    }

    /// <summary>Names with holders, as <c>name type holders</c>; those without are left out.</summary>
    public Task<IReadOnlyList<string>> NamesAsync() => Database.QueryAsync<string>(
        "SELECT name || ' ' || CAST(type AS text) || ' ' || CAST(refs AS text) FROM push_names WHERE refs > 0 ORDER BY name", null, Cancel);

    public Task<long> CountAsync(string table) => CountAsync(table, "1 = 1");

    public async Task<long> CountAsync(string table, string where) =>
        (await Database.QueryAsync<long>($"SELECT count(*) FROM {table} WHERE {where}", null, Cancel))[0];

    /// <summary><c>groups series bytes</c>.</summary>
    public async Task<string> UsageAsync(string tenant = "ours") => await Database.QueryFirstOrDefaultAsync<string>(
        "SELECT CAST(groups AS text) || ' ' || CAST(series AS text) || ' ' || CAST(bytes AS text) FROM push_usage WHERE tenant = @tenant", new { tenant }, Cancel) ?? "";

    /// <summary>As if the emitter had written the newest generation, with its zeros, just now.</summary>
    public Task WriteAsync(string path) => Database.ExecuteAsync(
        $"""
        UPDATE push_groups SET written_generation = generation, zeroed_generation = generation, dirty_since_ms = NULL, next_emit_ms = NULL,
            last_write_ms = {NowMs.ToString(CultureInfo.InvariantCulture)} WHERE key = @Bytes
        """,
        new { Key(path).Bytes },
        Cancel);

    public long NowMs => Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Moves the database's clock.</summary>
    public async Task AdvanceAsync(TimeSpan time)
    {
        Time.Advance(time);
        if (Database.Provider == CatalogProvider.PostgreSql)
        {
            await Database.ExecuteAsync("UPDATE test_clock SET ms = @NowMs", new { NowMs }, Cancel);
        }
    }

    public Task<double> MetricAsync(string series) => _host.MetricAsync(series);

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        if (_ownsCatalog)
        {
            await _catalog.DisposeAsync();
        }
    }

    private static Task<CatalogHost> StartAsync(EmptyCatalog catalog, WatchedTime time) => CatalogHost.StartAsync(catalog, more: services =>
    {
        services.AddPushStorage();

        // Tests say when it sweeps.
        services.Remove(services.Last(static service => service.ServiceType == typeof(IHostedService)));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<GroupSweeper>(provider, time));
        services.AddSingleton<PushTransactions>(provider =>
        {
            CatalogDatabase database = provider.GetRequiredService<CatalogDatabase>();
            PushStorageMetrics metrics = provider.GetRequiredService<PushStorageMetrics>();
            return new SentStatements(database.Provider == CatalogProvider.PostgreSql
                ? new PostgreSqlPushTransactions(database, metrics, NullLogger<PostgreSqlPushTransactions>.Instance)
                : new SqlitePushTransactions(database, metrics, time, NullLogger<SqlitePushTransactions>.Instance));
        });
    });
}

/// <summary>Remembers what is sent to the database.</summary>
internal sealed class SentStatements(PushTransactions inner) : PushTransactions, IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _statements = [];
    private int _roundTrips;

    public override bool IsPostgreSql => inner.IsPostgreSql;

    public IReadOnlyCollection<string> Statements => _statements;

    /// <summary>Called at the begin of each transaction, with its batch.</summary>
    public Func<IStatementBatch, ValueTask>? AtBegin { get; set; }

    /// <summary>Called before each batch of statements is sent.</summary>
    public Func<IReadOnlyList<Statement>, Task>? Before { get; set; }

    /// <summary>Called at the end of each work, before its commit.</summary>
    public Action? AtEnd { get; set; }

    /// <summary>Whether what was committed is not told: as if the connection were lost at that moment.</summary>
    public bool LosesAnswers { get; set; }

    /// <summary>Batches, and one for each commit.</summary>
    public int RoundTrips => _roundTrips;

    public void Clear()
    {
        _statements.Clear();
        _roundTrips = 0;
    }

    public override async Task<TransactionEnd<T>> RunAsync<T>(TransactionWork<T> work, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _roundTrips);
        TransactionEnd<T> end = await inner.RunAsync(
            async batch =>
            {
                if (AtBegin is { } begin)
                {
                    await begin(batch);
                }

                Decision<T> decision = await work(new Recorded(this, batch));
                AtEnd?.Invoke();
                return decision;
            },
            cancellationToken);
        return LosesAnswers ? new TransactionEnd<T>(PushFate.Away, default) : end;
    }

    public async ValueTask DisposeAsync()
    {
        if (inner is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
    }

    private sealed class Recorded(SentStatements sent, IStatementBatch batch) : IStatementBatch
    {
        public int Statements => batch.Statements;

        public DbTransaction Transaction => batch.Transaction;

        public async ValueTask RunAsync(IReadOnlyList<Statement> statements, CancellationToken cancellationToken)
        {
            if (sent.Before is { } before)
            {
                await before(statements);
            }

            Interlocked.Increment(ref sent._roundTrips);
            foreach (Statement statement in statements)
            {
                sent._statements.Enqueue(statement.Sql);
            }

            await batch.RunAsync(statements, cancellationToken);
        }
    }
}
