using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Push;
using RemoteWriteGateway.Push.Emission;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.Forwarding;

namespace RemoteWriteGateway.Tests.Push.Emission;

/// <summary>
/// A gateway that writes groups, with a catalog whose clock the test moves: in PostgreSQL by a function in place of <c>now_ms()</c>. Groups are put
/// into the tables as a push leaves them.
/// </summary>
internal sealed class EmissionGateway : IAsyncDisposable
{
    // Far more than anything takes here: a test that waits for what never comes says so instead of hanging.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly bool _ownsClock;
    private long _offsetMs;

    private EmissionGateway(GatewayHost host, bool ownsClock)
    {
        Host = host;
        _ownsClock = ownsClock;
    }

    public GatewayHost Host { get; }

    public RecordingStore Store => Host.Store;

    public CatalogDatabase Database => Host.Services.GetRequiredService<CatalogDatabase>();

    /// <summary>The database's time.</summary>
    public long NowMs => Host.NowMs + _offsetMs;

    private string Said => string.Join('\n', Host.Logs.All.Where(static line => line.StartsWith("Warning", StringComparison.Ordinal) || line.StartsWith("Error", StringComparison.Ordinal)));

    /// <param name="catalog">Its database.</param>
    /// <param name="settings">Configuration, as for <see cref="GatewayHost"/>.</param>
    /// <param name="policy">Tenants <c>ours</c> and <c>theirs</c> unless said otherwise.</param>
    /// <param name="failPoints">Where the test stops it.</param>
    /// <param name="options">Section <c>Push</c>; ranges do not bind here.</param>
    /// <param name="isSecond">Whether another one has set the clock.</param>
    /// <param name="store">Tells the store how to answer.</param>
    /// <param name="protocol">What the store takes.</param>
    public static async Task<EmissionGateway> StartAsync(
        EmptyCatalog catalog,
        IEnumerable<(string Key, string? Value)>? settings = null,
        string policy = GatewayHost.DefaultPolicy,
        IFailPoints? failPoints = null,
        PushOptions? options = null,
        bool isSecond = false,
        Action<RecordingStore>? store = null,
        string protocol = "v2")
    {
        GatewayHost host = await GatewayHost.StartAsync(
            policy,
            settings: [("Stores:main:Protocol", protocol), .. settings ?? []],
            catalog: catalog,
            store: store,
            services: services =>
            {
                services.AddSingleton(Options.Create(options ?? new PushOptions()));
                if (failPoints is not null)
                {
                    services.AddSingleton(failPoints);
                }
            });
        EmissionGateway gateway = new(host, !isSecond);
        await host.Services.GetRequiredService<CatalogChanges>().PollAsync(TestContext.Current.CancellationToken);
        if (gateway._ownsClock)
        {
            await gateway.SetClockAsync();
        }

        return gateway;
    }

    /// <summary>Lets time pass, for the gateway and for the database, and has the emitter look.</summary>
    public async Task AdvanceAsync(TimeSpan time)
    {
        Host.Time.Advance(time);
        if (_ownsClock)
        {
            await SetClockAsync();
        }

        Wake();
    }

    /// <summary>Has the database's clock differ from the gateway's.</summary>
    public Task SetOffsetAsync(TimeSpan offset)
    {
        _offsetMs = (long)offset.TotalMilliseconds;
        return SetClockAsync();
    }

    public void Wake() => Host.Services.GetRequiredService<PushWake>().Signal();

    /// <summary>Stores a push to the group of a job, as the push transaction leaves it, and wakes the emitter.</summary>
    /// <param name="text">The body; empty for no payload.</param>
    /// <param name="job">Names the group.</param>
    /// <param name="tenant">Whose.</param>
    /// <param name="started">Families with start bits.</param>
    public async Task PushAsync(string text, string job = "nightly", string tenant = "ours", params string[] started)
    {
        await ChangeAsync(job, tenant, text, GroupState.Live, started);
        Wake();
    }

    /// <summary>Deletes the group as the transaction leaves it.</summary>
    public async Task DeleteAsync(string job = "nightly", string tenant = "ours")
    {
        await ChangeAsync(job, tenant, "", GroupState.Deleted);
        Wake();
    }

