using System.Collections.Immutable;
using System.Text.Json;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;

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

        StoreProbe probe = new(store, side, id, reader, options);
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

/// <summary>What came back for a tenant that does not exist.</summary>
internal enum ProbeFinding
{
    /// <summary>Nothing that tells: no answer, or an error.</summary>
    Unclear,
    Empty,
    Data,
}

/// <summary>One round of questions to a store, for one id that no tenant has.</summary>
internal sealed class StoreProbe
{
    private const int MaxBytes = 4 << 20;

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(10);

    private readonly ReadScope _scope;
    private readonly StoreReadSide _side;
    private readonly StoreReader _reader;
    private readonly ReadWork _work = new();

    public StoreProbe(Store store, StoreReadSide side, string id, StoreReader reader, QueryOptions options)
    {
        _side = side;
        _reader = reader;
        _scope = new ReadScope(store, side, [new Tenancy.Tenant(id, [])], [id], ProbeLimits, options);
    }

    /// <summary>Routes that need a proof at this store.</summary>
    public ImmutableArray<ReadApi> Routes
    {
        get
        {
            ImmutableArray<ReadApi> routes =
                [ReadApi.Series, ReadApi.Labels, ReadApi.LabelValues, ReadApi.Query, ReadApi.QueryRange, ReadApi.Exemplars];
            if (_side.RemoteRead)
            {
                routes = routes.Add(ReadApi.RemoteRead);
            }

            return _side.Isolation == StoreIsolation.Label ? routes : [.. routes, ReadApi.Metadata, ReadApi.Rules, ReadApi.Alerts];
        }
    }

    private static ReadLimits ProbeLimits { get; } = (ReadLimits)new ReadLimitsReader(null).Read(NoSettings.Instance);

    /// <summary>The version that the store reports, or null.</summary>
    public async Task<string?> VersionAsync()
    {
        _work.Form.Reset();
        StoreTargets.TryGet(_scope, "/api/v1/status/buildinfo", _work.Form, acceptsGzip: false, withTenants: false, out StoreReadRequest request);
        using JsonDocument? answer = (await JsonAsync(request)).Json;
        return answer is not null && TryData(answer, out JsonElement data) && data.ValueKind == JsonValueKind.Object
            && data.TryGetProperty("version", out JsonElement version) && version.ValueKind == JsonValueKind.String
                ? version.GetString()
                : null;
    }

    /// <summary>Whether the store has any series, or null if it does not say.</summary>
    public async Task<bool?> HasDataAsync()
    {
        _work.Form.Reset();
        _work.Form.Add("limit", "1");
        StoreTargets.TryGet(_scope, "/api/v1/labels", _work.Form, acceptsGzip: false, withTenants: false, out StoreReadRequest request);
        return await FindingOf(request) switch
        {
            ProbeFinding.Data => true,
            ProbeFinding.Empty => false,
            _ => null,
        };
    }

    /// <summary>Isolation by header: whether the store answers a request without one, whatever it answers.</summary>
    public async Task<bool> AnswersWithoutTenantAsync()
    {
        _work.Form.Reset();
        StoreTargets.TryGet(_scope, "/api/v1/labels", _work.Form, acceptsGzip: false, withTenants: false, out StoreReadRequest request);
        (StoreAnswer? answer, Refusal? _, int? status) = await _reader.AskAsync(_side, request with { IsWithoutTenant = true }, TimeLimit, CancellationToken.None);
        answer?.Dispose();
        return status < 400;
    }

    /// <summary>Asks on one route.</summary>
    public async Task<ProbeFinding> AskAsync(ReadApi api)
    {
        if (api == ReadApi.RemoteRead)
        {
            return await RemoteReadProbe.AskAsync(_scope, _reader, TimeLimit);
        }

        if (api is not (ReadApi.Query or ReadApi.QueryRange) || _scope.Matcher is null)
        {
            return await FindingOf(RequestFor(api, ""));
        }

        // The second one shows that both matchers hold, not the last one alone.
        string matcher = _scope.Matcher.ToString();
        ProbeFinding counted = await FindingOf(RequestFor(api, $"count({{{matcher}}})"));
        return counted == ProbeFinding.Empty ? await FindingOf(RequestFor(api, $"{{{_scope.Matcher.Label}=~\".+\",{matcher}}}")) : counted;
    }

