using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>Kill -9 under pushes, of the gateway and of its database: every push that was answered is there, once.</summary>
public sealed class PushKillTests
{
    private const string Tenant = "pusher";
    private const int Pushers = 6;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>
    /// Pushes that add one, each with a key of its own and repeated with it until it is answered. Whatever the kill met (before the commit, after it
    /// and before the answer), the sum is the number of pushes.
    /// </summary>
    [Theory]
    [InlineData("Sqlite")]
    [InlineData("PostgreSql")]
    public async Task Pushes_that_are_repeated_with_their_key_count_once_whatever_a_kill_of_the_gateway_met(string provider)
    {
        await using Workspace workspace = new();
        await using PostgreSqlServer? server = provider == "PostgreSql" ? await PostgreSqlServer.StartAsync(Cancellation) : null;
        (Gateway gateway, string token) = await StartAsync(workspace, server is null ? null : await server.CreateDatabaseAsync(Cancellation));
        using Load load = new(gateway.Url, token);
        Task running = load.RunAsync();

        for (int i = 0; i < 3; i++)
        {
            await load.UntilStoredAsync(40);
            gateway.Kill();
            await gateway.StartAsync(Cancellation);
        }

        await load.UntilStoredAsync(40);
        await load.EndAsync(running);

        Assert.True(load.Repeats > 0, "no kill met a push");
        Assert.Equal((load.Stored, load.Stored), (await CountAsync(gateway.Url, token), load.Sent));
    }

    [Fact]
    public async Task A_database_that_is_killed_under_pushes_loses_none_that_was_answered()
    {
        await using Workspace workspace = new();
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancellation);
        (Gateway gateway, string token) = await StartAsync(workspace, await server.CreateDatabaseAsync(Cancellation));
        using Load load = new(gateway.Url, token);
        Task running = load.RunAsync();

        for (int i = 0; i < 3; i++)
        {
            await load.UntilStoredAsync(40);
            await server.KillAsync();
            await server.StartAgainAsync(Cancellation);
        }

        await load.UntilStoredAsync(40);
        await load.EndAsync(running);

        Assert.Equal((load.Stored, load.Stored), (await CountAsync(gateway.Url, token), load.Sent));
        Assert.Empty(load.Unexpected);
    }

    private static async Task<(Gateway Gateway, string Token)> StartAsync(Workspace workspace, string? catalog)
    {
        Emulator emulator = await Emulator.StartAsync(workspace, [Tenant], Cancellation);
        string policy = $$"""
            version: 1
            tenants: { {{Tenant}}: { push: { limits: { pushesPerSecond: 0 } } } }
            bindings:
            - id: pusher
              match: { kind: app, client: [{{Emulator.ClientId(Tenant)}}], role: [Metrics.Write] }
              grant: { permissions: [metrics:push, metrics:read, metrics:delete], tenants: [{{Tenant}}] }
            """;
        Gateway gateway = await Gateway.StartAsync(
            workspace,
            emulator,
            new Dictionary<string, object> { ["nobody"] = new { Kind = "Prometheus", Url = $"http://127.0.0.1:{FreePorts.Take()}", Read = new { Enabled = false } } },
            [],
            Cancellation,
            policy: policy,
            catalog: catalog);
        return (gateway, await emulator.TokenAsync(Tenant, Cancellation));
    }

    private static async Task<long> CountAsync(Uri url, string token)
    {
        string json = await new PushClient(url, token).GetAsync("/api/v1/metrics");
        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement group = document.RootElement.GetProperty("data").EnumerateArray().Single();
        return long.Parse(
            group.GetProperty("runs_total").GetProperty("metrics")[0].GetProperty("value").GetString()!, NumberStyles.Float, CultureInfo.InvariantCulture); // not null: a value
    }

    /// <summary>Pushers that add one to the same counter, as fast as they are answered.</summary>
    private sealed class Load(Uri url, string token) : IDisposable
    {
        private static readonly byte[] Body = Encoding.ASCII.GetBytes("# TYPE runs_total counter\nruns_total 1\n");

        private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = url, Timeout = TimeSpan.FromSeconds(20) };
        private readonly SemaphoreSlim _answers = new(0);
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _unexpected = [];
        private int _sent;
        private int _stored;
        private int _repeats;
        private volatile bool _isEnding;

        public int Sent => _sent;

        public int Stored => _stored;

        public int Repeats => _repeats;

        /// <summary>Answers that are neither success nor "try again".</summary>
        public IReadOnlyCollection<string> Unexpected => _unexpected;

        public Task RunAsync() => Task.WhenAll(Enumerable.Range(0, Pushers).Select(_ => PushAsync()));

        public async Task UntilStoredAsync(int more)
        {
            for (int i = 0; i < more; i++)
            {
                Assert.True(await _answers.WaitAsync(TimeSpan.FromMinutes(1), Cancellation), "no push is answered");
            }
        }

        public async Task EndAsync(Task running)
        {
            _isEnding = true;
            await running;
        }

        public void Dispose()
        {
            _client.Dispose();
            _answers.Dispose();
        }

        private async Task PushAsync()
        {
            while (!_isEnding)
            {
                Interlocked.Increment(ref _sent);
                string key = Guid.NewGuid().ToString();
                while (!await TryPushAsync(key))
                {
                    Interlocked.Increment(ref _repeats);
                    await Task.Delay(TimeSpan.FromMilliseconds(50), Cancellation); // a sender's pause, not the test's
                }

                Interlocked.Increment(ref _stored);
                _answers.Release();
            }
        }

        private async Task<bool> TryPushAsync(string key)
        {
            using HttpRequestMessage request = new(HttpMethod.Post, "/sum/metrics/job/sum") { Content = new ByteArrayContent(Body) };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            request.Headers.Add("Idempotency-Key", key);
            try
            {
                using HttpResponseMessage answer = await _client.SendAsync(request, Cancellation);
                if ((int)answer.StatusCode is not (200 or 503))
                {
                    _unexpected.Enqueue($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Cancellation)}");
                }

                return (int)answer.StatusCode == 200;
            }
            catch (Exception fault) when (fault is HttpRequestException or IOException)
            {
                return false;
            }
        }
    }
}
