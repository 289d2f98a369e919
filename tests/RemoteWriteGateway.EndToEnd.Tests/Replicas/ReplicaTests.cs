using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using IronSnappy;
using RemoteWriteGateway.EndToEnd.Tests.Isolation;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;
using RemoteWriteGateway.Tests.PostgreSql;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;

namespace RemoteWriteGateway.EndToEnd.Tests.Replicas;

/// <summary>Two gateways, each a process of its own, that share a PostgreSQL: what an operator does at one is in force at both.</summary>
public sealed class ReplicaTests
{
    private const string Writer = "payments";
    private const string Operator = "operator";
    private const int Senders = 4;

    private static readonly TimeSpan RevocationLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PolicyLimit = TimeSpan.FromSeconds(6);
    private static readonly HttpClient Client = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_revocation_made_at_one_gateway_is_in_force_at_the_other_within_two_seconds_under_load()
    {
        await using Workspace workspace = new();
        await using PostgreSqlServer catalog = await PostgreSqlServer.StartAsync(Cancellation);
        Stand stand = await StartAsync(workspace, await catalog.CreateDatabaseAsync(Cancellation));
        using Load load = Load.Start(stand.There, stand.WriterToken);
        await load.UntilAsync(answers => answers.Count >= 50);

        using HttpResponseMessage made = await CallAsync(stand.Here, HttpMethod.Post, "/admin/v1/revocations", stand.OperatorToken, new
        {
            kind = "client", value = Emulator.ClientId(Writer), reason = "INC-42",
        });
        long revoked = Stopwatch.GetTimestamp();
        Assert.True(made.StatusCode is HttpStatusCode.Created, $"{made.StatusCode} {await made.Content.ReadAsStringAsync(Cancellation)}\n{stand.Here.LogText}");

        // The very next request of the gateway that took it.
        Assert.Equal((401, "revoked"), Verdict(await SendAsync(stand.Here, stand.WriterToken, 1)));
        await load.UntilAsync(answers => answers.Count(one => one.Status == 401) >= 50);
        Answer[] answers = await load.StopAsync();

        TimeSpan window = answers.Where(one => one.Status == 204).Max(one => Stopwatch.GetElapsedTime(revoked, one.Begun));
        Assert.True(window < RevocationLimit, $"a request begun {window} after the revocation was still taken");
        Assert.Empty(answers.Where(one => one.Status is not (204 or 401)).Select(one => one.Text));

        // Once it is in force it stays so until it is lifted.
        long first = answers.Where(one => one.Status == 401).Min(one => one.Ended);
        Assert.DoesNotContain(answers, one => one.Begun > first && one.Status == 204);
        string id = JsonDocument.Parse(await made.Content.ReadAsStringAsync(Cancellation)).RootElement.GetProperty("id").GetString()!; // it is in every such answer
        using HttpResponseMessage lifted = await CallAsync(stand.There, HttpMethod.Post, $"/admin/v1/revocations/{id}/lift", stand.OperatorToken, new { reason = "over" });
        Assert.Equal(HttpStatusCode.OK, lifted.StatusCode);
        Assert.Equal((204, ""), Verdict(await SendAsync(stand.There, stand.WriterToken, 2)));
        await Eventually.TrueAsync(
            async () => (await SendAsync(stand.Here, stand.WriterToken, 3)).Status == 204, () => "not lifted at the other", Cancellation, RevocationLimit);
    }