    public async Task<StoredGroup> RowAsync(string job = "nightly", string tenant = "ours") =>
        await Database.QueryFirstOrDefaultAsync<StoredGroup>(
            "SELECT * FROM push_groups WHERE tenant = @tenant AND key = @key",
            new { tenant, key = Pushed.Key(("job", job)).Bytes },
            TestContext.Current.CancellationToken) ?? throw new InvalidOperationException($"There is no group {job}.");

    /// <summary>The next request to the store that nobody has waited for yet.</summary>
    public async Task<ReceivedRequest> NextAsync()
    {
        try
        {
            return await Store.NextAsync().AsTask().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException("No request came. The gateway said: " + Said);
        }
    }

    /// <summary>Waits until a group's row is as it should be.</summary>
    public async Task<StoredGroup> UntilAsync(Func<StoredGroup, bool> isSo, string job = "nightly", string tenant = "ours")
    {
        for (long begun = Environment.TickCount64; ;)
        {
            StoredGroup row = await RowAsync(job, tenant);
            if (isSo(row))
            {
                return row;
            }

            if (Environment.TickCount64 - begun > Patience.TotalMilliseconds)
            {
                throw new TimeoutException($"The row stays {System.Text.Json.JsonSerializer.Serialize(row)}. The gateway said: {Said}");
            }

            await Task.Yield();
        }
    }

    /// <summary>Waits until the group rests: what it is has been written.</summary>
    public Task<StoredGroup> UntilWrittenAsync(string job = "nightly", string tenant = "ours") =>
        UntilAsync(static row => row is { InflightStep: null, DirtySinceMs: null, LeaseOwner: null }, job, tenant);

    public ValueTask DisposeAsync() => Host.DisposeAsync();

    private async Task SetClockAsync()
    {
        if (Database.Provider == CatalogProvider.PostgreSql)
        {
            await Database.ExecuteAsync(
                $"CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT {NowMs}::bigint $$", null, TestContext.Current.CancellationToken);
        }
    }

    private Task ChangeAsync(string job, string tenant, string text, GroupState state, params string[] started)
    {
        GroupKey key = Pushed.Key(("job", job));
        long now = NowMs;
        byte[]? body = Pushed.Stored(key, text, now, started);
        CancellationToken cancel = TestContext.Current.CancellationToken;
        return Database.TransactAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync(
                    """
                    INSERT INTO push_groups (tenant, key, labels, mode, state, created_ms, push_ms, fail_ms, series, bytes, generation, changed_ms, dirty_since_ms,
                        last_sample_ms, next_emit_ms, lease_until_ms, zeroed_generation, emission, attempts)
                    VALUES (@tenant, @Bytes, @LabelsJson, 0, @state, @now, @now, 0, @series, @size, 1, @now, @now, 0, @now, 0, 0, 0, 0)
                    ON CONFLICT (tenant, key) DO UPDATE SET state = @state, push_ms = CASE WHEN @state = 2 THEN push_groups.push_ms ELSE @now END, changed_ms = @now,
                        generation = push_groups.generation + 1, dirty_since_ms = coalesce(push_groups.dirty_since_ms, @now), next_emit_ms = @now
                    """,
                    new { tenant, key.Bytes, key.LabelsJson, state = (int)state, now, series = 2, size = body?.Length ?? 0 },
                    cancel);
                if (body is not null)
                {
                    await transaction.ExecuteAsync(
                        """
                        INSERT INTO push_payloads (tenant, key, generation, body)
                        SELECT tenant, key, generation, @body FROM push_groups WHERE tenant = @tenant AND key = @Bytes
                        """,
                        new { tenant, key.Bytes, body },
                        cancel);
                }
            },
            cancel);
    }
}

/// <summary>Stops the gateway at a point until the test lets it go on.</summary>
internal sealed class Holding : IFailPoints
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly FailPoint _point;
    private int _held;

    public Holding(FailPoint point) => _point = point;

    /// <summary>Completes when the point is reached for the first time; only then it holds.</summary>
    public Task Reached => _reached.Task;

    public void Release() => _released.TrySetResult();

    public Task ReachAsync(FailPoint point)
    {
        if (point != _point || Interlocked.Exchange(ref _held, 1) != 0)
        {
            return Task.CompletedTask;
        }

        _reached.TrySetResult();
        return _released.Task;
    }
}
