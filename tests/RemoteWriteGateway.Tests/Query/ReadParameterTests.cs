using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace RemoteWriteGateway.Tests.Query;

/// <summary>What a request may look like: one reading of it, or none.</summary>
public sealed class ReadParameterTests
{
    [Theory]
    [InlineData("/api/v1/query?query=up&query=up", null, "parameter-repeated")]
    [InlineData("/api/v1/query?query=up", "query=up", "parameter-repeated")]
    [InlineData("/api/v1/query?Query=up", null, "query-invalid")]
    [InlineData("/api/v1/query?query[]=up", null, "query-invalid")]
    [InlineData("/api/v1/query?query=", null, "query-invalid")]
    [InlineData("/api/v1/query?query=up;x=1", null, "parameter-encoding")]
    [InlineData("/api/v1/query", "query=%zz", "parameter-encoding")]
    [InlineData("/api/v1/query", "query=%4", "parameter-encoding")]
    [InlineData("/api/v1/query?query=a%00b", null, "parameter-encoding")]
    [InlineData("/api/v1/query?query=%ff", null, "parameter-encoding")]
    [InlineData("/api/v1/query?query=up&x=%ff", null, "parameter-encoding")]
    [InlineData("/api/v1/query?query=up&time=nan", null, "parameter-invalid")]
    [InlineData("/api/v1/query?query=up&time=0x10", null, "parameter-invalid")]
    [InlineData("/api/v1/query?query=up&time=2026-01-01T00:00:00", null, "parameter-invalid")]
    [InlineData("/api/v1/query?query=up&limit=-1", null, "parameter-invalid")]
    [InlineData("/api/v1/query?query=up&timeout=0", null, "parameter-invalid")]
    [InlineData("/api/v1/query_range?query=up&start=1&end=2", null, "parameter-invalid")]
    [InlineData("/api/v1/query_range?query=up&start=1&end=2&step=0", null, "parameter-invalid")]
    [InlineData("/api/v1/query_range?query=up&start=2&end=1&step=1", null, "parameter-invalid")]
    [InlineData("/api/v1/query_range?query=up&start=0&end=11001&step=1", null, "too-many-points")]
    [InlineData("/api/v1/series?match[]=", null, "selector-invalid")]
    [InlineData("/api/v1/series?match[]=rate(x[5m])", null, "selector-invalid")]
    [InlineData("/api/v1/series?match[]=up&match[]={a=~%22.*%22}", null, "selector-invalid")]
    [InlineData("/api/v1/labels?match[]={vm_account_id=%221%22}", null, "label-forbidden")]
    [InlineData("/api/v1/label/__tenant_id__/values", null, "label-forbidden")]
    [InlineData("/api/v1/label/%ff/values", null, "label-name-invalid")]
    [InlineData("/api/v1/query?query=info(up)", null, "info-not-allowed")]
    [InlineData("/api/v1/query?query=rate(up)", null, "query-invalid")]
    [InlineData("/api/v1/rules?type=x", null, "parameter-invalid")]
    [InlineData("/api/v1/rules?exclude_alerts=maybe", null, "parameter-invalid")]
    public async Task What_can_be_read_in_two_ways_is_refused(string target, string? form, string reason)
    {
        await using ReadHost host = await ReadHost.StartAsync();

        Assert.Equal(reason, await host.ReasonAsync(HttpStatusCode.BadRequest, target, form));
        Assert.Empty(host.Asked);
    }

