using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using RemoteWriteGateway.Admin;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary>Bodies are what the route's type says, and everything that is not is told with its place.</summary>
public sealed class AdminBodyTests
{
    private sealed record Thing
    {
        public required string Name { get; init; }

        public int? Count { get; init; }

        public bool Flag { get; init; }

        public Guid? Id { get; init; }

        public DateTimeOffset? Until { get; init; }

        public IReadOnlyList<string> Tags { get; init; } = [];

        public Part? Part { get; init; }

        public JsonElement? Claims { get; init; }
    }

    private sealed record Part
    {
        public required string Document { get; init; }
    }

    [Fact]
    public async Task A_body_is_read()
    {
        AdminBody<Thing> body = await ReadAsync("""
            {"name":"x\u00e4\ud83d\ude00","count":3,"flag":true,"id":"66666666-0000-4000-8000-000000000001","until":"2027-01-31T00:00:00+01:00",
             "tags":["a","b"],"part":{"document":"d"},"claims":{"roles":["R"]}}
            """);

        Assert.True(body.IsValid(out Thing? thing, out _));
        Assert.Equal(("xä😀", 3, true), (thing.Name, thing.Count, thing.Flag));
        Assert.Equal(new DateTimeOffset(2027, 1, 30, 23, 0, 0, TimeSpan.Zero), thing.Until);
        Assert.Equal(["a", "b"], thing.Tags);
        Assert.Equal("d", thing.Part!.Document);
        Assert.Equal("""{"roles":["R"]}""", thing.Claims!.Value.GetRawText());
    }

    [Theory]
    [InlineData("", "body (1:1): is not JSON from here on")]
    [InlineData("hello", "body (1:1): is not JSON from here on")]
    [InlineData("null", "body (1:1): must not be null")]
    [InlineData("[]", "body (1:1): must be an object")]
    [InlineData("{}", "name (1:1): is required")]
    [InlineData("""{"name":"x"} {}""", "body (1:14): is not JSON from here on")]
    [InlineData("""{"name":"x",}""", "body (1:13): is not JSON from here on")]
    [InlineData("""{'name':'x'}""", "body (1:2): is not JSON from here on")]
    [InlineData("{\"name\":\"x\" // no\n}", "body (1:13): is not JSON from here on")]
    [InlineData("""{"Name":"x"}""", "name (1:1): is required|body (1:2): has an unknown member; expected name, count, flag, id, until, tags, part, claims")]
    [InlineData("""{"name":"x","name":"y"}""", "name (1:13): is given twice")]
    [InlineData("""{"name":"x","n\u0061me":"y"}""", "name (1:13): is given twice")]
    [InlineData("""{"name":null}""", "name (1:9): must not be null")]
    [InlineData("""{"name":1}""", "name (1:9): must be a text")]
    [InlineData("""{"name":"\ud800"}""", "name (1:9): must be a text")]
    [InlineData("""{"name":"x","count":"3"}""", "count (1:21): must be a whole number")]
    [InlineData("""{"name":"x","count":3.5}""", "count (1:21): must be a whole number")]
    [InlineData("""{"name":"x","count":99999999999}""", "count (1:21): must be a whole number")]
    [InlineData("""{"name":"x","flag":"true"}""", "flag (1:20): must be true or false")]
    [InlineData("""{"name":"x","id":"{66666666-0000-4000-8000-000000000001}"}""", "id (1:18): must be an id such as 0199a1b2-0000-7000-8000-000000000000")]
    [InlineData("""{"name":"x","until":"tomorrow"}""", "until (1:21): must be a time with offset, such as 2027-01-31T00:00:00Z")]
    [InlineData("""{"name":"x","until":"2027-01-31T00:00:00"}""", "until (1:21): must be a time with offset, such as 2027-01-31T00:00:00Z")]
    [InlineData("""{"name":"x","tags":"a"}""", "tags (1:20): must be a list")]
    [InlineData("""{"name":"x","tags":["a",1,null]}""", "tags[1] (1:25): must be a text|tags[2] (1:27): must not be null")]
    [InlineData("""{"name":"x","part":{}}""", "part.document (1:20): is required")]
    [InlineData("""{"name":"x","part":{"document":"d","$type":"Evil"}}""", "part (1:36): has an unknown member; expected document")]
    [InlineData("{\n  \"name\": 1,\n  \"flag\": 2,\n  \"äöü\": 3, \"x\": 4\n}", "name (2:11): must be a text|flag (3:11): must be true or false|body (4:3): has an unknown member; expected name, count, flag, id, until, tags, part, claims|body (4:13): has an unknown member; expected name, count, flag, id, until, tags, part, claims")]
    [InlineData("""{"name":"x","claims":{"a":1,"a":2}}""", "body (1:1): has a member twice, or a text that is none")]
    public async Task A_body_that_does_not_fit_is_told_by_key_line_and_column(string json, string expected)
    {
        AdminBody<Thing> body = await ReadAsync(json);

        Assert.False(body.IsValid(out _, out Refusal? refusal));
        Assert.Equal(("bad-request", 400), (refusal.Reason, refusal.StatusCode));
        Assert.Equal(expected, string.Join('|', refusal.Errors.Select(error => $"{error.Key} ({error.Line}:{error.Column}): {error.Message}")));
    }

