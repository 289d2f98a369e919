using System.Net;
using System.Security.Cryptography;
using System.Text;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Tests.Forwarding;

namespace RemoteWriteGateway.Tests.Query;

/// <summary>Limits of tenants, readers and the replica; and what is on record of reads.</summary>
public sealed class ReadLimitTests
{
    [Theory]
    [InlineData("maxQueryBytes: 10", "/api/v1/query?query=lift_floor_1", "query-too-long")]
    [InlineData("maxRewrittenBytes: 20", "/api/v1/query?query=lift_floor", "rewritten-query-too-long")]
    [InlineData("maxQueryDepth: 2", "/api/v1/query?query=((((1))))", "query-too-deep")]
    [InlineData("maxSelectors: 1", "/api/v1/query?query=a-b", "too-many-selectors")]
    [InlineData("maxMatchSelectors: 1", "/api/v1/series?match[]=a&match[]=b", "too-many-selectors")]
    [InlineData("maxRange: 1h", "/api/v1/query_range?query=a&start=0&end=3601&step=60", "range-too-long")]
    [InlineData("maxRange: 1h", "/api/v1/labels", "range-too-long")]
    [InlineData("minStep: 15s", "/api/v1/query_range?query=a&start=0&end=60&step=5", "step-too-small")]
    [InlineData("maxPoints: 3", "/api/v1/query_range?query=a&start=0&end=60&step=15", "too-many-points")]
    [InlineData("forbiddenFunctions: [count]", "/api/v1/query?query=COUNT(a)", "function-forbidden")]
    public async Task A_limit_of_the_tenant_is_told_by_its_name(string limit, string target, string reason)
    {
        await using ReadHost host = await ReadHost.StartAsync(policy: With(limit));

        Assert.Equal(reason, await host.ReasonAsync(HttpStatusCode.BadRequest, target));
        Assert.Empty(host.Asked);
    }