    [Fact]
    public async Task A_changed_policy_file_is_in_force_at_both_within_six_seconds_and_no_request_is_decided_by_half_of_it()
    {
        await using Workspace workspace = new();
        await using PostgreSqlServer catalog = await PostgreSqlServer.StartAsync(Cancellation);
        Stand stand = await StartAsync(workspace, await catalog.CreateDatabaseAsync(Cancellation));
        using Load here = Load.Start(stand.Here, stand.WriterToken);
        using Load there = Load.Start(stand.There, stand.WriterToken);
        await here.UntilAsync(answers => answers.Count >= 50);
        await there.UntilAsync(answers => answers.Count >= 50);

        // By half of it the writer would have both tenants, or neither: 400 or 403.
        string changed = Policy(granted: "search", denied: "payments");
        stand.Here.ReplacePolicy(changed);
        stand.There.ReplacePolicy(changed);
        long replaced = Stopwatch.GetTimestamp();
        await Eventually.TrueAsync(
            async () => await VersionAsync(stand.Here, stand) is { } version && version != stand.Version && version == await VersionAsync(stand.There, stand),
            () => $"the file was not taken\n{stand.Here.LogText}\n{stand.There.LogText}",
            Cancellation);
        TimeSpan window = Stopwatch.GetElapsedTime(replaced);
        await Task.WhenAll(here.UntilMoreAsync(50), there.UntilMoreAsync(50));
        Answer[] answers = [.. await here.StopAsync(), .. await there.StopAsync()];

        Assert.True(window < PolicyLimit, $"it took {window}");
        Assert.Empty(answers.Where(one => one.Status != 204).Select(one => one.Text).Distinct());
        string[] tenants = [.. stand.Store.Requests.Select(TenantOf)];
        Assert.Equal(["payments", "search"], tenants.Distinct().Order());
        Assert.Equal(answers.Length, tenants.Length);

        // What was in force is on record, of both.
        await Eventually.TrueAsync(
            async () => (await JsonAsync(stand.Here, "/admin/v1/policy/versions", stand)).GetProperty("items").GetArrayLength() == 4,
            () => "the versions were not written down",
            Cancellation);
        JsonElement access = await JsonAsync(stand.There, "/admin/v1/access?tenant=search&permission=metrics:write", stand);
        Assert.Equal(["replica-0", "replica-1"], access.GetProperty("versions")[0].GetProperty("replicas").EnumerateArray().Select(one => one.GetString()!));
    }

    [Fact]
    public async Task With_the_catalog_away_for_too_long_writes_go_on_and_the_admin_API_answers_503_until_it_is_back()
    {
        await using Workspace workspace = new();
        await using PostgreSqlServer catalog = await PostgreSqlServer.StartAsync(Cancellation);
        Stand stand = await StartAsync(workspace, await catalog.CreateDatabaseAsync(Cancellation), maxStale: "00:00:02");
        using Load load = Load.Start(stand.Here, stand.WriterToken);
        await load.UntilAsync(answers => answers.Count >= 20);

        await catalog.KillAsync();
        await Eventually.TrueAsync(
            async () =>
            {
                using HttpResponseMessage answer = await CallAsync(stand.Here, HttpMethod.Get, "/whoami", stand.OperatorToken);
                return answer.StatusCode is HttpStatusCode.ServiceUnavailable
                    && (await answer.Content.ReadAsStringAsync(Cancellation)).Contains("catalog-unavailable", StringComparison.Ordinal);
            },
            () => $"the admin API is still served\n{stand.Here.LogText}",
            Cancellation);
        await load.UntilMoreAsync(50);
        using (HttpResponseMessage ready = await Client.GetAsync(new Uri(stand.Here.Management, "/-/ready"), Cancellation))
        {
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        }

        await catalog.StartAgainAsync(Cancellation);
        await Eventually.TrueAsync(
            async () =>
            {
                using HttpResponseMessage answer = await CallAsync(stand.Here, HttpMethod.Get, "/admin/v1/revocations", stand.OperatorToken);
                return answer.IsSuccessStatusCode;
            },
            () => $"the catalog is back and the admin API is not\n{stand.Here.LogText}",
            Cancellation);

        Assert.Empty((await load.StopAsync()).Where(one => one.Status != 204).Select(one => one.Text).Distinct());
    }

    private static async Task<Stand> StartAsync(Workspace workspace, string catalog, string maxStale = "01:00:00")
    {
        Emulator emulator = await Emulator.StartAsync(workspace, [Writer, Operator], Cancellation);
        RecordingStore store = await RecordingStore.StartAsync(workspace, Cancellation);
        Dictionary<string, object> stores = new() { ["main"] = new { Kind = "Prometheus", Url = store.Url.ToString(), Protocol = "v1", Read = new { Enabled = false } } };
        string policy = Policy(granted: "payments", denied: "search");
        Gateway[] gateways = await Task.WhenAll(Enumerable.Range(0, 2).Select(i => Gateway.StartAsync(
            workspace, emulator, stores, [], Cancellation, catalog: catalog, name: $"replica-{i}", policy: policy, maxStale: maxStale)));
        Stand stand = new(gateways[0], gateways[1], store, await emulator.TokenAsync(Writer, Cancellation), await emulator.TokenAsync(Operator, Cancellation));
        return stand with { Version = await VersionAsync(gateways[0], stand) };
    }

