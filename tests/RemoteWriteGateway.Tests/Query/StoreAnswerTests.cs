using System.IO.Compression;
using System.Net;
using System.Text;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Tests.Forwarding;

namespace RemoteWriteGateway.Tests.Query;

/// <summary>What becomes of a store's answer.</summary>
public sealed class StoreAnswerTests
{
    [Theory]
    [InlineData("""[{"__name__":"a","tenant":"red"},{"__name__":"vault_balance","tenant":"blue"}]""")]
    [InlineData("""[{"__name__":"vault_balance"}]""")]
    [InlineData("""[{"__name__":"vault_balance","tenant":"red","tenant":"red"}]""")]
    [InlineData("""[{"__name__":"vault_balance","tenant":"red","\u0074enant":"blue"}]""")]
    [InlineData("""[{"__name__":"vault_balance","tenant":"redwood"}]""")]
    public async Task An_answer_with_one_foreign_series_is_dropped_whole(string data)
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json($$"""{"status":"success","data":{{data}}}""");

        (HttpStatusCode status, string text) = await host.CallAsync("/api/v1/series?match[]=a");

        Assert.Equal(HttpStatusCode.BadGateway, status);
        Assert.Contains("egress-violation", text, StringComparison.Ordinal);
        Assert.DoesNotContain("vault_balance", text, StringComparison.Ordinal);
        Assert.Equal(1, await host.Gateway.MetricAsync("""rwgateway_query_egress_violations_total{store="main",route="/api/v1/series"}"""));
        Assert.Equal("egress-violation", (await host.RecordsAsync())[0].Reason);
    }

    [Fact]
    public async Task Exemplars_and_values_of_the_tenant_label_are_looked_at_too()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = request => request.Target.Contains("exemplars", StringComparison.Ordinal)
            ? ReadHost.Json("""{"status":"success","data":[{"seriesLabels":{"tenant":"blue"},"exemplars":[]}]}""")
            : ReadHost.Json("""{"status":"success","data":["red","blue"]}""");

        Assert.Equal("egress-violation", await host.ReasonAsync(HttpStatusCode.BadGateway, "/api/v1/query_exemplars?query=up"));
        Assert.Equal("egress-violation", await host.ReasonAsync(HttpStatusCode.BadGateway, "/api/v1/label/tenant/values"));
        (HttpStatusCode status, string text) = await host.CallAsync("/api/v1/label/zone/values");
        Assert.Equal((HttpStatusCode.OK, """{"status":"success","data":["red","blue"]}"""), (status, text));
    }

    [Theory]
    [InlineData("""{"status":"success","data":[]}x""")]
    [InlineData("""{"status":"success","data":[],"data":[]}""")]
    [InlineData("""{"status":"error","data":[]}""")]
    [InlineData("""{"data":[]}""")]
    [InlineData("""{"status":"success","data":{}}""")]
    [InlineData("<html>")]
    [InlineData("")]
    public async Task An_answer_of_another_form_is_refused(string answer)
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json(answer);

        Assert.Equal("store-answer-invalid", await host.ReasonAsync(HttpStatusCode.BadGateway, "/api/v1/series?match[]=a"));
    }

    [Fact]
    public async Task A_relayed_answer_passes_byte_by_byte_without_the_stores_headers()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        string body = """{"status":"success","data":{"resultType":"scalar","result":[1,"2"]},"warnings":["é"]}""";
        host.Answering = _ => ReadHost.Json(body).With("Server", "x").With("Set-Cookie", "a=b").With("X-Store", "inside:9090");

        using HttpResponseMessage answer = await host.SendAsync("/api/v1/query?query=scalar(up)");

        Assert.Equal(body, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        Assert.Equal(
            ["Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Cache-Control", "Date", "Transfer-Encoding", "Vary", "X-Content-Type-Options", "X-Request-ID"],
            answer.Headers.Select(header => header.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Compressed_bytes_pass_untouched_if_the_client_takes_them()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        byte[] packed = Gzip(ReadHost.EmptyVector);
        host.Answering = request => request.Header("Accept-Encoding") == "gzip"
            ? (ReadHost.Json("") with { Bytes = packed }).With("Content-Encoding", "gzip")
            : ReadHost.Json(ReadHost.EmptyVector);

        using HttpResponseMessage taken = await host.SendAsync("/api/v1/query?query=up", change: request => request.Headers.AcceptEncoding.ParseAdd("deflate, gzip"));
        using HttpResponseMessage refused = await host.SendAsync("/api/v1/query?query=up", change: request => request.Headers.AcceptEncoding.ParseAdd("gzip;q=0"));

        Assert.Equal(packed, await taken.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal(["gzip"], taken.Content.Headers.ContentEncoding);
        Assert.Equal(ReadHost.EmptyVector, await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal("identity", host.Asked[1].Header("Accept-Encoding"));
    }

    [Fact]
    public async Task A_store_that_compresses_without_being_asked_is_decoded_before_it_is_looked_at()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => (ReadHost.Json("") with { Bytes = Gzip("""{"status":"success","data":[{"tenant":"blue"}]}""") }).With("Content-Encoding", "gzip");

        Assert.Equal("egress-violation", await host.ReasonAsync(HttpStatusCode.BadGateway, "/api/v1/series?match[]=a"));
    }

    [Theory]
    [InlineData(400, """{"status":"error","errorType":"bad_data","error":"too \u0007 many"}""", 400, "store: too \\\\x07 many")]
    [InlineData(422, """{"status":"error","errorType":"execution","error":"no"}""", 422, "\"errorType\":\"execution\"")]
    [InlineData(400, "<html>inside.example:9090</html>", 400, "store: it gave no reason")]
    [InlineData(500, """{"status":"error","error":"inside.example"}""", 502, "store-unavailable")]
    [InlineData(503, """{"status":"error","errorType":"timeout","error":"x"}""", 503, "\"errorType\":\"timeout\"")]
    [InlineData(429, "", 429, "store-rate-limited")]
    [InlineData(401, "", 502, "store-auth-failed")]
    [InlineData(404, "", 502, "store-misconfigured")]
    [InlineData(301, "", 502, "store-misconfigured")]
    [InlineData(206, """{"status":"success","data":[]}""", 502, "store-answer-invalid")]
    public async Task A_stores_error_becomes_ours(int status, string body, int expected, string text)
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json(body, status).With("Location", "http://inside.example/");

        using HttpResponseMessage answer = await host.SendAsync("/api/v1/query?query=up");

        string told = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(expected, (int)answer.StatusCode);
        Assert.Contains(text, told, StringComparison.Ordinal);
        Assert.DoesNotContain("inside.example", told, StringComparison.Ordinal);
        Assert.Null(answer.Headers.Location);
    }

    [Fact]
    public async Task An_answer_of_known_length_is_one_of_known_length_to_the_client()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        string body = """{"status":"success","data":{"resultType":"string","result":[1,"x"]}}""".Replace("x", new string('x', 200_000), StringComparison.Ordinal);
        host.Answering = _ => ReadHost.Json(body).With("Content-Length", $"{body.Length}");

        using HttpResponseMessage answer = await host.SendAsync("/api/v1/query?query=scalar(up)");

        Assert.Equal(body, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Null(answer.Headers.TransferEncodingChunked);
        Assert.Equal(body.Length, (await host.RecordsAsync())[0].ResultBytes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_store_that_breaks_off_ends_the_answer_unclean(bool isLengthKnown)
    {
        await using ReadHost host = await ReadHost.StartAsync();
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Answering = _ =>
        {
            StoreAnswer reply = ReadHost.Json("""{"status":"success","data":{"resultType":""") with { BreaksOff = seen.Task };
            return isLengthKnown ? reply.With("Content-Length", "1000") : reply;
        };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/query?query=up");
        request.Headers.Authorization = new("Bearer", host.Red);

        // What the store has said is with the client before there is more of it.
        using HttpResponseMessage answer = await host.Gateway.Data.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        await using Stream body = await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        Assert.NotEqual(0, await body.ReadAsync(new byte[100], TestContext.Current.CancellationToken));
        seen.SetResult();
        await Assert.ThrowsAnyAsync<IOException>(async () => await body.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken));

        AuditRecord record = Assert.Single(await host.RecordsAsync());
        Assert.Contains("\"aborted\":true", record.Detail, StringComparison.Ordinal);
        Assert.Equal("store-unavailable", record.Reason);
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_given_up_after_the_querys_own_time()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        var asked = new TaskCompletionSource();
        host.Answering = _ =>
        {
            asked.TrySetResult();
            return StoreAnswer.Hang;
        };

        // Two seconds are the query's, five the margin.
        Task<(HttpStatusCode Status, string Text)> call = host.CallAsync("/api/v1/query?query=up&timeout=2");
        await asked.Task;
        host.Gateway.Time.Advance(TimeSpan.FromSeconds(7));

        (HttpStatusCode status, string text) = await call;
        Assert.Equal(HttpStatusCode.GatewayTimeout, status);
        Assert.Contains("store-timeout", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_goes_away_ends_the_stores_work_and_frees_its_place()
    {
        await using ReadHost host = await ReadHost.StartAsync([("Query:MaxInflight", "1")]);
        var asked = new TaskCompletionSource();
        host.Answering = _ =>
        {
            asked.TrySetResult();
            return StoreAnswer.Hang;
        };
        using var gone = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/query?query=up");
        request.Headers.Authorization = new("Bearer", host.Red);
        Task<HttpResponseMessage> call = host.Gateway.Data.SendAsync(request, gone.Token);
        await asked.Task;

        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        host.Answering = _ => ReadHost.Json(ReadHost.EmptyVector);

        // The only place is free again, or this would wait two seconds of a time that stands still.
        Assert.Equal(HttpStatusCode.OK, (await host.CallAsync("/api/v1/query?query=up")).Status);
        Assert.Contains(await host.RecordsAsync(2), record => record is { Reason: "client-gone", HttpStatus: 499 });
    }

    private static byte[] Gzip(string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return packed.ToArray();
    }
}