    [Fact]
    public async Task A_blocked_query_is_blocked_in_every_spelling_and_for_every_tenant()
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("count({__name__!=\"\"})")));
        await using ReadHost host = await ReadHost.StartAsync(policy: With($"blockedQueries: ['{hash} everything']"));

        Assert.Equal("query-blocked", await host.ReasonAsync(HttpStatusCode.BadRequest, "/api/v1/query?query=Count({__name__!=''})"));
        Assert.Equal("query-blocked", await host.ReasonAsync(HttpStatusCode.BadRequest, "/api/v1/query?query=Count({__name__!=''})", token: host.Both));
        Assert.Equal(HttpStatusCode.OK, (await host.CallAsync("/api/v1/query?query=count(a)")).Status);
    }

    [Fact]
    public async Task A_read_of_several_tenants_has_the_strictest_limit_of_each()
    {
        await using ReadHost host = await ReadHost.StartAsync(
            policy: ReadHost.Policy.Replace("red: {}, blue: {}", "red: { limits: { maxPoints: 10 } }, blue: { limits: { maxSelectors: 1 } }", StringComparison.Ordinal));

        Assert.Equal("too-many-points", await host.ReasonAsync(HttpStatusCode.BadRequest, "/api/v1/query_range?query=a&start=0&end=11&step=1", token: host.Both));
        Assert.Equal("too-many-selectors", await host.ReasonAsync(HttpStatusCode.BadRequest, "/api/v1/query?query=a-b", token: host.Both));
    }

    [Fact]
    public async Task A_binding_bounds_the_range_of_its_reads()
    {
        await using ReadHost host = await ReadHost.StartAsync(
            policy: ReadHost.Policy.Replace("tenants: [red] }", "tenants: [red], limits: { maxRange: 1h } }", StringComparison.Ordinal));

        Assert.Equal("range-too-long", await host.ReasonAsync(HttpStatusCode.BadRequest, "/api/v1/query_range?query=a&start=0&end=3601&step=60"));
        Assert.Equal(HttpStatusCode.OK, (await host.CallAsync("/api/v1/query_range?query=a&start=0&end=3600&step=60")).Status);
    }

    [Fact]
    public async Task A_rate_refuses_with_the_time_to_wait_and_comes_back()
    {
        await using ReadHost host = await ReadHost.StartAsync(policy: With("queriesPerSecond: 1, queriesBurst: 2"));
        host.Answering = _ => ReadHost.Json(ReadHost.EmptyVector);

        await host.CallAsync("/api/v1/query?query=a");
        await host.CallAsync("/api/v1/query?query=a");
        using HttpResponseMessage refused = await host.SendAsync("/api/v1/query?query=a");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 2);

        host.Gateway.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, (await host.CallAsync("/api/v1/query?query=a")).Status);
        Assert.Equal(HttpStatusCode.OK, (await host.CallAsync("/api/v1/query?query=a", token: host.Blue)).Status);
    }

    [Fact]
    public async Task A_read_waits_two_seconds_for_a_place()
    {
        await using ReadHost host = await ReadHost.StartAsync([("Query:MaxInflightPerReader", "1")]);
        var asked = new TaskCompletionSource();
        host.Answering = _ =>
        {
            asked.TrySetResult();
            return StoreAnswer.Hang;
        };
        Task first = host.CallAsync("/api/v1/query?query=a&timeout=100s");
        await asked.Task;
        Task waiting = host.Gateway.Time.TimersAsync(TimeSpan.FromSeconds(2));

        Task<string> second = host.ReasonAsync(HttpStatusCode.TooManyRequests, "/api/v1/query?query=a");
        await waiting;
        host.Gateway.Time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal("too-many-inflight-queries", await second);
        host.Gateway.Time.Advance(TimeSpan.FromSeconds(200));
        await first;
    }

    [Fact]
    public async Task An_answer_that_must_be_looked_at_is_bounded()
    {
        await using ReadHost host = await ReadHost.StartAsync(policy: With("maxBufferedBytes: 1KiB"));
        host.Answering = _ => ReadHost.Json("""{"status":"success","data":[""" + new string(' ', 2000) + "]}");

        Assert.Equal("response-too-large", await host.ReasonAsync(HttpStatusCode.UnprocessableEntity, "/api/v1/series?match[]=a"));
        Assert.Equal(HttpStatusCode.OK, (await host.CallAsync("/api/v1/labels")).Status);
    }

    [Fact]
    public async Task Every_read_is_on_record_with_its_text_and_what_became_of_it()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json(ReadHost.EmptyVector);

        await host.CallAsync("/api/v1/query_range?x=1", "query=rate(a[5m])&start=60&end=120&step=15", host.Both);
        await host.CallAsync("/api/v1/query?query=rate(a)");

        IReadOnlyList<AuditRecord> records = await host.RecordsAsync(2);
        AuditRecord allowed = records.Single(record => record.Method == "POST");
        Assert.Equal((AuditOutcomes.Allow, "POST", "/api/v1/query_range", 200), (allowed.Outcome, allowed.Method, allowed.Route, allowed.HttpStatus));
        Assert.Equal(["blue", "red"], allowed.Tenants);
        Assert.Equal(["red-readers", "blue-readers"], allowed.Bindings);
        Assert.Equal("rate(a[5m])", allowed.QueryText);
        Assert.Equal(SHA256.HashData("rate(a[5m])"u8), allowed.QuerySha256);
        Assert.Equal((60L, 120L, 15_000L), (allowed.QueryStart!.Value.ToUnixTimeSeconds(), allowed.QueryEnd!.Value.ToUnixTimeSeconds(), allowed.QueryStepMs));
        Assert.Equal(ReadHost.EmptyVector.Length, allowed.ResultBytes);
        Assert.Contains("\"store\":\"main\"", allowed.Detail, StringComparison.Ordinal);
        Assert.Contains("\"droppedParameters\":1", allowed.Detail, StringComparison.Ordinal);
        Assert.Contains("\"storeStatus\":200", allowed.Detail, StringComparison.Ordinal);
        AuditRecord denied = records.Single(record => record.Method == "GET");
        Assert.Equal((AuditOutcomes.Deny, "query-invalid", 400, "rate(a)"), (denied.Outcome, denied.Reason, denied.HttpStatus, denied.QueryText));
        Assert.Equal("red", denied.Tenant);
    }

    [Fact]
    public async Task Grafanas_repeat_of_a_refused_post_names_the_first_record()
    {
        await using ReadHost host = await ReadHost.StartAsync();

        await host.CallAsync("/api/v1/labels", "match[]=rate(a)");
        await host.CallAsync("/api/v1/labels?match[]=rate(a)");
        host.Gateway.Time.Advance(TimeSpan.FromSeconds(6));
        await host.CallAsync("/api/v1/labels?match[]=rate(a)");

        IReadOnlyList<AuditRecord> records = await host.RecordsAsync(3);
        AuditRecord first = records.Single(record => record.Method == "POST");
        Assert.Single(records, record => record.Detail?.Contains($"\"repeatOf\":\"{first.Id}\"", StringComparison.Ordinal) == true);
        Assert.Equal(3, records.Count);
    }

    [Fact]
    public async Task A_repeat_after_a_method_that_is_not_taken_is_one_only_if_it_asks_the_same()
    {
        await using ReadHost host = await ReadHost.StartAsync();

        await host.CallAsync("/api/v1/label/zone/values", "match[]=lift_floor&limit=5");
        await host.CallAsync("/api/v1/label/zone/values?match[]=lift_floor&limit=5");
        await host.CallAsync("/api/v1/label/zone/values?match[]=another");
        await host.CallAsync("/api/v1/label/other/values?match[]=lift_floor");

        IReadOnlyList<AuditRecord> records = await host.RecordsAsync(4);
        AuditRecord first = records.Single(record => record.Method == "POST");
        Assert.Equal((405, "lift_floor", AuditOutcomes.Deny), (first.HttpStatus, first.QueryText, first.Outcome));
        AuditRecord repeat = Assert.Single(records, record => record.Detail?.Contains("repeatOf", StringComparison.Ordinal) == true);
        Assert.Contains($"\"repeatOf\":\"{first.Id}\"", repeat.Detail, StringComparison.Ordinal);
        Assert.Equal(("lift_floor", 200), (repeat.QueryText, repeat.HttpStatus));
    }

    [Fact]
    public async Task A_forged_tenant_in_an_answer_is_nowhere_in_the_record()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json("""{"status":"success","data":{"resultType":"vector","result":[{"metric":{"tenant":"blue"},"value":[0,"1"]}]}}""");

        Assert.Equal(HttpStatusCode.OK, (await host.CallAsync("/api/v1/query", "query=label_replace(lift_floor,\"tenant\",\"blue\",\"\",\"\")")).Status);

        Assert.Equal("red", (await host.RecordsAsync())[0].Tenant);
        Assert.Equal(1, await host.Gateway.MetricAsync("""rwgateway_query_tenant_requests_total{tenant="red"}"""));
        Assert.Equal(0, await host.Gateway.MetricAsync("""rwgateway_query_tenant_requests_total{tenant="blue"}"""));
    }

    [Fact]
    public async Task A_matcher_that_names_other_tenants_only_can_be_refused()
    {
        await using ReadHost host = await ReadHost.StartAsync([("Query:OtherTenants", "Refuse")]);

        Assert.Equal("selector-names-other-tenant", await host.ReasonAsync(HttpStatusCode.Forbidden, "/api/v1/query?query=a{tenant='blue'}"));
    }

    [Theory]
    [InlineData("maxQueryBytes: 0")]
    [InlineData("forbiddenFunctions: [nope]")]
    [InlineData("blockedQueries: [abc]")]
    public async Task A_limit_that_cannot_be_right_stops_the_load(string limit) =>
        await Assert.ThrowsAnyAsync<InvalidOperationException>(() => ReadHost.StartAsync(policy: With(limit)));

    private static string With(string limit) => ReadHost.Policy.Replace("red: {}", $"red: {{ limits: {{ {limit} }} }}", StringComparison.Ordinal);
}
