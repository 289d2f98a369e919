using System.Net;
using System.Net.Http.Headers;
using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>A gateway beside a real Pushgateway, and a token that may push, read and delete. Nobody takes what the gateway writes.</summary>
public sealed class PushStand : IAsyncLifetime
{
    internal const string Tenant = "pusher";

    private readonly Workspace _workspace = new();

    private Gateway? _gateway;
    private PushgatewayServer? _pushgateway;

    internal Uri Gateway => _gateway?.Url ?? throw new InvalidOperationException("not started");

    internal Uri Pushgateway => _pushgateway?.Url ?? throw new InvalidOperationException("not started");

    internal string Token { get; private set; } = "";

    internal string LogText => _gateway?.LogText ?? "";

    internal string Folder(string name) => _workspace.Folder(name);

    public async ValueTask InitializeAsync()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        Emulator emulator = await Emulator.StartAsync(_workspace, [Tenant], cancel);
        _pushgateway = await PushgatewayServer.StartAsync(_workspace, cancel);
        string policy = $$"""
            version: 1
            tenants: { {{Tenant}}: { push: { limits: { pushesPerSecond: 0 } } } }
            bindings:
            - id: pusher
              match: { kind: app, client: [{{Emulator.ClientId(Tenant)}}], role: [Metrics.Write] }
              grant: { permissions: [metrics:push, metrics:read, metrics:delete], tenants: [{{Tenant}}] }
            """;
        _gateway = await Programs.Gateway.StartAsync(
            _workspace,
            emulator,
            new Dictionary<string, object> { ["nobody"] = new { Kind = "Prometheus", Url = $"http://127.0.0.1:{FreePorts.Take()}", Read = new { Enabled = false } } },
            [],
            cancel,
            policy: policy,
            push: new { AllowWipe = true });
        Token = await emulator.TokenAsync(Tenant, cancel);
    }

    public ValueTask DisposeAsync() => _workspace.DisposeAsync();

    /// <summary>A client of either side; targets stand on the wire as they are given to it.</summary>
    internal PushClient To(Uri url) => new(url, url == Gateway ? Token : null);

    /// <summary>Deletes the groups of both sides.</summary>
    internal async Task WipeAsync()
    {
        foreach (Uri url in (Uri[])[Gateway, Pushgateway])
        {
            Assert.Equal(202, (await To(url).SendAsync("PUT", "/api/v1/admin/wipe")).Status);
        }
    }

    /// <summary>Start times, exemplars and native buckets of both sides are the same, which JSON and text do not show.</summary>
    /// <param name="steps">What came before, for the message.</param>
    internal async Task AssertSameFamiliesAsync(string steps) =>
        AssertEqual(steps, PushedFamilies.OfPushgateway(await To(Pushgateway).GetFamiliesAsync()), PushedFamilies.OfGateway(await To(Gateway).GetFamiliesAsync()));

    /// <summary>Groups and series of both sides are the same.</summary>
    /// <param name="steps">What came before, for the message.</param>
    internal async Task AssertSameContentAsync(string steps)
    {
        AssertEqual(steps, PushedContent.OfGroups(await To(Pushgateway).GetAsync("/api/v1/metrics")), PushedContent.OfGroups(await To(Gateway).GetAsync("/api/v1/metrics")));
        AssertEqual(steps, PushedContent.OfSeries(await To(Pushgateway).GetAsync("/metrics")), PushedContent.OfSeries(await To(Gateway).GetAsync("/metrics")));
    }

    private static void AssertEqual(string steps, IReadOnlyList<string> theirs, IReadOnlyList<string> ours) =>
        Assert.True(theirs.SequenceEqual(ours), $"{steps}\nonly theirs:\n{string.Join('\n', theirs.Except(ours))}\nonly ours:\n{string.Join('\n', ours.Except(theirs))}\n");
}

/// <summary>Sends requests as they are given, without a library's idea of what a path should be.</summary>
internal sealed class PushClient(Uri url, string? token)
{
    private static readonly HttpClient Client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false });

    public async Task<(int Status, string Text)> SendAsync(
        string method, string target, byte[]? body = null, string? contentType = null, string? contentEncoding = null, Action<HttpRequestMessage>? change = null)
    {
        Uri address = new(url.ToString().TrimEnd('/') + target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using HttpRequestMessage request = new(new HttpMethod(method), address);
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            Add("Content-Type", contentType);
            Add("Content-Encoding", contentEncoding);
        }

        change?.Invoke(request);
        try
        {
            using HttpResponseMessage answer = await Client.SendAsync(request, TestContext.Current.CancellationToken);
            return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
        catch (HttpRequestException e) when (e.HttpRequestError is HttpRequestError.ResponseEnded or HttpRequestError.Unknown)
        {
            // A Pushgateway drops the connection for some bodies.
            return (0, "connection dropped");
        }

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                request.Content!.Headers.TryAddWithoutValidation(name, value); // made above
            }
        }
    }

    public async Task<string> GetAsync(string target)
    {
        (int status, string text) = await SendAsync("GET", target);
        Assert.True(status == (int)HttpStatusCode.OK, $"{target}: {status} {text}");
        return text;
    }

    /// <summary>The families of <c>/metrics</c> in delimited protobuf.</summary>
    public async Task<byte[]> GetFamiliesAsync()
    {
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(url, "/metrics"));
        request.Headers.Accept.ParseAdd("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited");
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage answer = await Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.OK, "application/vnd.google.protobuf"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        return await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
    }
}

[CollectionDefinition(Name)]
public sealed class SharedPushStand : ICollectionFixture<PushStand>
{
    public const string Name = "push";
}
