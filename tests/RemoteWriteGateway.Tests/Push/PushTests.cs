using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Tests.Audit;

namespace RemoteWriteGateway.Tests.Push;

/// <summary>Pushes, deletions and what is then shown, over HTTP.</summary>
public sealed class PushTests
{
    private const string Text = """
        # HELP rows_total Rows.
        # TYPE rows_total counter
        rows_total{table="a"} 1234567
        # TYPE took histogram
        took_bucket{le="0.5"} 1
        took_bucket{le="10000000"} 2
        took_sum 2
        took_count 2
        # TYPE size summary
        size{quantile="0.5"} 1.5
        size_sum 7
        size_count 3

        """;

    [Fact]
    public async Task A_push_is_answered_as_a_pushgateway_answers_and_shown_as_it_shows()
    {
        await using PushHost host = await PushHost.StartAsync();

        using HttpResponseMessage answer = await host.SendAsync("PUT", "/metrics/job/nightly/shard/7", host.Red, Encoding.UTF8.GetBytes(Text));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(0, answer.Content.Headers.ContentLength);
        Assert.Null(answer.Content.Headers.ContentType);

        JsonNode group = Assert.Single(await host.GroupsAsync())!; // not null: an object
        string time = (string)group["rows_total"]!["time_stamp"]!; // there, or the test fails
        Assert.Matches(@"^2026-11-24T12:00:\d\d(\.\d{1,3})?Z$", time);
        string seconds = ((double)DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture).ToUnixTimeMilliseconds() / 1000).ToString("0.#########E+00", System.Globalization.CultureInfo.InvariantCulture).ToLowerInvariant();
        string labels = """{"instance":"","job":"nightly","shard":"7"}""";
        Assert.True(
            JsonNode.DeepEquals(
                JsonNode.Parse($$$"""
                    {"labels":{"job":"nightly","shard":"7"},"last_push_successful":true,
                     "rows_total":{"time_stamp":"{{{time}}}","type":"COUNTER","help":"Rows.","metrics":[{"labels":{"instance":"","job":"nightly","shard":"7","table":"a"},"value":"1.234567e+06"}]},
                     "took":{"time_stamp":"{{{time}}}","type":"HISTOGRAM","metrics":[{"labels":{{{labels}}},"buckets":{"0.5":"1","1e+07":"2"},"count":"2","sum":"2"}]},
                     "size":{"time_stamp":"{{{time}}}","type":"SUMMARY","metrics":[{"labels":{{{labels}}},"quantiles":{"0.5":"1.5"},"count":"3","sum":"7"}]},
                     "push_time_seconds":{"time_stamp":"{{{time}}}","type":"GAUGE","help":"Last Unix time when changing this group in the Pushgateway succeeded.","metrics":[{"labels":{{{labels}}},"value":"{{{seconds}}}"}]},
                     "push_failure_time_seconds":{"time_stamp":"{{{time}}}","type":"GAUGE","help":"Last Unix time when changing this group in the Pushgateway failed.","metrics":[{"labels":{{{labels}}},"value":"0"}]}}
                    """),
                group),
            group.ToJsonString());
        Assert.Equal(
            [
                "rows_total{instance=\"\",job=\"nightly\",shard=\"7\",table=\"a\"} 1.234567e+06",
                "size_count{instance=\"\",job=\"nightly\",shard=\"7\"} 3",
                "size_sum{instance=\"\",job=\"nightly\",shard=\"7\"} 7",
                "size{instance=\"\",job=\"nightly\",quantile=\"0.5\",shard=\"7\"} 1.5",
                "took_bucket{instance=\"\",job=\"nightly\",le=\"+Inf\",shard=\"7\"} 2",
                "took_bucket{instance=\"\",job=\"nightly\",le=\"0.5\",shard=\"7\"} 1",
                "took_bucket{instance=\"\",job=\"nightly\",le=\"1e+07\",shard=\"7\"} 2",
                "took_count{instance=\"\",job=\"nightly\",shard=\"7\"} 2",
                "took_sum{instance=\"\",job=\"nightly\",shard=\"7\"} 2",
            ],
            Sorted(await host.ScrapeAsync()));
    }

    [Fact]
    public async Task Put_replaces_the_group_post_replaces_families_and_delete_removes_it()
    {
        await using PushHost host = await PushHost.StartAsync();
        await host.StoreAsync("/metrics/job/j", "a{x=\"1\"} 1\na{x=\"2\"} 2\nb 3\n");
        await host.StoreAsync("/metrics/job/j", "a{x=\"3\"} 4\n", method: "POST");
        Assert.Equal(["a{instance=\"\",job=\"j\",x=\"3\"} 4", "b{instance=\"\",job=\"j\"} 3"], Sorted(await host.ScrapeAsync()));

        await host.StoreAsync("/metrics/job/j", "c 5\n");
        Assert.Equal(["c{instance=\"\",job=\"j\"} 5"], await host.ScrapeAsync());

        await host.StoreAsync("/metrics/job/j", "");
        JsonNode empty = Assert.Single(await host.GroupsAsync())!; // an object
        Assert.Equal(["labels", "last_push_successful", "push_time_seconds", "push_failure_time_seconds"], empty.AsObject().Select(one => one.Key));

        foreach (string target in (string[])["/metrics/job/j", "/metrics/job/j", "/metrics/job/never"])
        {
            using HttpResponseMessage deleted = await host.SendAsync("DELETE", target, host.Red, [0xFF], request => request.Content!.Headers.ContentEncoding.Add("br")); // a body was given
            Assert.Equal((HttpStatusCode.Accepted, 0), (deleted.StatusCode, deleted.Content.Headers.ContentLength));
            Assert.Null(deleted.Content.Headers.ContentType);
        }

        Assert.Empty(await host.GroupsAsync());
    }

    [Fact]
    public async Task The_labels_of_the_path_overwrite_those_of_the_body_and_an_empty_label_is_none()
    {
        await using PushHost host = await PushHost.StartAsync();
        await host.StoreAsync("/metrics/job/j/x/1", "a{job=\"other\",x=\"2\",y=\"3\"} 1\n");
        Assert.Equal(["a{instance=\"\",job=\"j\",x=\"1\",y=\"3\"} 1"], await host.ScrapeAsync());

        await host.StoreAsync("/metrics/job/j/x/1/instance/", "a 2\n");
        JsonNode group = Assert.Single(await host.GroupsAsync())!; // an object
        Assert.Equal("""{"instance":"","job":"j","x":"1"}""", group["labels"]!.ToJsonString()); // there, or the test fails
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("X-GZIP")]
    [InlineData("snappy")]
    [InlineData("identity")]
    public async Task A_body_may_be_packed(string encoding)
    {
        await using PushHost host = await PushHost.StartAsync();
        byte[] text = Encoding.UTF8.GetBytes("a 1\n");
        byte[] body = encoding == "snappy" ? IronSnappy.Snappy.Encode(text) : encoding == "identity" ? text : Gzip(text);

        using HttpResponseMessage answer = await host.SendAsync("POST", "/metrics/job/j", host.Red, body, request => request.Content!.Headers.TryAddWithoutValidation("Content-Encoding", encoding)); // a body was given

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(["a{instance=\"\",job=\"j\"} 1"], await host.ScrapeAsync());
    }

    [Theory]
    [InlineData("a 12,7\n", "malformed-text", false)]
    [InlineData("a 1 123\n", "timestamps-not-allowed", true)]
    [InlineData("a 1\na 1\n", "series-duplicate", true)]
    [InlineData("a{__x=\"1\"} 1\n", "label-not-allowed", true)]
    public async Task A_refused_push_leaves_the_payload_and_a_trace_only_if_it_could_be_read(string body, string reason, bool isTraced)
    {
        await using PushHost host = await PushHost.StartAsync();
        await host.StoreAsync("/metrics/job/j", "a 7\n");
        host.Gateway.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal((400, reason), await host.PushAsync("/metrics/job/j", body));
        Assert.Equal((400, reason), await host.PushAsync("/metrics/job/new", body));

        Assert.Equal(["a{instance=\"\",job=\"j\"} 7"], await host.ScrapeAsync());
        JsonArray groups = await host.GroupsAsync();
        Assert.Equal(isTraced ? 2 : 1, groups.Count);
        Assert.Equal(!isTraced, (bool)groups.Single(group => (string?)group!["labels"]!["job"] == "j")!["last_push_successful"]!); // there, or the test fails
        JsonNode listed = await host.JsonAsync("GET", "/api/v1/groups?match[]={job=\"j\"}", host.Red);
        Assert.Equal(isTraced ? reason : null, (string?)listed["data"]!["groups"]![0]!["failReason"]); // there, or the test fails
    }

    [Theory]
    [InlineData("{ limits: { maxGroups: 1 } }", "{}", "/metrics/job/b", "a 1\n", 429, "push-group-limit")]
    [InlineData("{ limits: { maxSeries: 6 } }", "{}", "/metrics/job/a", "a 1\nb 1\nc 1\nd 1\ne 1\n", 429, "push-series-limit")]
    [InlineData("{ limits: { maxStoredBytes: 1KiB } }", "{ limitStatus: 503 }", "/metrics/job/a", "BIG", 503, "push-bytes-limit")]
    [InlineData("{ limits: { maxGroups: 1 } }", "{ limitStatus: 400 }", "/metrics/job/b", "a 1\n", 400, "push-group-limit")]
    [InlineData("{ limits: { maxSeriesPerPush: 2 } }", "{}", "/metrics/job/a", "a 1\nb 1\nc 1\n", 400, "too-many-series")]
    [InlineData("{ limits: { maxFamiliesPerPush: 2 } }", "{}", "/metrics/job/a", "a 1\nb 1\nc 1\n", 400, "too-many-families")]
    [InlineData("{ limits: { maxGroupingLabels: 2 } }", "{}", "/metrics/job/a/b/c/d/e", "a 1\n", 400, "too-many-grouping-labels")]
    [InlineData("{}", "{ maxBodyBytes: 1KiB }", "/metrics/job/a", "BIG", 400, "body-too-large")]
    [InlineData("{}", "{ maxDecodedBytes: 1KiB }", "/metrics/job/a", "BIG", 400, "decoded-too-large")]
    [InlineData("{}", "{ maxLabelsPerSeries: 2 }", "/metrics/job/a", "a{x=\"1\",y=\"2\"} 1\n", 400, "too-many-labels")]
    [InlineData("{}", "{ maxLabelValueBytes: 5 }", "/metrics/job/abcdef", "a 1\n", 400, "label-value-too-long")]
    public async Task A_limit_is_named_with_the_setting_that_raises_it(string push, string limits, string target, string body, int status, string reason)
    {
        await using PushHost host = await PushHost.StartAsync(push, limits);
        await host.StoreAsync("/metrics/job/a", "a 1\n");
        string text = body == "BIG" ? string.Concat(Enumerable.Range(0, 300).Select(i => $"metric{i} 1\n")) : body;

        Assert.Equal((status, reason), await host.PushAsync(target, text));

        Assert.Equal(["a{instance=\"\",job=\"a\"} 1"], await host.ScrapeAsync());
        await host.StoreAsync("/metrics/job/a", "a 2\n"); // what does not grow goes on
    }

    [Fact]
    public async Task Pushes_and_deletions_are_charged_to_the_tenant_and_to_the_caller()
    {
        await using PushHost host = await PushHost.StartAsync("{ limits: { pushesPerSecond: 1, pushesBurst: 2 } }");
        await host.StoreAsync("/metrics/job/j", "a 1\n");
        using HttpResponseMessage deleted = await host.SendAsync("DELETE", "/metrics/job/j", host.Red);
        Assert.Equal(HttpStatusCode.Accepted, deleted.StatusCode);

        using HttpResponseMessage limited = await host.SendAsync("PUT", "/metrics/job/j", host.Red, "a 1\n"u8.ToArray());
        Assert.Equal((429, "push-rate-limit", "1"), ((int)limited.StatusCode, await PushHost.ReasonAsync(limited), limited.Headers.GetValues("Retry-After").Single()));
        await host.StoreAsync("/metrics/job/j", "a 1\n", host.Blue);

        host.Gateway.Time.Advance(TimeSpan.FromSeconds(1));
        await host.StoreAsync("/metrics/job/j", "a 1\n");
    }

    [Fact]
    public async Task A_caller_has_a_rate_of_its_own_where_the_policy_says_so()
    {
        await using PushHost host = await PushHost.StartAsync("{ limits: { pushesPerSecondPerCaller: 1 } }");
        for (int i = 0; i < 10; i++)
        {
            await host.StoreAsync("/metrics/job/j", "a 1\n");
        }

        Assert.Equal((429, "push-caller-rate-limit"), await host.PushAsync("/metrics/job/j", "a 1\n"));
    }

    [Fact]
    public async Task Modes_come_from_header_url_and_rule_and_sum_adds()
    {
        await using PushHost host = await PushHost.StartAsync("""{ rules: [ { match: '{job="ruled"}', mode: sum }, { match: '{job="fixed"}', mode: replace, pinned: true } ] }""");
        const string Counter = "# TYPE runs_total counter\nruns_total 2\n";
        void Sum(HttpRequestMessage request) => request.Headers.Add("X-Push-Mode", "sum");
        for (int i = 0; i < 2; i++)
        {
            await host.StoreAsync("/metrics/job/ruled", Counter);
            await host.StoreAsync("/sum/metrics/job/url", Counter);
            await host.StoreAsync("/metrics/job/header", Counter, change: Sum);
            await host.StoreAsync("/replace/metrics/job/plain", Counter);
            await host.StoreAsync("/tenants/red/sum/metrics/job/both", Counter, change: Sum);
        }

        Assert.Equal((400, "mode-conflict"), await host.PushAsync("/replace/metrics/job/x", Counter, change: Sum));
        Assert.Equal((400, "mode-conflict"), await host.PushAsync("/sum/metrics/job/fixed", Counter));
        Assert.Equal((400, "header-invalid"), await host.PushAsync("/metrics/job/x", Counter, change: request => request.Headers.Add("X-Push-Mode", "add")));
        Assert.Equal((400, "sum-not-additive"), await host.PushAsync("/sum/metrics/job/url", "# TYPE runs_total counter\nruns_total NaN\n"));
        Assert.Equal(
            ["both\"} 4", "header\"} 4", "plain\"} 2", "ruled\"} 4", "url\"} 4"],
            Sorted((await host.ScrapeAsync()).Select(line => line.Split("job=\"")[1])));
    }

    [Fact]
    public async Task A_repeat_with_the_same_key_is_answered_and_not_added()
    {
        await using PushHost host = await PushHost.StartAsync();
        const string Counter = "# TYPE runs_total counter\nruns_total 2\n";
        Task<HttpResponseMessage> PushAsync(string text) => host.SendAsync("POST", "/sum/metrics/job/j", host.Red, Encoding.UTF8.GetBytes(text), request => request.Headers.Add("Idempotency-Key", "run-1"));

        using HttpResponseMessage first = await PushAsync(Counter);
        using HttpResponseMessage second = await PushAsync(Counter);
        using HttpResponseMessage other = await PushAsync(Counter + "# x\n");

        Assert.Equal((HttpStatusCode.OK, false), (first.StatusCode, first.Headers.Contains("Idempotent-Replayed")));
        Assert.Equal((HttpStatusCode.OK, "true"), (second.StatusCode, second.Headers.GetValues("Idempotent-Replayed").Single()));
        Assert.Equal((HttpStatusCode.BadRequest, "idempotency-key-reused"), (other.StatusCode, await PushHost.ReasonAsync(other)));
        Assert.Equal(["runs_total{instance=\"\",job=\"j\"} 2"], await host.ScrapeAsync());
    }

    [Fact]
    public async Task Pushes_are_on_record_by_job_and_deletions_each_with_the_number_of_groups()
    {
        await using PushHost host = await PushHost.StartAsync();
        string token = host.Red; // folds tell tokens apart
        await host.StoreAsync("/metrics/job/nightly/secret/zz-nobodys-business", "a 1\nb 2\n", token);
        await host.StoreAsync("/metrics/job/nightly", "a 1\n", token);
        await host.StoreAsync("/metrics/job/hourly", "a 1\n", token);
        Assert.Equal((400, "malformed-text"), await host.PushAsync("/metrics/job/nightly", "a x\n"));
        using HttpResponseMessage one = await host.SendAsync("DELETE", "/metrics/job/hourly", host.Red);
        using HttpResponseMessage none = await host.SendAsync("DELETE", "/metrics/job/hourly", host.Red);
        _ = await host.JsonAsync("DELETE", "/api/v1/groups?match[]={job=~\"night.*\"}", host.RedDeleter);

        IReadOnlyList<AuditRecord> pushes = await host.Gateway.AuditAsync(AuditEvents.PushSummary);
        Assert.Equal(
            ["{\"job\":\"hourly\"} 1 1", "{\"job\":\"nightly\"} 2 3"],
            Sorted(pushes.Select(record => $"{record.Detail} {record.Count} {record.Series}")));
        Assert.All(pushes, record => Assert.Equal(("red", "metrics:push", "allow"), (record.Tenant, record.Permission, record.Outcome)));
        IReadOnlyList<AuditRecord> deletions = await host.Gateway.AuditAsync(AuditEvents.PushDelete);
        Assert.Equal(
            ["{\"job\":\"hourly\",\"groups\":0}", "{\"job\":\"hourly\",\"groups\":1}", "{\"selectors\":1,\"groups\":2}"],
            Sorted(deletions.Select(record => record.Detail ?? "")));
        Assert.Equal(["malformed-text"], (await host.Gateway.AuditAsync(AuditEvents.Refusal)).Select(record => record.Reason));
        Assert.DoesNotContain("zz-nobodys-business", await host.Gateway.AuditTextAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain(host.Gateway.Logs.All, line => line.Contains("zz-nobodys-business", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Requests_are_counted_by_tenant_method_and_outcome()
    {
        await using PushHost host = await PushHost.StartAsync();
        await host.StoreAsync("/metrics/job/j", "# TYPE h histogram\nh 3\nh_count 1\nh_sum 1\nh_bucket{le=\"+Inf\"} 1\n", method: "POST");
        Assert.Equal((400, "malformed-text"), await host.PushAsync("/metrics/job/j", "a x\n"));
        using HttpResponseMessage anonymous = await host.SendAsync("PUT", "/metrics/job/j", null, []);
        using HttpResponseMessage deleted = await host.SendAsync("DELETE", "/metrics/job/j", host.Red);

        foreach ((string series, double value) in ((string, double)[])
            [
                ("rwgateway_push_requests_total{tenant=\"red\",method=\"POST\",outcome=\"stored\",reason=\"\"}", 1),
                ("rwgateway_push_requests_total{tenant=\"red\",method=\"PUT\",outcome=\"refused\",reason=\"malformed-text\"}", 1),
                ("rwgateway_push_requests_total{tenant=\"_none\",method=\"PUT\",outcome=\"refused\",reason=\"no-credentials\"}", 1),
                ("rwgateway_push_requests_total{tenant=\"red\",method=\"DELETE\",outcome=\"stored\",reason=\"\"}", 1),
                ("rwgateway_push_requests_total{tenant=\"blue\",method=\"PUT\",outcome=\"stored\",reason=\"\"}", 0),
                ("rwgateway_push_ignored_samples_total{tenant=\"red\",reason=\"sample\"}", 1),
                ("rwgateway_push_request_duration_seconds_count{method=\"POST\"}", 1),
            ])
        {
            Assert.Equal((series, value), (series, await host.Gateway.MetricAsync(series)));
        }

        Assert.True(await host.Gateway.MetricAsync("rwgateway_push_body_bytes_total{tenant=\"red\"}") > 50);
    }

    private static string[] Sorted(IEnumerable<string> lines) => [.. lines.Order(StringComparer.Ordinal)];

    private static byte[] Gzip(byte[] text)
    {
        using MemoryStream packed = new();
        using (GZipStream stream = new(packed, CompressionLevel.Optimal))
        {
            stream.Write(text);
        }

        return packed.ToArray();
    }
}
