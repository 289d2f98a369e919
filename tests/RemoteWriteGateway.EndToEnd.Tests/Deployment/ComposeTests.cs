using System.Buffers.Text;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;

namespace RemoteWriteGateway.EndToEnd.Tests.Deployment;

/// <summary>What can be run of <c>docker-compose.yml</c> without an engine: Compose reads it, and Grafana's sign-in and reads, step by step, with its own files.</summary>
public sealed class ComposeTests
{
    private const string Verifier = "a-verifier-of-at-least-forty-three-characters-long";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Docker_Compose_takes_the_file()
    {
        await using Workspace workspace = new();
        CommandResult result = await Command.RunAsync(
            Repository.RealProgram("RWGATEWAY_COMPOSE", "Docker Compose 2"),
            ["--file", Repository.PathOf("docker-compose.yml"), "config", "--format", "json"],
            workspace.Folder("compose"),
            Cancellation);

        Assert.True(result.Code == 0, result.Text);
        Assert.DoesNotContain("warning", result.Error, StringComparison.OrdinalIgnoreCase);
        JsonNode file = JsonNode.Parse(result.Output)!; // A JSON object, or it has failed.
        Assert.Equal(["entra", "gateway", "grafana", "postgres", "sender", "store"], file["services"]!.AsObject().Select(service => service.Key).Order(StringComparer.Ordinal));
        Assert.All(file["secrets"]!.AsObject(), secret => Assert.Contains("/deploy/compose/secrets/", (string)secret.Value!["file"]!, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_signs_in_to_Grafana_sees_the_tenants_of_their_own_token()
    {
        await using Workspace workspace = new();
        PrometheusServer store = await PrometheusServer.StartStoreAsync(workspace, "store", PrometheusServer.Version3, Cancellation);
        string template = await File.ReadAllTextAsync(Repository.PathOf("deploy/compose/emulator.template.json"), Cancellation);
        Emulator emulator = await Emulator.StartAsync(workspace, started => started.Listen(template), Cancellation);
        Gateway gateway = await Gateway.StartAsync(
            workspace,
            emulator,
            new Dictionary<string, object> { ["main"] = new { Kind = "Prometheus", Url = store.Url.ToString().TrimEnd('/') } },
            [],
            Cancellation,
            policy: await File.ReadAllTextAsync(Repository.PathOf("deploy/compose/gateway/policy.yaml"), Cancellation));

        // A little old, so that a clock that is set back meanwhile does not put it into the future, where no query looks.
        DateTimeOffset now = DateTimeOffset.UtcNow.AddSeconds(-10);
        foreach (string tenant in (string[])["payments", "others"])
        {
            WriteAnswer written = await new DirectWriter(new Uri(store.Url, "/api/v1/write"), token: null).SendAsync(
                WireSeries.ToV1([WireSeries.Of("up", now.ToUnixTimeMilliseconds(), 1, ("tenant", tenant), ("job", "job-of-" + tenant))]), DirectWriter.V1, Cancellation);
            Assert.True(written.IsSuccess, written.Text);
        }

        Dictionary<string, string> grafana = [];
        foreach (string line in await File.ReadAllLinesAsync(Repository.PathOf("deploy/compose/grafana/grafana.ini"), Cancellation))
        {
            string[] pair = line.Split('=', 2, StringSplitOptions.TrimEntries);
            grafana[pair[0]] = pair[^1];
        }

        string ann = await SignInAsync(emulator, grafana, "ann");
        string bob = await SignInAsync(emulator, grafana, "bob");

        foreach (string query in Expressions())
        {
            (int status, string text) = await AskAsync(gateway, ann, query);
            Assert.True(status == 200, $"{query}: {status} {text}");
            Assert.DoesNotContain("others", text, StringComparison.Ordinal);
        }

        // The store was started and written to a moment ago, and shares the machine with other tests.
        string seen = "";
        await Eventually.TrueAsync(
            async () => (seen = (await AskAsync(gateway, ann, "sum by (job) (up)")).Text).Contains("job-of-payments", StringComparison.Ordinal), () => $"{seen}\n{gateway.LogText}", Cancellation);
        Assert.Equal(403, (await AskAsync(gateway, bob, "up")).Status);
    }

    /// <summary>What Grafana and the browser do when somebody signs in.</summary>
    private static async Task<string> SignInAsync(Emulator emulator, Dictionary<string, string> grafana, string user)
    {
        using HttpClientHandler handler = new() { AllowAutoRedirect = false };
        using HttpClient browser = new(handler);
        string redirect = grafana["root_url"] + "login/generic_oauth";
        string challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));
        string page = new Uri(grafana["auth_url"]).AbsolutePath
            + $"?client_id={grafana["client_id"]}&response_type=code&redirect_uri={Uri.EscapeDataString(redirect)}&scope={Uri.EscapeDataString(grafana["scopes"])}"
            + $"&state=s&code_challenge={challenge}&code_challenge_method=S256&login_hint={user}";
        using HttpResponseMessage back = await browser.GetAsync(new Uri(emulator.PlainUrl, page), Cancellation);
        Assert.True(back.Headers.Location is not null, await back.Content.ReadAsStringAsync(Cancellation));
        string code = back.Headers.Location.Query.TrimStart('?').Split('&').Single(part => part.StartsWith("code=", StringComparison.Ordinal))[5..];
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(emulator.PlainUrl, new Uri(grafana["token_url"]).AbsolutePath));
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{grafana["client_id"]}:GRAFANA_SECRET")));
        request.Content = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "authorization_code",
            ["code"] = code,
            ["redirect_uri"] = redirect,
            ["code_verifier"] = Verifier,
        });
        using HttpResponseMessage answer = await browser.SendAsync(request, Cancellation);
        JsonNode tokens = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))!; // A JSON object, or the test fails.
        Assert.True(answer.IsSuccessStatusCode, tokens.ToJsonString());
        Assert.NotNull(tokens["refresh_token"]);
        Assert.NotNull(tokens["id_token"]);
        return (string)tokens["access_token"]!; // not null: it is in every success
    }

    private static async Task<(int Status, string Text)> AskAsync(Gateway gateway, string token, string query)
    {
        using HttpClient client = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(gateway.Url, "/api/v1/query"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["query"] = query });
        using HttpResponseMessage answer = await client.SendAsync(request, Cancellation);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancellation));
    }

    /// <summary>What the dashboard asks, with its variables filled in.</summary>
    private static List<string> Expressions() =>
    [
        .. JsonNode.Parse(File.ReadAllText(Repository.PathOf("deploy/compose/grafana/dashboards/tenant.json")))!["panels"]!.AsArray()
            .SelectMany(panel => panel!["targets"]!.AsArray())
            .Select(target => ((string)target!["expr"]!).Replace("$__rate_interval", "1m", StringComparison.Ordinal).Replace("$job", ".+", StringComparison.Ordinal)),
    ];
}
