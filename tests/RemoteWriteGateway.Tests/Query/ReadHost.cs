using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using IronSnappy;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Tests.Forwarding;

namespace RemoteWriteGateway.Tests.Query;

/// <summary>
/// A gateway whose store is a <see cref="RecordingStore"/> that passes its proof, and readers of tenant <c>red</c>, of <c>blue</c>, and of both.
/// What the store answers beside the proof is said by each test.
/// </summary>
internal sealed class ReadHost : IAsyncDisposable
{
    public const string Policy = """
        version: 1
        tenants: { red: {}, blue: {} }
        bindings:
        - id: red-readers
          match: { kind: user, role: [Read.Red] }
          grant: { permissions: [metrics:read], tenants: [red] }
        - id: blue-readers
          match: { kind: user, role: [Read.Blue] }
          grant: { permissions: [metrics:read], tenants: [blue] }
        """;

    public const string EmptyVector = """{"status":"success","data":{"resultType":"vector","result":[]}}""";

    private ReadHost(GatewayHost gateway) => Gateway = gateway;

    public GatewayHost Gateway { get; }

    /// <summary>What the store answers; by default an empty list.</summary>
    public Func<ReceivedRequest, StoreAnswer> Answering { get; set; } = _ => Json("""{"status":"success","data":[]}""");

    /// <summary>What the store answers when it is asked for a tenant that does not exist, and what it reports about itself; null for what obeys.</summary>
    public Func<ReceivedRequest, StoreAnswer?> AnsweringProbes { get; set; } = _ => null;

    /// <summary>What readers' requests became, probes left out.</summary>
    public IReadOnlyList<ReceivedRequest> Asked => [.. Gateway.Store.Requests.Where(request => !IsProbe(request))];

    public string Red => Gateway.UserToken("Read.Red");

    public string Blue => Gateway.UserToken("Read.Blue");

    public string Both => Gateway.UserToken("Read.Red", "Read.Blue");

    /// <param name="settings">Configuration beside that of a readable store.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="probes">The store's answers to probes, from the first one on.</param>
    public static async Task<ReadHost> StartAsync(
        IEnumerable<(string, string?)>? settings = null, string policy = Policy, Func<ReceivedRequest, StoreAnswer?>? probes = null)
    {
        // The store is asked as soon as the gateway starts, so it must answer before anybody could say how.
        ReadHost? host = null;
        GatewayHost gateway = await GatewayHost.StartAsync(policy, [("Stores:main:Read:Enabled", "true"), .. settings ?? []], store: store =>
            store.Answering = request => IsProbe(request)
                ? (host?.AnsweringProbes ?? probes ?? (_ => null))(request) ?? Obey(request)
                : host!.Answering(request)); // readers come when it is there
        host = new ReadHost(gateway);
        if (probes is not null)
        {
            host.AnsweringProbes = probes;
        }

        return host;
    }

    public static StoreAnswer Json(string text, int status = 200) => new StoreAnswer(status, text).With("Content-Type", "application/json");

    /// <summary>Calls by GET, or by POST with a form.</summary>
    public async Task<(HttpStatusCode Status, string Text)> CallAsync(
        string target, string? form = null, string? token = null, Action<HttpRequestMessage>? change = null)
    {
        using HttpResponseMessage answer = await SendAsync(target, form, token, change);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    public async Task<HttpResponseMessage> SendAsync(
        string target, string? form = null, string? token = null, Action<HttpRequestMessage>? change = null)
    {
        using var request = new HttpRequestMessage(form is null ? HttpMethod.Get : HttpMethod.Post, target);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token ?? Red);
        if (form is not null)
        {
            request.Content = new StringContent(form, Encoding.UTF8, "application/x-www-form-urlencoded");
        }

        change?.Invoke(request);
        return await Gateway.Data.SendAsync(request, TestContext.Current.CancellationToken);
    }

