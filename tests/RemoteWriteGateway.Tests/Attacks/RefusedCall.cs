using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using EntraEmulator.Faults;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Tests.Admin;
using RemoteWriteGateway.Tests.Audit;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>
/// A call that identity or policy must refuse, and all that such a refusal owes: status, challenge, reason in the body, both metrics, one
/// log record, one audit record; nothing of the token in any of them, nothing sent to the store, no URL asked but the issuer's.
/// </summary>
/// <param name="StatusCode">HTTP status of the answer.</param>
/// <param name="Reason">Id of the reason.</param>
internal sealed record RefusedCall(int StatusCode, string Reason)
{
    /// <summary>The pattern that the route was mapped with.</summary>
    public string Route { get; init; } = "/api/v1/write";

    /// <summary>Whether it may make the gateway ask the issuer for its keys.</summary>
    public bool MayFetchKeys { get; init; }

    /// <summary>Whether the route is one of remote write, which has a metric of its own.</summary>
    public bool IsWrite { get; init; } = true;

    /// <summary>Whether the route answers with problems: its text is then <c>reason: detail</c>.</summary>
    public bool IsProblem { get; init; }

    /// <summary>Whether the route answers in Prometheus' envelope.</summary>
    public bool IsRead { get; init; }

    /// <summary>False while the catalog is away: the audit record is in the spool then, and is not looked at.</summary>
    public bool IsCatalogThere { get; init; } = true;

    /// <summary>A call of <c>/whoami</c>.</summary>
    public static RefusedCall OfWhoAmI(int statusCode, string reason) => new(statusCode, reason) { Route = "/whoami", IsWrite = false, IsProblem = true };

    /// <summary>A call of the query API.</summary>
    public static RefusedCall OfRead(int statusCode, string reason) => new(statusCode, reason) { Route = "/api/v1/query", IsWrite = false, IsRead = true };

    /// <summary><c>WWW-Authenticate</c>; null if there is none.</summary>
    public string? Challenge { get; init; } = ChallengeOf(StatusCode, Reason);

    /// <summary>Sends the call and asserts all of it.</summary>
    /// <param name="gateway">Whom to.</param>
    /// <param name="send">Sends it, once.</param>
    /// <param name="tokens">The tokens in it, whole.</param>
    /// <returns>The answer's text, without the request's id.</returns>
    public async Task<string> AssertAsync(GatewayHost gateway, Func<Task<HttpResponseMessage>> send, params string[] tokens)
    {
        SelfMetrics before = await SelfMetrics.OfAsync(gateway);
        int logged = gateway.Logs.All.Count;
        long audited = IsCatalogThere ? await AuditedAsync(gateway) : 0;
        int stored = gateway.Store.Requests.Count;
        long fetched = gateway.IssuerRequests[EmulatedEndpoint.Metadata] + gateway.IssuerRequests[EmulatedEndpoint.Keys];

        using HttpResponseMessage answer = await send();

        string text = IsProblem ? await ProblemTextAsync(answer) : IsRead ? await ReadTextAsync(answer) : await WriteAnswerCheck.AssertWellFormedAsync(gateway, answer);
        Assert.Equal((StatusCode, Reason), ((int)answer.StatusCode, text.Split(':')[0]));
        Assert.Equal(Challenge, answer.Headers.TryGetValues("WWW-Authenticate", out IEnumerable<string>? challenge) ? challenge.Single() : null);

        SelfMetrics after = await SelfMetrics.OfAsync(gateway);
        AssertOneMore($$"""rwgateway_refusals_total{route="{{Route}}",reason="{{Reason}}"}""", before, after);
        Assert.Equal(1, after.Sum("rwgateway_refusals_total") - before.Sum("rwgateway_refusals_total"));
        if (IsWrite)
        {
            AssertOneMore($$"""rwgateway_ingest_refused_requests_total{tenant="_none",reason="{{Reason}}"}""", before, after);
        }

        string requestId = answer.Headers.GetValues("X-Request-Id").Single();
        string[] lines = [.. gateway.Logs.All.Skip(logged)];
        Assert.Single(lines, line => line.Contains($"{Route} with {StatusCode} {Reason} from 127.0.0.1 (request {requestId})", StringComparison.Ordinal));
        string everywhere = string.Join('\n', lines) + text + answer.Headers + after.Text;
        WriteAnswerCheck.AssertAbsent(tokens.SelectMany(SecretsOf).Except(Public), everywhere);

        if (IsCatalogThere)
        {
            await AssertAuditedAsync(gateway, audited, requestId, tokens);
        }
        Assert.Equal(stored, gateway.Store.Requests.Count);
        Assert.Empty(gateway.Backchannel.ForeignUrls);
        if (!MayFetchKeys)
        {
            Assert.Equal(fetched, gateway.IssuerRequests[EmulatedEndpoint.Metadata] + gateway.IssuerRequests[EmulatedEndpoint.Keys]);
        }

        return text.Replace($" (request {requestId})", "", StringComparison.Ordinal);
    }

