using System.Net.Http.Headers;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;

namespace RemoteWriteGateway.EndToEnd.Tests.Reads;

/// <summary>
/// Three real stores behind one gateway. At each a tenant <c>red-…</c> owns <c>lift_floor</c> and oddly named metrics, a tenant <c>blue-…</c>
/// owns <c>vault_balance</c>, and a series belongs to nobody. Only what is not red's has <see cref="Secret"/> and <see cref="SecretValue"/> in it.
/// </summary>
public sealed class ReadStand : IAsyncLifetime
{
    internal const string Secret = "hush";
    internal const string SecretValue = "424242";

    private static readonly HttpClient Client = new() { Timeout = TimeSpan.FromMinutes(1) };

    private readonly Workspace _workspace = new();
    private Gateway? _gateway;
    private Emulator? _emulator;

    public static IReadOnlyList<string> Stores { get; } = ["prometheus3", "prometheus2", "victoriametrics"];

    internal Workspace Workspace => _workspace;

    internal Gateway Gateway => _gateway ?? throw new InvalidOperationException("not started");

    internal Emulator Emulator => _emulator ?? throw new InvalidOperationException("not started");

    /// <summary>When the newest samples were taken.</summary>
    internal DateTimeOffset Now { get; private set; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        IStore[] stores =
        [
            await PrometheusServer.StartStoreAsync(_workspace, "prometheus3", PrometheusServer.Version3, Cancellation),
            await PrometheusServer.StartStoreAsync(_workspace, "prometheus2", PrometheusServer.Version2, Cancellation),
            await VictoriaMetricsServer.StartAsync(_workspace, Cancellation),
        ];
        Dictionary<string, object> settings = [];
        List<GatewayTenant> tenants = [];
        Now = DateTimeOffset.UtcNow;
        foreach ((string name, IStore store) in Stores.Zip(stores))
        {
            await FillAsync(store.Url, name);
            settings[name] = new { Kind = name == "victoriametrics" ? "VictoriaMetrics" : "Prometheus", Url = store.Url.ToString().TrimEnd('/') };
            tenants.Add(new GatewayTenant($"red-{name}", name));
            tenants.Add(new GatewayTenant($"blue-{name}", name));
        }

        _emulator = await Emulator.StartAsync(_workspace, [.. tenants.Select(tenant => tenant.Name)], Cancellation);
        _gateway = await Gateway.StartAsync(_workspace, _emulator, settings, tenants, Cancellation, moreBindings: string.Concat(tenants.Select(tenant => $$"""
            - id: reader-{{tenant.Name}}
              match: { kind: app, client: [{{Emulator.ClientId(tenant.Name)}}], role: [Metrics.Write] }
              grant: { permissions: [metrics:read], tenants: [{{tenant.Name}}] }

            """)));
        foreach (string store in Stores)
        {
            // VictoriaMetrics shows what was written after a second or so.
            await Eventually.TrueAsync(
                async () => (await GetAsync(store, $"/api/v1/query?query=lift_floor&time={Now.ToUnixTimeSeconds()}")).Text.Contains("\"7\"", StringComparison.Ordinal),
                () => $"{store} does not show what was written to it",
                Cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _workspace.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    internal Task<string> TokenAsync(string tenant) => Emulator.TokenAsync(tenant, Cancellation);

    internal Task<(int Status, string Text)> GetAsync(string store, string target, string tenant = "red") => SendAsync(HttpMethod.Get, store, target, null, tenant);

    internal Task<(int Status, string Text)> PostAsync(string store, string path, IEnumerable<KeyValuePair<string, string>> form, string tenant = "red") =>
        SendAsync(HttpMethod.Post, store, path, form, tenant);

    private async Task<(int Status, string Text)> SendAsync(HttpMethod method, string store, string target, IEnumerable<KeyValuePair<string, string>>? form, string tenant)
    {
        using HttpRequestMessage request = new(method, new Uri(Gateway.Url, target));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await CachedTokenAsync($"{tenant}-{store}"));
        request.Content = form is null ? null : new FormUrlEncodedContent(form);
        using HttpResponseMessage answer = await Client.SendAsync(request, Cancellation);
        string head = string.Join('\n', answer.Headers.Concat(answer.Content.Headers).Select(header => $"{header.Key}: {string.Join(',', header.Value)}"));
        string text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.DoesNotContain(Secret, head, StringComparison.OrdinalIgnoreCase);
        return ((int)answer.StatusCode, text);
    }

    private readonly Dictionary<string, string> _tokens = [];

    private async Task<string> CachedTokenAsync(string tenant)
    {
        lock (_tokens)
        {
            if (_tokens.TryGetValue(tenant, out string? known))
            {
                return known;
            }
        }

        string token = await TokenAsync(tenant);
        lock (_tokens)
        {
            return _tokens[tenant] = token;
        }
    }

    private async Task FillAsync(Uri store, string name)
    {
        DirectWriter writer = new(new Uri(store, "/api/v1/write"), token: null);
        (string Name, string Value) red = ("tenant", $"red-{name}");
        (string Name, string Value) blue = ("tenant", $"blue-{name}");
        for (int i = 4; i >= 0; i--)
        {
            long time = Now.AddSeconds(-15 * i).ToUnixTimeMilliseconds();
            List<WireSeries> series =
            [
                WireSeries.Of("lift_floor", time, 7, red, ("zone", "a")),
                WireSeries.Of("vault_balance", time, 424242, blue, ("hush_label", "hush_blue"), ("zone", "hush_zone")),
                WireSeries.Of("vault_untagged", time, 424242, ("hush_label", "hush_nobody")),
                WireSeries.Of("target_info", time, 1, blue, ("job", "j"), ("instance", "i"), ("hush_label", "hush_info")),
            ];
            series.AddRange(OddNames.Select(odd => WireSeries.Of(odd, time, 3, red)));
            WriteAnswer answer = await writer.SendAsync(WireSeries.ToV1(series), DirectWriter.V1, Cancellation);
            Assert.True(answer.IsSuccess, answer.Text);
        }
    }

    /// <summary>Names of metrics that are words of PromQL or MetricsQL.</summary>
    internal static IReadOnlyList<string> OddNames { get; } = ["sum", "by", "step", "Offset", "fill", "default", "prefix", "with", ":"];
}