    private static string Policy(string granted, string denied) => $$"""
        version: 1
        tenants: { payments: {}, search: {} }
        bindings:
        - id: writer
          match: { kind: app, client: [{{Emulator.ClientId(Writer)}}] }
          grant: { permissions: [metrics:write], tenants: [{{granted}}] }
        - id: operators
          match: { kind: app, client: [{{Emulator.ClientId(Operator)}}] }
          grant: { permissions: [gateway:admin] }
        deny:
        - id: not-there
          match: { kind: app }
          deny: { permissions: [metrics:write], tenants: [{{denied}}] }
        """;

    private static async Task<string?> VersionAsync(Gateway gateway, Stand stand) =>
        (await JsonAsync(gateway, "/admin/v1/policy", stand)).GetProperty("version").GetString();

    private static async Task<JsonElement> JsonAsync(Gateway gateway, string path, Stand stand)
    {
        using HttpResponseMessage answer = await CallAsync(gateway, HttpMethod.Get, path, stand.OperatorToken);
        string text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {answer.StatusCode} {text}\n{gateway.LogText}");
        return JsonDocument.Parse(text).RootElement;
    }

    private static async Task<HttpResponseMessage> CallAsync(Gateway gateway, HttpMethod method, string path, string token, object? body = null)
    {
        using HttpRequestMessage request = new(method, new Uri(gateway.Url, path)) { Content = body is null ? null : JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await Client.SendAsync(request, Cancellation);
    }

    private static Task<WriteAnswer> SendAsync(Gateway gateway, string token, int value) => new DirectWriter(gateway.WriteUrl, token).SendAsync(
        WireSeries.ToV1([WireSeries.Of("shared", DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), value)]), DirectWriter.V1, Cancellation);

    private static (int Status, string Reason) Verdict(WriteAnswer answer) => (answer.Status, answer.Reason);

    private static string TenantOf(RecordedRequest request) =>
        V1.WriteRequest.Parser.ParseFrom(Snappy.Decode(request.Body)).Timeseries.Single().Labels.Single(label => label.Name == "tenant").Value;

    /// <summary>Two gateways of one catalog and one store.</summary>
    private sealed record Stand(Gateway Here, Gateway There, RecordingStore Store, string WriterToken, string OperatorToken)
    {
        /// <summary>Of the policy that both begin with.</summary>
        public string? Version { get; init; }
    }

    /// <summary>An answer to a write, with the times of its request.</summary>
    private sealed record Answer(long Begun, long Ended, int Status, string Text);

    /// <summary>Senders that write to one gateway as fast as it answers, until they are told to stop.</summary>
    private sealed class Load : IDisposable
    {
        private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        private readonly ConcurrentQueue<Answer> _answers = [];
        private Task _sending = Task.CompletedTask;

        public static Load Start(Gateway gateway, string token)
        {
            Load load = new();
            load._sending = Task.WhenAll(Enumerable.Range(0, Senders).Select(_ => Task.Run(() => load.SendAsync(gateway, token))));
            return load;
        }

        public Task UntilAsync(Func<IReadOnlyCollection<Answer>, bool> condition) =>
            Eventually.TrueAsync(() => Task.FromResult(condition(_answers)), () => $"{_answers.Count} answers", Cancellation);

        public Task UntilMoreAsync(int count)
        {
            int before = _answers.Count;
            return UntilAsync(answers => answers.Count >= before + count);
        }

        public async Task<Answer[]> StopAsync()
        {
            await _stop.CancelAsync();
            await _sending;
            return [.. _answers];
        }

        public void Dispose()
        {
            _stop.Cancel();
            _stop.Dispose();
        }

        private async Task SendAsync(Gateway gateway, string token)
        {
            for (int i = 0; !_stop.IsCancellationRequested; i++)
            {
                long begun = Stopwatch.GetTimestamp();
                WriteAnswer answer = await ReplicaTests.SendAsync(gateway, token, i);
                _answers.Enqueue(new Answer(begun, Stopwatch.GetTimestamp(), answer.Status, answer.Text));
            }
        }
    }
}