    /// <summary>What stands in our own configuration, and so may stand in an answer.</summary>
    private static readonly string[] Public = [GatewayHost.Directory, GatewayHost.GatewayApp, $"api://{GatewayHost.GatewayApp}", "Metrics.Access", "unknown-key"];

    private static async Task<string> ProblemTextAsync(HttpResponseMessage answer)
    {
        JsonObject problem = await ProblemCheck.AssertWellFormedAsync(answer);
        return $"{problem["reason"]}: {problem["detail"]}";
    }

    private static async Task<string> ReadTextAsync(HttpResponseMessage answer)
    {
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        JsonObject error = JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!.AsObject(); // a refusal has a body
        Assert.Equal(["status", "errorType", "error"], error.Select(member => member.Key));
        Assert.Equal("error", (string?)error["status"]);
        Assert.EndsWith($"(request {answer.Headers.GetValues("X-Request-Id").Single()})", (string?)error["error"], StringComparison.Ordinal);
        return (string)error["error"]!; // compared above
    }

    private static string? ChallengeOf(int statusCode, string reason)
    {
        const string Realm = "Bearer realm=\"remote-write-gateway\"";
        return (statusCode, reason) switch
        {
            (401, "no-credentials") => Realm,
            (401, _) => $"{Realm}, error=\"invalid_token\", error_description=\"{reason}\"",
            (403, _) => $"{Realm}, error=\"insufficient_scope\", scope=\"api://{GatewayHost.GatewayApp}/.default\"",
            (400, "several-credentials") => $"{Realm}, error=\"invalid_request\"",
            _ => null,
        };
    }

    /// <summary>How many refusals are on record, singly or counted.</summary>
    private static async Task<long> AuditedAsync(GatewayHost gateway) => (await gateway.AuditAsync(AuditEvents.Refusal)).Sum(refusal => refusal.Count);

    /// <summary>One more is on record: singly with the request's id, or counted where there were many in a second. Of a token its claims may be, its text never.</summary>
    private async Task AssertAuditedAsync(GatewayHost gateway, long before, string requestId, string[] tokens)
    {
        IReadOnlyList<AuditRecord> refusals = await gateway.AuditAsync(AuditEvents.Refusal);
        Assert.Equal(before + 1, refusals.Sum(refusal => refusal.Count));
        AuditRecord record = refusals.SingleOrDefault(refusal => refusal.RequestId == requestId) ?? refusals.Last(refusal => refusal.FirstAt is not null);
        string outcome = StatusCode == 503 ? AuditOutcomes.Error : AuditOutcomes.Deny;
        Assert.Equal((Reason, StatusCode, Route, outcome, "127.0.0.1"), (record.Reason, record.HttpStatus, record.Route, record.Outcome, record.RemoteIp));
        if (record.RequestId is null)
        {
            Assert.True(refusals.Count(refusal => refusal.Reason == Reason && refusal.FirstAt is null) >= RefusalRate.MaxPerAddressAndReason);
        }

        string all = await gateway.AuditTextAsync();
        WriteAnswerCheck.AssertAbsent(tokens.SelectMany(token => token.Split('.')).Where(part => part.Length > 20), all);
    }

    private static void AssertOneMore(string series, SelfMetrics before, SelfMetrics after) => Assert.Equal((series, before[series] + 1), (series, after[series]));

    /// <summary>The parts of a token, and every text in its header and claims that could be told from other words.</summary>
    private static IEnumerable<string> SecretsOf(string token) =>
        token.Split('.').Concat(token.Split('.').Take(2).SelectMany(TextsOf)).Where(secret => secret.Length > 8);

    private static IEnumerable<string> TextsOf(string part)
    {
        try
        {
            using var json = JsonDocument.Parse(Base64Url.DecodeFromChars(part));
            return [.. Texts(json.RootElement)];
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            return [];
        }
    }

    private static IEnumerable<string> Texts(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().SelectMany(member => Texts(member.Value)),
        JsonValueKind.Array => value.EnumerateArray().SelectMany(Texts),
        JsonValueKind.String => [value.GetString()!],
        _ => [],
    };
}
