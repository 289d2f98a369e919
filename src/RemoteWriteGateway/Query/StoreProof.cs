using RemoteWriteGateway.Forwarding;

namespace RemoteWriteGateway.Query;

/// <summary>What is known of a route at a store.</summary>
internal enum RouteState
{
    /// <summary>Not asked yet, or without an answer.</summary>
    Unproven,

    /// <summary>Nothing came back, as it must; but the store has no data at all, so that this proves nothing. Answered by us.</summary>
    Empty,

    /// <summary>The store has data, and gives none of it to a tenant that does not exist.</summary>
    Proven,

    /// <summary>Data came back that nobody should get. The route is off.</summary>
    Failed,
}

/// <summary>
/// Has a store show that it keeps tenants apart before readers reach it: it is asked for a tenant that cannot exist, by the requests that
/// serve readers. An unreachable store keeps its last verdict.
/// </summary>
internal sealed partial class StoreProof(
    Store store, StoreReadSide side, Func<string, bool> isTenant, StoreReader reader, QueryOptions options, QueryMetrics metrics, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan MinInterval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly RouteState[] _states = new RouteState[ReadRoute.All.Length];
    private Task _running = Task.CompletedTask;
    private long _begun;
    private bool _hasBegun;
    private volatile string? _version;
    private volatile bool _wasAway;

    /// <summary>The version that the store reports; null until it did.</summary>
    public string? Version => _version;

    public StoreReadSide Side => side;

    /// <summary>Whether the store takes <c>info()</c> with a selector of its own: Prometheus 3.10.</summary>
    public bool TakesScopedInfo => System.Version.TryParse(_version?.Split('-')[0], out Version? version) && version >= new Version(3, 10);

    /// <summary>The state of a route now.</summary>
    public RouteState StateOf(ReadApi api)
    {
        lock (_gate)
        {
            return _states[(int)api];
        }
    }

    /// <summary>The state of a route; if it is not known yet, after one probe, which all that wait for it share.</summary>
    public async ValueTask<RouteState> KnownStateAsync(ReadApi api, CancellationToken gone)
    {
        RouteState state = StateOf(api);
        if (_wasAway)
        {
            // It may be another program that has come back at that address.
            _wasAway = false;
            _ = ProbeAsync();
        }

        if (state is RouteState.Proven or RouteState.Failed)
        {
            return state;
        }

        await ProbeAsync().WaitAsync(gone);
        return StateOf(api);
    }

    /// <summary>The store was not reachable: when it is again, it is asked again.</summary>
    public void NoteAway() => _wasAway = true;

    /// <summary>An answer had data of other tenants, and was dropped. Never which data.</summary>
    public void TellViolation(ReadRoute route) => LogViolation(store.Name, route.Name);

    /// <summary>Asks the store, at most once a second.</summary>
    public Task ProbeAsync()
    {
        lock (_gate)
        {
            if (!_running.IsCompleted || (_hasBegun && time.GetElapsedTime(_begun) < MinInterval))
            {
                return _running;
            }

            _hasBegun = true;
            _begun = time.GetTimestamp();
            return _running = Task.Run(ProbeNowAsync);
        }
    }

    private async Task ProbeNowAsync()
    {
        string id;
        do
        {
            id = $"probe-{Guid.NewGuid()}";
        }
        while (isTenant(id));

        StoreProbe probe = new(store, side, id, reader, options, time.GetUtcNow().ToUnixTimeSeconds());
        _version = await probe.VersionAsync() ?? _version;
        bool? hasData = side.Isolation == StoreIsolation.Label ? await probe.HasDataAsync() : true;
        bool isOpen = side.Isolation == StoreIsolation.Header && await probe.AnswersWithoutTenantAsync();
        foreach (ReadApi api in probe.Routes)
        {
            ProbeFinding finding = isOpen ? ProbeFinding.Data : await probe.AskAsync(api);
            Set(api, finding switch
            {
                ProbeFinding.Data => RouteState.Failed,
                ProbeFinding.Empty when hasData is true => RouteState.Proven,
                ProbeFinding.Empty when hasData is false => RouteState.Empty,
                _ => null,
            });
        }
    }

    private void Set(ReadApi api, RouteState? found)
    {
        RouteState before;
        lock (_gate)
        {
            before = _states[(int)api];

            // An empty store says nothing about one that had data a while ago, and may have it again.
            if (found is { } state && !(state == RouteState.Empty && before is RouteState.Proven or RouteState.Failed))
            {
                _states[(int)api] = state;
            }
        }

        RouteState now = StateOf(api);
        metrics.Show(store.Name, ReadRoute.Of(api), now);
        if (now == before)
        {
            return;
        }

        if (now == RouteState.Failed)
        {
            LogFailed(store.Name, ReadRoute.Of(api).Name);
        }
        else
        {
            LogState(store.Name, ReadRoute.Of(api).Name, now);
        }
    }

    [LoggerMessage(LogLevel.Error, "Store {Store} gave data of others on {Route} to a tenant that does not exist: the route is off")]
    private partial void LogFailed(string store, string route);

    [LoggerMessage(LogLevel.Error, "Store {Store} answered on {Route} with data outside of the read's tenants: the answer was dropped")]
    private partial void LogViolation(string store, string route);

    [LoggerMessage(LogLevel.Information, "Store {Store}, route {Route}: {State}")]
    private partial void LogState(string store, string route, RouteState state);
}