    [Fact]
    public async Task A_body_is_a_form_of_a_post_or_nothing()
    {
        await using ReadHost host = await ReadHost.StartAsync();

        Assert.Equal("unsupported-media-type", await Posted("application/json", "{}"));
        Assert.Equal("unsupported-media-type", await Posted("multipart/form-data; boundary=x", "--x--"));
        Assert.Equal("unsupported-media-type", await Posted("application/x-www-form-urlencoded; charset=utf-16", "query=up"));
        Assert.Equal("unsupported-media-type", await Posted(null, "query=up"));
        Assert.Equal("unsupported-encoding", await host.ReasonAsync(HttpStatusCode.UnsupportedMediaType, "/api/v1/query", "query=up", change: request =>
            request.Content!.Headers.ContentEncoding.Add("gzip")));
        Assert.Equal("body-not-allowed", await host.ReasonAsync(HttpStatusCode.BadRequest, "/api/v1/query", "query=up", change: request => request.Method = HttpMethod.Get));
        Assert.Equal("form-too-large", await host.ReasonAsync(HttpStatusCode.RequestEntityTooLarge, "/api/v1/query", "query=up&x=" + new string('x', 1 << 20)));
        Assert.Equal("target-too-long", await host.ReasonAsync(HttpStatusCode.RequestUriTooLong, "/api/v1/query?query=up&x=" + new string('x', 40_000)));
        Assert.Equal("query-too-long", await host.ReasonAsync(HttpStatusCode.BadRequest, "/api/v1/query", "query=" + new string('x', 65_537)));
        Assert.Empty(host.Asked);

        Task<string> Posted(string? type, string body) => host.ReasonAsync(HttpStatusCode.UnsupportedMediaType, "/api/v1/query", "", change: request =>
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        });
    }

    [Fact]
    public async Task Other_methods_are_405_and_a_preflight_needs_no_token()
    {
        await using ReadHost host = await ReadHost.StartAsync();

        using HttpResponseMessage deleted = await host.SendAsync("/api/v1/query", change: request => request.Method = HttpMethod.Delete);
        using HttpResponseMessage posted = await host.SendAsync("/api/v1/label/zone/values", "match[]=up");
        using HttpResponseMessage preflight = await host.Gateway.CallAsync("OPTIONS", "/api/v1/query", token: null);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, deleted.StatusCode);
        Assert.Equal(["GET", "POST"], deleted.Content.Headers.Allow);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, posted.StatusCode);
        Assert.Equal(HttpStatusCode.OK, preflight.StatusCode);
        foreach (string path in (string[])["/api/v1/metadata", "/api/v1/rules", "/api/v1/alerts", "/api/v1/status/buildinfo"])
        {
            Assert.Equal("method-not-allowed", await host.ReasonAsync(HttpStatusCode.MethodNotAllowed, path, "match[]=up&metric=up&limit=1"));
        }

        Assert.Equal(["*"], preflight.Headers.GetValues("Access-Control-Allow-Origin"));
        using HttpResponseMessage ofRefused = await host.Gateway.CallAsync("OPTIONS", "/api/v1/status/flags", token: null);
        Assert.Equal(HttpStatusCode.OK, ofRefused.StatusCode);
    }

    [Fact]
    public async Task Times_leave_as_seconds_and_the_timeout_is_cut_to_what_is_allowed()
    {
        await using ReadHost host = await ReadHost.StartAsync(policy: ReadHost.Policy.Replace("red: {}", "red: { limits: { queryTimeout: 30s } }", StringComparison.Ordinal));

        await host.CallAsync("/api/v1/query_range?query=up&start=2026-01-01T01:00:00%2B01:00&end=1767225601.2504&step=1m30s&timeout=5m&lookback_delta=1m&stats=all&limit=7");
        await host.CallAsync("/api/v1/query?query=up&time=-292273086-05-16T16:47:06Z&timeout=1500ms&stats=some");

        Assert.Equal(
            [("query", """up{tenant=~"red"}"""), ("start", "1767225600"), ("end", "1767225601.25"), ("step", "90"), ("timeout", "30"), ("limit", "7"), ("lookback_delta", "60"), ("stats", "all")],
            ReadHost.ParametersOf(host.Asked[0]));
        Assert.Equal(
            [("query", """up{tenant=~"red"}"""), ("time", "-9223309901257974"), ("timeout", "1.5")],
            ReadHost.ParametersOf(host.Asked[1]));
    }

    [Fact]
    public async Task A_fault_is_told_with_its_place_in_the_clients_text()
    {
        await using ReadHost host = await ReadHost.StartAsync();

        (HttpStatusCode _, string text) = await host.CallAsync("/api/v1/query", "query=rate(lift_floor)");

        Assert.Contains("\"errorType\":\"bad_data\"", text, StringComparison.Ordinal);
        Assert.Contains("1:6: parse error:", text, StringComparison.Ordinal);
    }
}