    [Fact]
    public async Task Nesting_is_bounded_wherever_it_stands()
    {
        string deep = new string('[', 17) + new string(']', 17);
        foreach (string json in (string[])[deep, $$"""{"name":"x","claims":{{deep}}}""", $$"""{"unknown":{{deep}}}""", new string('[', 900_000)])
        {
            AdminBody<Thing> body = await ReadAsync(json);
            Assert.False(body.IsValid(out _, out Refusal? refusal));
            Assert.Contains(refusal.Errors, error => error.Message == "is nested more than 16 deep");
        }
    }

    [Theory]
    [InlineData("text/plain", null, "unsupported-media-type")]
    [InlineData("application/x-www-form-urlencoded", null, "unsupported-media-type")]
    [InlineData("application/json; charset=utf-16", null, "unsupported-media-type")]
    [InlineData("", null, "unsupported-media-type")]
    [InlineData("application/json", "gzip", "unsupported-encoding")]
    [InlineData("application/json", "identity", "unsupported-encoding")]
    public async Task Only_plain_json_is_taken(string type, string? encoding, string reason)
    {
        AdminBody<Thing> body = await ReadAsync("{}", http =>
        {
            http.Request.ContentType = type;
            http.Request.Headers.ContentEncoding = encoding;
        });

        Assert.Equal((reason, 415), (body.Refusal!.Reason, body.Refusal.StatusCode));
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/json;charset=UTF-8")]
    [InlineData("Application/JSON; charset=\"utf-8\"")]
    public async Task Json_may_say_that_it_is_utf8(string type) =>
        Assert.True((await ReadAsync("""{"name":"x"}""", http => http.Request.ContentType = type)).IsValid(out _, out _));

    [Theory]
    [InlineData(true, "body: has 101 bytes, limit 100")]
    [InlineData(false, "body: has more than 100 bytes, limit 100")]
    public async Task A_body_past_its_limit_is_refused_with_or_without_a_stated_length(bool isStated, string expected)
    {
        AdminBody<Thing> body = await ReadAsync(new string(' ', 101), http => http.Request.ContentLength = isStated ? 101 : null, maxBytes: 100);

        Assert.Equal([expected], body.Refusal!.Errors.Select(error => $"{error.Key}: {error.Message}"));
    }

    [Fact]
    public async Task What_a_handler_finds_is_told_where_it_stands()
    {
        AdminBody<Thing> body = await ReadAsync("{\n \"name\":\"x\",\n \"tags\":[\"a\",\n\"b\"]}");
        Assert.Null(body.Refusal);

        body.Fault("tags[1]", "will not do");
        body.Fault("count", "is missed");

        Assert.Equal(["count (1:1): is missed", "tags[1] (4:1): will not do"], body.Refusal!.Errors.Select(error => $"{error.Key} ({error.Line}:{error.Column}): {error.Message}"));
    }

    [Fact]
    public async Task Bytes_that_are_no_text_are_refused_and_never_a_bug()
    {
        var random = new Random(20261128);
        byte[] good = Encoding.UTF8.GetBytes("""{"name":"x\u00e4","count":3,"tags":["a","b"],"part":{"document":"d"},"claims":{"roles":["R"],"\u0061":1}}""");
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = [.. good];
            for (int flips = random.Next(1, 4); flips > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            AdminBody<Thing> body = await ReadAsync(bytes[..random.Next(bytes.Length / 2, bytes.Length + 1)], _ => { });
            Assert.True(body.Refusal is not null || body.Value is not null);
        }
    }

    private static Task<AdminBody<Thing>> ReadAsync(string json, Action<HttpContext>? change = null, int maxBytes = 1 << 20) =>
        ReadAsync(Encoding.UTF8.GetBytes(json), change ?? (_ => { }), maxBytes);

    private static Task<AdminBody<Thing>> ReadAsync(byte[] json, Action<HttpContext> change, int maxBytes = 1 << 20)
    {
        DefaultHttpContext http = new();
        http.Request.Body = new MemoryStream(json);
        http.Request.ContentType = "application/json";
        change(http);
        return AdminBody<Thing>.ReadAsync(http.Request, maxBytes, TestContext.Current.CancellationToken);
    }
}
