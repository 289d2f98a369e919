using System.Globalization;
using System.Text;
using System.Text.Json;
using Npgsql;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>Gateways that share a PostgreSQL and write to one store. Refreshes and leases are as short as the configuration allows.</summary>
internal sealed class EmissionStand : IAsyncDisposable
{
    public const string Tenant = "pusher";
    public static readonly TimeSpan Lookback = TimeSpan.FromSeconds(22);

    private static readonly HttpClient Client = new();

    private readonly Workspace _workspace = new();
    private Emulator? _emulator;
    private string? _database;
    private object _store = new();

    public string Token { get; private set; } = "";

    public Workspace Workspace => _workspace;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <param name="store">Starts the store, and gives its section of <c>Stores</c>.</param>
    /// <param name="provider">Of the catalog; a SQLite file is for one gateway.</param>
    public static async Task<EmissionStand> StartAsync(Func<Workspace, Task<object>> store, string provider = "PostgreSql")
    {
        EmissionStand stand = new();
        if (provider == "PostgreSql")
        {
            PostgreSqlServer catalog = stand._workspace.Own(await PostgreSqlServer.StartAsync(Cancel));
            stand._database = await catalog.CreateDatabaseAsync(Cancel);
        }

        stand._emulator = await Emulator.StartAsync(stand._workspace, [Tenant], Cancel);
        stand._store = await store(stand._workspace);
        stand.Token = await stand._emulator.TokenAsync(Tenant, Cancel);
        return stand;
    }

    public static Task<PrometheusServer> PrometheusAsync(Workspace workspace) => PrometheusServer.StartAsync(
        workspace, "prometheus", PrometheusServer.Version3, static _ => "global: {}\n", Cancel, lookback: Lookback);

    /// <summary>The section of a store that takes what is written and is not read.</summary>
    public static object Section(IStore store) => new
    {
        Kind = store is PrometheusServer ? "Prometheus" : "VictoriaMetrics",
        Url = store.Url.ToString(),
        Read = new { Enabled = false },
    };

    /// <summary>Starts a replica.</summary>
    /// <param name="name">Of the replica.</param>
    /// <param name="failAt">The step at which it kills itself.</param>
    /// <param name="halts">Whether it only halts there, once, until it is told to continue.</param>
    /// <param name="ahead">How far its own clock is ahead, in whole seconds.</param>
    public Task<Gateway> GatewayAsync(string name, string? failAt = null, bool halts = false, TimeSpan ahead = default) => Gateway.StartAsync(
        _workspace,
        _emulator ?? throw new InvalidOperationException("not started"),
        new Dictionary<string, object> { ["main"] = _store },
        [],
        Cancel,
        catalog: _database,
        name: name,
        policy: $$"""
            version: 1
            tenants: { {{Tenant}}: { push: { limits: { pushesPerSecond: 0 } } } }
            bindings:
            - id: pusher
              match: { kind: app, client: [{{Emulator.ClientId(Tenant)}}], role: [Metrics.Write] }
              grant: { permissions: [metrics:push, metrics:read, metrics:delete], tenants: [{{Tenant}}] }
            """,
        push: new { Refresh = "00:00:10", Lease = "00:00:05", SendTimeout = "00:00:02" },
        failAt: failAt ?? (ahead == default ? null : ""),
        environment: new Dictionary<string, string>
        {
            ["RWGATEWAY_FAIL_BY"] = halts ? "Stop" : "Kill",
            ["RWGATEWAY_CLOCK_SECONDS"] = ahead.TotalSeconds.ToString(CultureInfo.InvariantCulture),
        });

    /// <summary>Has the database's clock differ from the true time. Wants a gateway that has made the schema.</summary>
    public async Task SetClockAsync(TimeSpan offset)
    {
        await using NpgsqlConnection connection = new(_database + ";Pooling=false");
        await connection.OpenAsync(Cancel);
        await using NpgsqlCommand command = new(
            $"""
            CREATE OR REPLACE FUNCTION rwgateway.now_ms() RETURNS bigint LANGUAGE sql VOLATILE
                AS 'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + {(long)offset.TotalMilliseconds}'
            """,
            connection);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    /// <summary>Sends a push with a key once. False if no answer came, or one that asks to come again: then it may be stored or not.</summary>
    public async Task<bool> TrySendAsync(Gateway gateway, string method, string path, string body, string key)
    {
        int status;
        string text;
        try
        {
            (status, text) = await new PushClient(gateway.Url, Token).SendAsync(
                method, path, Encoding.UTF8.GetBytes(body), change: request => request.Headers.Add("Idempotency-Key", key));
        }
        catch (HttpRequestException)
        {
            return false;
        }

        Assert.True(status is 200 or 503 or 0, $"{status} {text}\n{gateway.LogText}");
        return status == 200;
    }

    /// <summary>Sends a request of a pusher and expects its success. What a busy machine keeps waiting too long for its turn is refused and stored nowhere: it comes again.</summary>
    public async Task SendAsync(Gateway gateway, string method, string path, string body = "")
    {
        int status;
        string text;
        do
        {
            (status, text) = await new PushClient(gateway.Url, Token).SendAsync(method, path, Encoding.UTF8.GetBytes(body));
        }
        while (status == 503 && text.StartsWith("catalog-busy: ", StringComparison.Ordinal));

        Assert.True(status == (method == "DELETE" ? 202 : 200), $"{status} {text}\n{gateway.LogText}");
    }

    /// <summary>What an instant query gives now, at a Prometheus or what looks like one: value by labels without the metric's name.</summary>
    public static async Task<double?> InstantAsync(Uri store, string expression, long? timeMs = null)
    {
        string time = timeMs is { } at ? $"&time={(at / 1000.0).ToString("F3", CultureInfo.InvariantCulture)}" : "";
        string text = await Client.GetStringAsync(new Uri(store, $"/api/v1/query?query={Uri.EscapeDataString(expression)}{time}"), Cancel);
        JsonElement result = JsonDocument.Parse(text).RootElement.GetProperty("data").GetProperty("result");
        return result.GetArrayLength() == 0
            ? null
            : double.Parse(Assert.Single(result.EnumerateArray()).GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture); // a value is a string
    }

    /// <summary>Waits until a query gives a value, no longer than <paramref name="limit"/>.</summary>
    public static Task UntilAsync(Uri store, string expression, double? expected, TimeSpan limit, Func<string> log)
    {
        double? seen = null;
        return Eventually.TrueAsync(
            async () => (seen = await InstantAsync(store, expression)) == expected, () => $"{expression} is {seen}, not {expected}\n{log()}", Cancel, limit);
    }

    public ValueTask DisposeAsync() => _workspace.DisposeAsync();
}