    private StoreReadRequest RequestFor(ReadApi api, string query)
    {
        FormWriter form = _work.Form;
        form.Reset();
        string selector = _scope.Matcher?.Selector() ?? "{__name__!=\"\"}";
        switch (api)
        {
            case ReadApi.Query:
                form.Add("query", query.Length > 0 ? query : "count({__name__!=\"\"})");
                break;
            case ReadApi.QueryRange:
                form.Add("query", query.Length > 0 ? query : "count({__name__!=\"\"})");
                form.Add("start", "0");
                form.Add("end", "60");
                form.Add("step", "60");
                break;
            case ReadApi.Exemplars:
                form.Add("query", selector);
                break;
            case ReadApi.Series or ReadApi.Labels:
                form.Add("match[]", selector);
                break;
            case ReadApi.LabelValues:
                form.Add("match[]", selector);
                StoreTargets.TryGet(_scope, "/api/v1/label/__name__/values", form, false, withTenants: true, out StoreReadRequest values);
                return values;
            default:
                StoreTargets.TryGet(_scope, ReadRoute.Of(api).Path, form, false, withTenants: true, out StoreReadRequest request);
                return request;
        }

        return StoreTargets.Post(_scope, ReadRoute.Of(api).Path, form, acceptsGzip: false);
    }

    private async Task<ProbeFinding> FindingOf(StoreReadRequest request)
    {
        (JsonDocument? json, Refusal? refusal, int? status) = await JsonAsync(request);
        using (json)
        {
            if (json is null)
            {
                // A redirect leads to whatever it leads to. A store that knows the tenant does not exist may say so.
                return status is >= 300 and < 400 || refusal?.Reason == "response-too-large" ? ProbeFinding.Data
                    : _scope.Matcher is null && status is >= 400 and < 500 ? ProbeFinding.Empty
                    : ProbeFinding.Unclear;
            }

            return !TryData(json, out JsonElement data) ? ProbeFinding.Unclear : IsEmpty(data) ? ProbeFinding.Empty : ProbeFinding.Data;
        }
    }

    private async Task<(JsonDocument? Json, Refusal? Refusal, int? Status)> JsonAsync(StoreReadRequest request)
    {
        (StoreAnswer? answer, Refusal? refusal, int? status) = await _reader.AskAsync(_side, request, TimeLimit, CancellationToken.None);
        if (answer is null)
        {
            return (null, refusal, status);
        }

        using (answer)
        {
            (BufferedAnswer? body, refusal) = await BufferedAnswer.ReadAsync(answer, MaxBytes, "");
            using (body)
            {
                try
                {
                    return (body is null ? null : JsonDocument.Parse(body.Bytes), refusal, status);
                }
                catch (JsonException)
                {
                    return (null, ReadRefusals.StoreInvalid("it is not JSON"), status);
                }
            }
        }
    }

    private static bool TryData(JsonDocument answer, out JsonElement data)
    {
        data = default;
        return answer.RootElement.ValueKind == JsonValueKind.Object
            && answer.RootElement.TryGetProperty("status", out JsonElement status) && status.ValueKind == JsonValueKind.String && status.ValueEquals("success")
            && answer.RootElement.TryGetProperty("data", out data);
    }

    // A list, or an object whose one list tells: result, groups, alerts. Metadata is an object of families.
    private static bool IsEmpty(JsonElement data) => data.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.Array => data.GetArrayLength() == 0,
        JsonValueKind.Object => !data.EnumerateObject().Any(member =>
            member.Name is "result" or "groups" or "alerts" ? member.Value.ValueKind == JsonValueKind.Array && member.Value.GetArrayLength() > 0
            : member.Name is not ("resultType" or "stats" or "groupNextToken")),
        _ => false,
    };
}
