using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Push;

/// <summary>A gateway with pushers, readers and deleters of tenants <c>red</c> and <c>blue</c>, who are humans with roles.</summary>
internal sealed class PushHost : IAsyncDisposable
{
    public const string Bindings = """
        bindings:
        - id: red-pushers
          match: { kind: user, role: [Push.Red] }
          grant: { permissions: [metrics:push], tenants: [red] }
        - id: blue-pushers
          match: { kind: user, role: [Push.Blue] }
          grant: { permissions: [metrics:push], tenants: [blue] }
        - id: red-readers
          match: { kind: user, role: [Read.Red] }
          grant: { permissions: [metrics:read], tenants: [red] }
        - id: blue-readers
          match: { kind: user, role: [Read.Blue] }
          grant: { permissions: [metrics:read], tenants: [blue] }
        - id: red-deleters
          match: { kind: user, role: [Delete.Red] }
          grant: { permissions: [metrics:delete], tenants: [red] }
        - id: writers
          match: { kind: user, role: [Write.Red] }
          grant: { permissions: [metrics:write], tenants: [red] }
        - id: operators
          match: { kind: user, role: [Gateway.Admin] }
          grant: { permissions: [gateway:admin] }
        """;

    private PushHost(GatewayHost gateway) => Gateway = gateway;

    public GatewayHost Gateway { get; }

    public string Red => Gateway.UserToken("Push.Red");

    public string Blue => Gateway.UserToken("Push.Blue");

    public string Both => Gateway.UserToken("Push.Red", "Push.Blue");

    public string RedDeleter => Gateway.UserToken("Delete.Red");

    /// <param name="push">The value of <c>push</c> of tenant <c>red</c>, for example <c>{ limits: { maxGroups: 2 } }</c>.</param>
    /// <param name="limits">The value of <c>limits</c> of tenant <c>red</c>.</param>
    /// <param name="blue">The value of tenant <c>blue</c>.</param>
    /// <param name="settings">Configuration over the defaults.</param>
    /// <param name="catalog">The catalog's database; a file unless given.</param>
    public static async Task<PushHost> StartAsync(
        string push = "{}", string limits = "{}", string blue = "{}", IEnumerable<(string, string?)>? settings = null, EmptyCatalog? catalog = null) =>
        new(await GatewayHost.StartAsync(
            $"version: 1\ntenants: {{ red: {{ push: {push}, limits: {limits} }}, blue: {blue} }}\n{Bindings}", settings, catalog: catalog));

    /// <summary>Sends a request whose target stands on the wire as it is given here.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        string method, string target, string? token, byte[]? body = null, Action<HttpRequestMessage>? change = null)
    {
        Uri url = new(Gateway.Data.BaseAddress!.ToString().TrimEnd('/') + target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }); // not null: made with one
        using HttpRequestMessage request = new(new HttpMethod(method), url);
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
        }

        change?.Invoke(request);
        return await Gateway.Data.SendAsync(request, TestContext.Current.CancellationToken);
    }

    /// <summary>Sends a text and gives the status and the answer's reason, or nothing if there is no body.</summary>
    public async Task<(int Status, string Reason)> PushAsync(
        string target, string text, string? token = null, string method = "PUT", Action<HttpRequestMessage>? change = null)
    {
        using HttpResponseMessage answer = await SendAsync(method, target, token ?? Red, Encoding.UTF8.GetBytes(text), change);
        return ((int)answer.StatusCode, await ReasonAsync(answer));
    }

    /// <summary>Pushes, and it must be stored.</summary>
    public async Task StoreAsync(string target, string text, string? token = null, string method = "PUT", Action<HttpRequestMessage>? change = null) =>
        Assert.Equal((200, ""), await PushAsync(target, text, token, method, change));

    /// <summary>The groups of a tenant as <c>/api/v1/metrics</c> tells of them.</summary>
    public async Task<JsonArray> GroupsAsync(string? token = null)
    {
        using HttpResponseMessage answer = await SendAsync("GET", "/api/v1/metrics", token ?? Red);
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        Assert.Equal("success", (string?)JsonNode.Parse(text)!["status"]); // an answer is never null
        return JsonNode.Parse(text)!["data"]!.AsArray(); // and has data
    }

    /// <summary>The lines of <c>/metrics</c>, their labels sorted, without the two of bookkeeping, comments and HELP.</summary>
    public async Task<IReadOnlyList<string>> ScrapeAsync(string? token = null)
    {
        using HttpResponseMessage answer = await SendAsync("GET", "/metrics", token ?? Red);
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        return [.. text.Split('\n').Where(line => line.Length > 0 && line[0] != '#' && !line.StartsWith("push_", StringComparison.Ordinal)).Select(WithSortedLabels)];
    }

    /// <summary>The order of labels means nothing. No value in these tests has a comma or a brace.</summary>
    private static string WithSortedLabels(string line)
    {
        int start = line.IndexOf('{', StringComparison.Ordinal) + 1;
        int end = line.IndexOf('}', StringComparison.Ordinal);
        return $"{line[..start]}{string.Join(',', line[start..end].Split(',').Order(StringComparer.Ordinal))}{line[end..]}";
    }

    /// <summary>The JSON of an answer that must be a success.</summary>
    public async Task<JsonNode> JsonAsync(string method, string target, string token)
    {
        using HttpResponseMessage answer = await SendAsync(method, target, token);
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{(int)answer.StatusCode} {text}");
        return JsonNode.Parse(text)!; // an answer is never null
    }

    /// <summary>The reason's id of a refusal; empty for an answer without a body.</summary>
    public static async Task<string> ReasonAsync(HttpResponseMessage answer)
    {
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        if (answer.IsSuccessStatusCode)
        {
            return text;
        }

        Assert.Equal("text/plain; charset=utf-8", answer.Content.Headers.ContentType?.ToString());
        Assert.Matches(@"^[a-z0-9-]+: .+ \(request [0-9a-f-]{36}\)$", text);
        return text.Split(':')[0];
    }

    public ValueTask DisposeAsync() => Gateway.DisposeAsync();
}
