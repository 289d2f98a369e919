using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json;
using RemoteWriteGateway.EndToEnd.Tests.Isolation;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.EndToEnd.Tests.Outages;

/// <summary>Kill -9 under load, of the gateway and of its database: what is on record afterwards, as <c>rwgateway audit</c> tells it.</summary>
public sealed class AuditKillTests
{
    private const string Tenant = "payments";
    private const string Foreign = "platform";
    private const int Writers = 4;

    /// <summary>A single record is durable 250 ms after its event; a busy machine runs neither sender nor gateway all the time.</summary>
    private static readonly TimeSpan LastMoments = TimeSpan.FromSeconds(1);

    /// <summary>Less than 50 a second, so that each has a record of its own.</summary>
    private static readonly TimeSpan RefusalPause = TimeSpan.FromMilliseconds(30);

    private static readonly TimeSpan FoldInterval = TimeSpan.FromSeconds(1);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Sqlite")]
    [InlineData("PostgreSql")]
    public async Task A_gateway_that_is_killed_under_load_has_every_answered_admin_call_on_record_and_all_else_but_the_last_moments(string provider)
    {
        await using Workspace workspace = new();
        await using Stand stand = await Stand.StartAsync(workspace, provider);
        using Load load = new(stand.Gateway, await stand.Emulator.TokenAsync(Tenant, Cancellation));
        await load.RunAsync(TimeSpan.FromSeconds(6), stand.Gateway.Kill);

        await stand.Gateway.StartAsync(Cancellation);
        await stand.UntilReplayedAsync();

        (int code, string verdict) = await stand.Gateway.CommandAsync(Cancellation, "audit", "verify");
        Assert.True(code == 2, verdict); // intact; the killed run is not closed
        Assert.Contains("\nintact: ", "\n" + verdict, StringComparison.Ordinal);
        Assert.Contains("not closed: ", verdict, StringComparison.Ordinal);
        Trail trail = await stand.ExportAsync();
        Assert.Empty(load.AdminCalls.Keys.Except(trail.RequestIds("admin")));
        Assert.Empty(load.Refusals.Where(refusal => refusal.Value < load.KilledAt - LastMoments).Select(refusal => refusal.Key).Except(trail.RequestIds("refusal")));
        long durable = load.WrittenBefore(load.KilledAt - LastMoments - FoldInterval);
        Assert.InRange(trail.Written, durable, load.Written + Writers); // one of each writer may have been written and not answered
        Assert.True(load.AdminCalls.Count > 10 && load.Refusals.Count > 10 && load.Written > 50, "there was hardly any load");
    }

    [Fact]
    public async Task A_PostgreSQL_that_is_killed_under_load_costs_no_record_and_no_count()
    {
        await using Workspace workspace = new();
        await using Stand stand = await Stand.StartAsync(workspace, "PostgreSql");
        using Load load = new(stand.Gateway, await stand.Emulator.TokenAsync(Tenant, Cancellation));
        Task running = load.RunAsync(TimeSpan.FromSeconds(9), static () => { });
        for (int i = 0; i < 2; i++)
        {
            await load.UntilAsync(answers: 30);
            await stand.Server!.KillAsync(); // not null: of PostgreSQL
            await load.UntilAsync(answers: 60); // nobody waits for it
            await stand.Server.StartAgainAsync(Cancellation);
        }

        await running;
        await stand.UntilReplayedAsync();
        await stand.Gateway.StopAsync();

        (int code, string verdict) = await stand.Gateway.CommandAsync(Cancellation, "audit", "verify");
        Assert.True(code == 0, verdict);
        Trail trail = await stand.ExportAsync();
        Assert.Equal(0, load.Failures);
        Assert.Empty(load.AdminCalls.Keys.Except(trail.RequestIds("admin")));
        Assert.Equal(load.Refusals.Count, trail.Refused);
        Assert.Equal(load.Written, trail.Written);
        Assert.Equal(load.Written, trail.Samples);
    }

    /// <summary>Senders, one that is refused, and one that asks the admin API, all as fast as they are answered.</summary>
    private sealed class Load(Gateway gateway, string token) : IDisposable
    {
        private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = gateway.Url, Timeout = TimeSpan.FromSeconds(20) };
        private readonly ConcurrentQueue<DateTimeOffset> _written = [];
        private readonly CancellationTokenSource _end = new();

        /// <summary>Ids of answered calls, and when they were answered.</summary>
        public ConcurrentDictionary<string, DateTimeOffset> AdminCalls { get; } = [];

        public ConcurrentDictionary<string, DateTimeOffset> Refusals { get; } = [];

        public long Written => _written.Count;

        /// <summary>Answers that should not have been.</summary>
        public int Failures { get; private set; }

        public DateTimeOffset KilledAt { get; private set; }

        public long WrittenBefore(DateTimeOffset time) => _written.LongCount(at => at < time);

