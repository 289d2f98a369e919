using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Tests.Attacks;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.Forwarding;

namespace RemoteWriteGateway.Tests.Audit;

/// <summary>What is on record of what a gateway was asked, over HTTP and in either catalog.</summary>
public sealed class AuditTrailTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Writes_are_one_record_of_each_token_with_exact_counts(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog);
        string first = gateway.Token("prom");
        string second = gateway.Token("prom");
        long bytes = 0;
        for (int i = 0; i < 3; i++)
        {
            bytes += await WriteAsync(gateway, first, "up", "down");
        }

        await WriteAsync(gateway, second, "up");
        await WriteAsync(gateway, gateway.Token("other"), "up");

        IReadOnlyList<AuditRecord> folds = await gateway.AuditAsync(AuditEvents.WriteSummary);

        Assert.Equal(
            [("ours", 1L, 1L, 1L), ("ours", 3L, 6L, 6L), ("theirs", 1L, 1L, 1L)],
            folds.Select(fold => (fold.Tenant!, fold.Count, fold.Samples!.Value, fold.Series!.Value)).Order());
        AuditRecord fold = folds.Single(fold => fold.Count == 3);
        Assert.Equal((AuditOutcomes.Allow, bytes, "127.0.0.1", "metrics:write"), (fold.Outcome, fold.BodyBytes!.Value, fold.RemoteIp, fold.Permission));
        Assert.Equal(["prom"], fold.Bindings);
        Assert.Equal(16, fold.PolicyVersion!.Length);
        Assert.Equal((gateway.Time.GetUtcNow(), gateway.Time.GetUtcNow()), (fold.FirstAt, fold.LastAt));
        Assert.Equal((GatewayHost.PromClient, "app", "secret", "2.0"), (fold.Caller!.Client.ToString(), fold.Caller.Kind, fold.Caller.ClientAuth, fold.Caller.TokenVersion));
        Assert.Equal((GatewayHost.Directory, 16), (fold.Caller.Directory.ToString(), fold.Caller.TokenHash.Length));
        Assert.Equal(["Metrics.Write"], fold.Caller.Roles);
        Assert.Null(fold.RequestId);
    }

    [Fact]
    public async Task Folds_are_taken_down_when_their_interval_is_over_and_only_then()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(settings: [("Audit:FoldInterval", "00:00:30")]);
        await WriteAsync(gateway, gateway.Token("prom"), "up");
        gateway.Time.Advance(TimeSpan.FromSeconds(29));
        Assert.DoesNotContain(await gateway.StoredAuditAsync(), record => record.Record.Event == AuditEvents.WriteSummary);

        gateway.Time.Advance(TimeSpan.FromSeconds(1));
        await UntilAsync(gateway, records => records.Any(record => record.Event == AuditEvents.WriteSummary));

        Assert.Equal(1, Assert.Single(await gateway.AuditAsync(AuditEvents.WriteSummary)).Count);
    }

    /// <summary>The catalog's patience comes on top: together less than the 250 ms that a kill may cost.</summary>
    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_record_of_its_own_waits_100_ms_for_others_and_no_longer(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog);
        AuditLog log = gateway.Services.GetRequiredService<AuditLog>();
        await log.FlushAsync(Cancel);
        Task window = gateway.Time.TimersAsync(TimeSpan.FromMilliseconds(100));
        log.Add(AuditRecords.Bare(AuditEvents.Query, gateway.Time.GetUtcNow()));
        await window;
        gateway.Time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.DoesNotContain(await gateway.StoredAuditAsync(), record => record.Record.Event == AuditEvents.Query);

        gateway.Time.Advance(TimeSpan.FromMilliseconds(1));

        await UntilAsync(gateway, records => records.Any(record => record.Event == AuditEvents.Query));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_token_is_on_record_once_however_often_it_comes(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog);
        string token = gateway.Token("prom");
        for (int i = 0; i < 3; i++)
        {
            await WriteAsync(gateway, token, "up");
            gateway.Time.Advance(TimeSpan.FromMinutes(3)); // past the cache's MaxAge: it is validated again
        }

        AuditRecord use = Assert.Single(await gateway.AuditAsync(AuditEvents.Authn));

        Assert.Equal((AuditOutcomes.Allow, "127.0.0.1", "/api/v1/write", "POST"), (use.Outcome, use.RemoteIp, use.Route, use.Method));
        Assert.Equal(GatewayHost.PromClient, use.Caller!.Client.ToString());
        Assert.NotNull(use.RequestId);
        Assert.DoesNotContain(token, await gateway.AuditTextAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain(token.Split('.')[2], await gateway.AuditTextAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_refusal_says_who_was_refused_what_and_why(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog);

        using HttpResponseMessage answer = await gateway.WriteAsync(Message(gateway, "up"), gateway.Token("prom"), "/tenants/theirs/api/v1/write", request =>
        {
            request.Headers.UserAgent.ParseAdd("Prometheus/3.5.0");
            request.Headers.Add("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        });

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        AuditRecord refusal = Assert.Single(await gateway.AuditAsync(AuditEvents.Refusal));
        Assert.Equal((AuditOutcomes.Deny, "tenant-not-granted", 403), (refusal.Outcome, refusal.Reason, refusal.HttpStatus));
        Assert.Equal(["theirs"], refusal.TenantsRequested);
        Assert.Null(refusal.Tenant);
        Assert.Equal(("metrics:write", GatewayHost.PromClient), (refusal.Permission, refusal.Caller!.Client.ToString()));
        Assert.Equal(("/tenants/{tenant}/api/v1/write", "POST", "Prometheus/3.5.0"), (refusal.Route, refusal.Method, refusal.UserAgent));
        Assert.Equal("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", refusal.TraceParent);
        Assert.Equal(answer.Headers.GetValues("X-Request-Id").Single(), refusal.RequestId);
    }

    [Fact]
    public async Task A_token_that_was_not_validated_leaves_nothing_of_its_claims()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string forged = gateway.WithClaim("aud", "\"another\"");

        using HttpResponseMessage answer = await gateway.WriteAsync(Message(gateway, "up"), forged);

        AuditRecord refusal = Assert.Single(await gateway.AuditAsync(AuditEvents.Refusal));
        Assert.Equal(("wrong-audience", 401), (refusal.Reason, refusal.HttpStatus));
        Assert.Null(refusal.Caller);
        Assert.Null(refusal.Permission);
    }

    [Fact]
    public async Task A_write_of_which_a_part_is_refused_counts_what_was_written_and_says_what_was_not()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        var message = SenderMessages.ToV1(
            SenderMessages.Series("up").At(gateway.NowMs), SenderMessages.Series("late").At(gateway.NowMs + 3_600_000));

        using HttpResponseMessage answer = await gateway.WriteAsync(message);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        AuditRecord fold = Assert.Single(await gateway.AuditAsync(AuditEvents.WriteSummary));
        Assert.Equal((1L, 1L), (fold.Count, fold.Samples));
        AuditRecord refusal = Assert.Single(await gateway.AuditAsync(AuditEvents.Refusal));
        Assert.Equal((AuditOutcomes.Deny, 400, "ours"), (refusal.Outcome, refusal.HttpStatus, refusal.Tenant));
        Assert.StartsWith(refusal.Reason + ": ", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.Equal(answer.Headers.GetValues("X-Request-Id").Single(), refusal.RequestId);
    }

    [Fact]
    public async Task What_the_store_could_not_take_is_an_error_and_no_write()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        gateway.Store.AnswerAlways = new StoreAnswer(503);

        using HttpResponseMessage answer = await gateway.WriteAsync(Message(gateway, "up"));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Empty(await gateway.AuditAsync(AuditEvents.WriteSummary));
        Assert.Equal((AuditOutcomes.Error, 503), Assert.Single(await gateway.AuditAsync(AuditEvents.Refusal)) is { } refusal ? (refusal.Outcome, refusal.HttpStatus) : default);
    }

    [Fact]
    public async Task A_flood_of_refusals_is_fifty_records_a_second_and_an_exact_count()
    {
        const int Calls = 230;
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        for (int i = 0; i < Calls; i++)
        {
            using HttpResponseMessage answer = await gateway.Data.PostAsync(new Uri("/api/v1/write", UriKind.Relative), null, Cancel);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }

        IReadOnlyList<AuditRecord> refusals = await gateway.AuditAsync(AuditEvents.Refusal);

        Assert.Equal(51, refusals.Count);
        AuditRecord fold = Assert.Single(refusals, refusal => refusal.FirstAt is not null);
        Assert.Equal((Calls - 50L, "no-credentials", 401, "/api/v1/write", "127.0.0.1"), (fold.Count, fold.Reason, fold.HttpStatus, fold.Route, fold.RemoteIp));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Policies_and_keys_that_come_and_go_are_on_record(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog);
        string version = gateway.PolicyVersion();
        await gateway.ReloadPolicyAsync(GatewayHost.DefaultPolicy.Replace("theirs: {}", "theirs: { owner: them }", StringComparison.Ordinal));
        string next = gateway.PolicyVersion();
        await gateway.ReloadPolicyAsync("version: 1\nbindigns: []\n");
        await gateway.ReloadPolicyAsync("version: 1\nbindigns: []\n"); // told once
        gateway.Keys.Rotate(keepPublished: false);
        await gateway.SigningKeys.PurgeKeysAsync(Cancel);

        IReadOnlyList<AuditRecord> policies = await gateway.AuditAsync(AuditEvents.Policy);
        IReadOnlyList<AuditRecord> keys = await gateway.AuditAsync(AuditEvents.KeyChange);

        Assert.Equal([("allow", version), ("allow", next), ("error", next)], policies.Select(policy => (policy.Outcome, policy.PolicyVersion!)));
        Assert.Equal(version, (string?)JsonNode.Parse(policies[1].Detail!)!["before"]);
        Assert.Contains("bindigns", policies[2].Detail, StringComparison.Ordinal);
        Assert.Equal(2, keys.Count);
        JsonNode change = JsonNode.Parse(keys[1].Detail!)!;
        Assert.Equal((1, 1, "Operator"), (change["added"]!.AsArray().Count, change["removed"]!.AsArray().Count, (string?)change["cause"]));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_run_names_the_end_of_the_one_before_and_closes_its_own(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using (GatewayHost before = await GatewayHost.StartAsync(catalog: catalog))
        {
            await WriteAsync(before, before.Token("prom"), "up");
        }

        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog);

        IReadOnlyList<ChainedRecord> records = await gateway.AuditAsync();
        ChainedRecord[] starts = [.. records.Where(record => record.Record.Event == AuditEvents.Startup)];
        ChainedRecord shutdown = Assert.Single(records, record => record.Record.Event == AuditEvents.Shutdown);
        Assert.Equal(2, starts.Length);
        Assert.All(starts, start => Assert.Equal(1, start.Seq));
        JsonNode? previous = starts.Select(start => JsonNode.Parse(start.Record.Detail!)!["previous"]).Single(previous => previous is not null);
        Assert.Equal(
            (shutdown.Stream, shutdown.Seq, Convert.ToHexStringLower(shutdown.Hash)),
            ((string?)previous!["stream"], (long)previous["seq"]!, (string?)previous["hash"]));
        Assert.Contains(records, record => record.Stream == shutdown.Stream && record.Record.Event == AuditEvents.WriteSummary);
        AuditVerification verified = await gateway.VerifyAuditAsync();
        Assert.True(verified.Intact);
        Assert.Equal((2L, records.Count), (verified.Streams, verified.Records));
        Assert.DoesNotContain(verified.Unclosed, stream => stream.Stream == shutdown.Stream);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_record_is_read_back_as_it_was_hashed_whatever_stands_in_it(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(catalog: catalog);
        AuditLog log = gateway.Services.GetRequiredService<AuditLog>();
        AuditRecord[] records =
        [
            AuditRecords.Full(gateway.Time.GetUtcNow().AddTicks(7)),
            AuditRecords.Bare(at: gateway.Time.GetUtcNow()) with { UserAgent = "a\0b\uD800\r\n\u0001,\"\\", Bindings = [""], QuerySha256 = [] },
            AuditRecords.Bare(at: gateway.Time.GetUtcNow()) with { QueryText = string.Concat(Enumerable.Repeat("🐳", 5000)), Detail = "{\"nul\":\"\\u0000\",\"lone\":\"\\ud800\"}" },
            AuditRecords.Bare(at: gateway.Time.GetUtcNow()) with { FirstAt = DateTimeOffset.MinValue.AddYears(1900), LastAt = new DateTimeOffset(9999, 12, 31, 23, 59, 59, TimeSpan.Zero) },
            AuditRecords.Bare(at: gateway.Time.GetUtcNow()) with { Tenants = [.. Enumerable.Range(0, 2000).Select(i => $"tenant-{i}")], Count = long.MaxValue },
        ];
        foreach (AuditRecord record in records)
        {
            log.Add(record);
        }

        IReadOnlyList<ChainedRecord> stored = await gateway.AuditAsync();

        Assert.All(records, record => Assert.Contains(stored, one => one.Record.Id == record.Id));
        Assert.All(stored, record => Assert.Equal(Convert.ToHexString(AuditChain.HashOf(record)), Convert.ToHexString(record.Hash)));
        Assert.True((await gateway.VerifyAuditAsync()).Intact);
        Assert.Equal(records[0].Detail, stored.Single(one => one.Record.Id == records[0].Id).Record.Detail);
    }

    /// <summary>Asks again and again: the writer works beside us.</summary>
    private static async Task UntilAsync(GatewayHost gateway, Func<IEnumerable<AuditRecord>, bool> isThere)
    {
        while (!isThere((await gateway.StoredAuditAsync()).Select(record => record.Record)))
        {
            Cancel.ThrowIfCancellationRequested();
        }
    }

    private static Protocol.Messages.V1.WriteRequest Message(GatewayHost gateway, params string[] names) =>
        SenderMessages.ToV1([.. names.Select(name => SenderMessages.Series(name).At(gateway.NowMs))]);

    /// <returns>Size of the body.</returns>
    private static async Task<long> WriteAsync(GatewayHost gateway, string token, params string[] names)
    {
        long bytes = 0;
        using HttpResponseMessage answer = await gateway.WriteAsync(Message(gateway, names), token, change: request => bytes = request.Content!.Headers.ContentLength ?? 0);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        return bytes;
    }
}
