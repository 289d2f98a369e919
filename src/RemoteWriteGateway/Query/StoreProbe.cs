using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Query;

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
    private readonly long _now;

    // At stores whose selectors must name a metric: one that the store has, as a matcher and a comma. Empty elsewhere.
    private string _metric = "";

    public StoreProbe(Store store, StoreReadSide side, string id, StoreReader reader, QueryOptions options, long now)
    {
        _side = side;
        _now = now;
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
        if (_side.SelectorsNameMetric)
        {
            return await FindMetricAsync();
        }

        _work.Form.Add("limit", "1");
        StoreTargets.TryGet(_scope, "/api/v1/labels", _work.Form, acceptsGzip: false, withTenants: false, out StoreReadRequest request);
        return await FindingOf(request) switch
        {
            ProbeFinding.Data => true,
            ProbeFinding.Empty => false,
            _ => null,
        };
    }

    /// <summary>Looks for a metric that has samples now, for the selectors to come: with another one, nothing coming back would prove nothing.</summary>
    private async Task<bool?> FindMetricAsync()
    {
        const int MaxTried = 20;
        StoreTargets.TryGet(_scope, "/api/v1/label/__name__/values", _work.Form, acceptsGzip: false, withTenants: false, out StoreReadRequest request);
        string[] names;
        using (JsonDocument? answer = (await JsonAsync(request)).Json)
        {
            if (answer is null || !TryData(answer, out JsonElement data) || data.ValueKind != JsonValueKind.Array)
            {
                return null;
            }

            if (data.GetArrayLength() == 0)
            {
                return false;
            }

            names = [.. data.EnumerateArray()
                .Where(name => name.ValueKind == JsonValueKind.String)
                .Select(name => name.GetString()!) // it is a text
                .Where(name => name.Length > 0 && LabelNames.IsPlain(name))
                .OrderByDescending(name => name == "up")
                .Take(MaxTried)];
        }

        foreach (string name in names)
        {
            _work.Form.Reset();
            _work.Form.Add("query", $"count({{__name__=\"{name}\"}})");
            if (await FindingOf(StoreTargets.Post(_scope, "/api/v1/query", _work.Form, acceptsGzip: false)) == ProbeFinding.Data)
            {
                _metric = $"__name__=\"{name}\",";
                return true;
            }
        }

        return null;
    }

    private void AddSpan(FormWriter form)
    {
        form.Add("start", (_now - 60).ToString(CultureInfo.InvariantCulture));
        form.Add("end", _now.ToString(CultureInfo.InvariantCulture));
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
        string matcher = _metric + _scope.Matcher;
        ProbeFinding counted = await FindingOf(RequestFor(api, $"count({{{matcher}}})"));
        return counted == ProbeFinding.Empty ? await FindingOf(RequestFor(api, $"{{{_metric}{_scope.Matcher.Label}=~\".+\",{_scope.Matcher}}}")) : counted;
    }

    private StoreReadRequest RequestFor(ReadApi api, string query)
    {
        FormWriter form = _work.Form;
        form.Reset();
        TenantMatcher? matcher = api == ReadApi.Series && !_scope.SeriesMatchers.IsEmpty ? _scope.SeriesMatchers[0] : _scope.Matcher;
        string selector = matcher is null ? "{__name__!=\"\"}" : $"{{{_metric}{matcher}}}";
        switch (api)
        {
            case ReadApi.Query:
                form.Add("query", query.Length > 0 ? query : "count({__name__!=\"\"})");
                break;
            case ReadApi.QueryRange:
                form.Add("query", query.Length > 0 ? query : "count({__name__!=\"\"})");
                // Where there is data: at another time, nothing coming back would prove nothing.
                AddSpan(form);
                form.Add("step", "60");
                break;
            case ReadApi.Exemplars:
                form.Add("query", selector);
                break;
            case ReadApi.Series or ReadApi.Labels or ReadApi.LabelValues:
                form.Add("match[]", selector);
                if (_side.SelectorsNameMetric)
                {
                    AddSpan(form);
                }

                if (api != ReadApi.LabelValues)
                {
                    break;
                }

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