        public async Task RunAsync(TimeSpan duration, Action kill)
        {
            Task[] all =
            [
                .. Enumerable.Range(0, Writers).Select(writer => RepeatAsync(i => WriteAsync(writer, i))),
                RepeatAsync(async _ =>
                {
                    await AskAsync(HttpMethod.Post, $"/tenants/{Foreign}/api/v1/write", 403, Refusals);
                    await Task.Delay(RefusalPause, Cancellation);
                }),
                RepeatAsync(_ => AskAsync(HttpMethod.Get, "/whoami", 200, AdminCalls)),
            ];
            await Task.Delay(duration, Cancellation);
            KilledAt = DateTimeOffset.UtcNow;
            kill();
            await _end.CancelAsync();
            await Task.WhenAll(all);
        }

        public void Dispose()
        {
            _client.Dispose();
            _end.Dispose();
        }

        /// <summary>Until so many more of each kind were answered.</summary>
        public async Task UntilAsync(int answers)
        {
            (long written, int refused, int asked) = (Written, Refusals.Count, AdminCalls.Count);
            await Eventually.TrueAsync(
                () => Task.FromResult(_end.IsCancellationRequested || (Written >= written + answers && Refusals.Count >= refused + answers / 3 && AdminCalls.Count >= asked + answers / 3)),
                () => $"the gateway does not answer\n{gateway.LogText}",
                Cancellation);
        }

        private async Task RepeatAsync(Func<int, Task> send)
        {
            for (int i = 0; !_end.IsCancellationRequested; i++)
            {
                try
                {
                    await send(i);
                }
                catch (Exception fault) when (fault is HttpRequestException or IOException)
                {
                    // Killed under it.
                    return;
                }
            }
        }

        private async Task WriteAsync(int writer, int number)
        {
            byte[] body = IronSnappy.Snappy.Encode(WireSeries.ToV1(
                [WireSeries.Of("load", DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), number, ("writer", $"{writer}-{number}"))]));
            using HttpRequestMessage request = new(HttpMethod.Post, "/api/v1/write") { Content = new ByteArrayContent(body) };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/x-protobuf");
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", "snappy");
            using HttpResponseMessage answer = await _client.SendAsync(request, Cancellation);
            if ((int)answer.StatusCode == 204)
            {
                _written.Enqueue(DateTimeOffset.UtcNow);
            }
            else
            {
                Failures++;
            }
        }

        private async Task AskAsync(HttpMethod method, string path, int expected, ConcurrentDictionary<string, DateTimeOffset> answered)
        {
            using HttpRequestMessage request = new(method, path);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using HttpResponseMessage answer = await _client.SendAsync(request, Cancellation);
            if ((int)answer.StatusCode == expected)
            {
                answered[answer.Headers.GetValues("X-Request-Id").Single()] = DateTimeOffset.UtcNow;
            }
            else
            {
                Failures++;
            }
        }
    }

    /// <summary>An export of the whole audit.</summary>
    private sealed class Trail(IReadOnlyList<JsonElement> items)
    {
        public long Written => Of("write-summary").Sum(item => item.GetProperty("count").GetInt64());

        public long Samples => Of("write-summary").Sum(item => item.GetProperty("samples").GetInt64());

        public long Refused => Of("refusal").Sum(item => item.GetProperty("count").GetInt64());

        public IEnumerable<string?> RequestIds(string auditEvent) =>
            Of(auditEvent).Select(item => item.TryGetProperty("requestId", out JsonElement id) ? id.GetString() : null);

        private IEnumerable<JsonElement> Of(string auditEvent) => items.Where(item => item.GetProperty("event").GetString() == auditEvent);
    }

    /// <summary>The programs of one test.</summary>
    private sealed record Stand(Workspace Workspace, Emulator Emulator, Gateway Gateway, PostgreSqlServer? Server) : IAsyncDisposable
    {
        public static async Task<Stand> StartAsync(Workspace workspace, string provider)
        {
            Emulator emulator = await Emulator.StartAsync(workspace, [Tenant], Cancellation);
            RecordingStore store = await RecordingStore.StartAsync(workspace, Cancellation);
            PostgreSqlServer? server = provider == "PostgreSql" ? await PostgreSqlServer.StartAsync(Cancellation) : null;
            Gateway gateway = await Gateway.StartAsync(
                workspace,
                emulator,
                new Dictionary<string, object> { ["main"] = new { Kind = "Prometheus", Url = store.Url.ToString() } },
                [new(Tenant, "main"), new(Foreign, "main")],
                Cancellation,
                catalog: server is null ? null : await server.CreateDatabaseAsync(Cancellation),
                audit: new { FoldInterval });
            return new Stand(workspace, emulator, gateway, server);
        }

        public Task UntilReplayedAsync() => Eventually.TrueAsync(
            async () => await Gateway.MetricAsync("rwgateway_audit_spooled_records", Cancellation) == 0,
            () => $"the spool is not replayed\n{Gateway.LogText}",
            Cancellation);

        public async Task<Trail> ExportAsync()
        {
            string file = Path.Combine(Workspace.Folder("export"), $"{Stopwatch.GetTimestamp()}.ndjson");
            (int code, string output) = await Gateway.CommandAsync(Cancellation, "audit", "export", "-o", file);
            Assert.True(code == 0, output);
            return new Trail([.. File.ReadLines(file).SkipLast(1).Select(line => JsonDocument.Parse(line).RootElement)]);
        }

        public async ValueTask DisposeAsync()
        {
            await Gateway.DisposeAsync();
            if (Server is not null)
            {
                await Server.DisposeAsync();
            }
        }
    }
}