    /// <summary>Calls, and the call is refused: its reason.</summary>
    public async Task<string> ReasonAsync(
        HttpStatusCode status, string target, string? form = null, string? token = null, Action<HttpRequestMessage>? change = null)
    {
        (HttpStatusCode actual, string text) = await CallAsync(target, form, token, change);
        Assert.True(status == actual, $"{(int)actual} {text}");
        JsonNode error = JsonNode.Parse(text)!; // an error has a body
        Assert.Equal("error", (string?)error["status"]);
        return ((string)error["error"]!).Split(':')[0];
    }

    /// <summary>The parameters of what the store received, in URL and body, decoded, in their order.</summary>
    public static IReadOnlyList<(string Name, string Value)> ParametersOf(ReceivedRequest request) =>
        [.. Pairs(request.Target.Contains('?', StringComparison.Ordinal) ? request.Target.Split('?', 2)[1] : ""), .. Pairs(Encoding.UTF8.GetString(request.Body))];

    /// <summary>What is on record of reads, newest first, once there are so many: a record is made after its answer.</summary>
    public async Task<IReadOnlyList<AuditRecord>> RecordsAsync(int count = 1)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        while (true)
        {
            await Gateway.Services.GetRequiredService<AuditLog>().FlushAsync(cancel);
            AuditPage page = await Gateway.Services.GetRequiredService<AuditSearch>().SearchAsync(
                new AuditFilter { Event = AuditEvents.Query }, AuditReach.All, null, 100, cancel);
            if (page.Items.Length >= count)
            {
                return [.. page.Items.Select(item => item.Chained.Record)];
            }
        }
    }

    public ValueTask DisposeAsync() => Gateway.DisposeAsync();

    private static IEnumerable<(string, string)> Pairs(string text) => text.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(pair =>
        (Uri.UnescapeDataString(pair.Split('=', 2)[0]), Uri.UnescapeDataString(pair.Split('=', 2)[1])));

    private static bool IsProbe(ReceivedRequest request) =>
        request.Target.EndsWith("/status/buildinfo", StringComparison.Ordinal)
        || request.Target.EndsWith("/labels?limit=1", StringComparison.Ordinal)
        || (request.Method == "GET" && request.Target.EndsWith("/labels", StringComparison.Ordinal)) // whether it answers without a tenant; readers' are POST
        || request.Target.EndsWith("/label/__name__/values", StringComparison.Ordinal) // a metric to ask about; readers' have a match[]
        || (request.Target.EndsWith("/query", StringComparison.Ordinal) && ParametersOf(request) is [("query", var query)]
            && query.StartsWith("count({__name__=\"", StringComparison.Ordinal) && !query.Contains("tenant", StringComparison.Ordinal))
        || request.Target.Contains("probe-", StringComparison.Ordinal)
        || request.Headers.Any(header => header.Value.Contains("probe-", StringComparison.Ordinal))
        || Encoding.UTF8.GetString(request.Header("Content-Encoding") == "snappy" ? Snappy.Decode(request.Body) : request.Body).Contains("probe-", StringComparison.Ordinal);

    private static StoreAnswer Obey(ReceivedRequest request) => request.Target.Split('?')[0] switch
    {
        var path when path.EndsWith("/status/buildinfo", StringComparison.Ordinal) => Json("""{"status":"success","data":{"version":"3.5.0","features":{}}}"""),
        _ when request.Target.EndsWith("/labels?limit=1", StringComparison.Ordinal) => Json("""{"status":"success","data":["__name__"]}"""),
        var path when path.EndsWith("/query", StringComparison.Ordinal) => Json(EmptyVector),
        var path when path.EndsWith("/query_range", StringComparison.Ordinal) => Json(EmptyVector.Replace("vector", "matrix", StringComparison.Ordinal)),
        var path when path.EndsWith("/read", StringComparison.Ordinal) => Samples([0x0A, 0x00]),
        _ => Json("""{"status":"success","data":[]}"""),
    };

    /// <summary>A remote read's answer in one piece.</summary>
    public static StoreAnswer Samples(byte[] message) => new StoreAnswer(200) { Bytes = Snappy.Encode(message) }
        .With("Content-Type", "application/x-protobuf").With("Content-Encoding", "snappy");
}
