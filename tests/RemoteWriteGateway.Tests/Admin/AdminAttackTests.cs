using System.Net;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Admin;
using RemoteWriteGateway.Tests.Attacks;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary>
/// What every route of the admin API refuses, over whatever is mapped. That each asks for a token and for its own permission is row 27 of the
/// table of attacks: <see cref="PolicyAttackTests"/>.
/// </summary>
public sealed class AdminAttackTests(SharedAdminGateway shared) : IClassFixture<SharedAdminGateway>
{
    private const string Marker = "forged-text-7f3a";

    private GatewayHost Gateway => shared.Gateway;

    /// <summary>One who may call every route: what is refused is refused for another reason.</summary>
    private string Token => Gateway.UserToken("Gateway.Admin", "Policy.Read", "Gateway.Audit");

    private AdminRoute[] Routes =>
        [.. Gateway.Services.GetRequiredService<EndpointDataSource>().Endpoints.Select(one => one.Metadata.GetMetadata<AdminRoute>()).OfType<AdminRoute>()];

    [Fact]
    public async Task Unknown_and_repeated_parameters_are_refused_on_every_route()
    {
        foreach (AdminRoute route in Routes)
        {
            using HttpResponseMessage unknown = await CallAsync(route, $"?{Marker}=1");
            string known = route.Query.IsEmpty ? "none" : string.Join(", ", route.Query.Select(one => one.Name));
            string[] errors = await RefusedAsync(unknown, 400, "bad-request");
            Assert.Contains($"query: there is an unknown parameter; this route takes {known}", errors);
            foreach (QueryParameter parameter in route.Query)
            {
                using HttpResponseMessage repeated = await CallAsync(route, $"?{parameter.Name}=1&{parameter.Name}=1");
                Assert.Contains($"{parameter.Name}: is given more than once", await RefusedAsync(repeated, 400, "bad-request"));
                using HttpResponseMessage control = await CallAsync(route, $"?{parameter.Name}={Marker}%0d%0aX-Forged:%20yes%00");
                Assert.Contains($"{parameter.Name}: has a control character", await RefusedAsync(control, 400, "bad-request"));
                Assert.False(control.Headers.Contains("X-Forged"));
            }
        }
    }

    [Fact]
    public async Task Other_methods_are_told_which_the_path_takes()
    {
        foreach (IGrouping<string, AdminRoute> path in Routes.GroupBy(route => route.Path))
        {
            string allowed = string.Join(", ", path.Select(route => route.Method).Order(StringComparer.Ordinal));
            foreach (string method in ((string[])["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]).Except(path.Select(route => route.Method)))
            {
                using HttpResponseMessage answer = await Gateway.CallAsync(method, TargetOf(path.Key), Token);
                await ProblemCheck.AssertAsync(answer, 405, "method-not-allowed");
                Assert.Equal(allowed, string.Join(", ", answer.Content.Headers.Allow));
                using HttpResponseMessage anonymous = await Gateway.CallAsync(method, TargetOf(path.Key), token: null);
                await ProblemCheck.AssertAsync(anonymous, 401, "no-credentials");
            }

            // As above, and without a body, which HEAD cannot have.
            using HttpResponseMessage head = await Gateway.CallAsync("HEAD", TargetOf(path.Key), Token);
            Assert.Equal(HttpStatusCode.MethodNotAllowed, head.StatusCode);
        }
    }

    [Theory]
    [InlineData("/admin/v1/nothing")]
    [InlineData("/admin/v1")]
    [InlineData("/admin/v1/policy/")]
    [InlineData("/admin/v1/policy/versions/x/y/z")]
    [InlineData("/admin/v1/%2e%2e/whoami")]
    public async Task A_path_that_is_not_there_is_not_found_with_a_token_and_tells_nothing_without_one(string path)
    {
        using HttpResponseMessage known = await RawRequest.SendAsync(Gateway.Data.BaseAddress!, $"GET {path} HTTP/1.1\nAuthorization: Bearer {Token}");
        using HttpResponseMessage unknown = await RawRequest.SendAsync(Gateway.Data.BaseAddress!, $"GET {path} HTTP/1.1");

        Assert.True(known.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.OK, $"{known.StatusCode}");
        Assert.Equal(path is "/admin/v1/policy/" or "/admin/v1/%2e%2e/whoami" ? known.StatusCode : HttpStatusCode.NotFound, known.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, unknown.StatusCode);
    }

    [Fact]
    public async Task A_body_that_is_none_is_refused_on_every_route_that_takes_one()
    {
        AdminRoute[] routes = [.. Routes.Where(route => route.Body is not null)];
        Assert.True(routes.Length >= 3);
        foreach (AdminRoute route in routes)
        {
            string deep = new string('[', 200_000 / (route.MaxBodyBytes > 300_000 ? 1 : 10));
            foreach (string body in (string[])["", "{", "null", "[]", "1", "\"x\"", $"{{\"{Marker}\":1}}", deep, "{\"a\":" + deep, "\u0000", "{}{}", "<a/>", "a: b"])
            {
                using HttpResponseMessage answer = await CallAsync(route, "", body);
                string[] errors = await RefusedAsync(answer, 400, "bad-request");
                Assert.NotEmpty(errors);
            }

            foreach (string type in (string[])["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/yaml"])
            {
                using HttpResponseMessage answer = await CallAsync(route, "", "{}", request =>
                    request.Content!.Headers.ContentType = new System.Net.Http.Headers.MediaTypeHeaderValue(type));
                await RefusedAsync(answer, 415, "unsupported-media-type");
            }

            using HttpResponseMessage packed = await CallAsync(route, "", "{}", request => request.Content!.Headers.ContentEncoding.Add("gzip"));
            await RefusedAsync(packed, 415, "unsupported-encoding");
        }
    }

    /// <summary>400 and never 413, whether the length is stated or not, and not a byte more is read than the route takes.</summary>
    [Fact]
    public async Task A_body_past_the_routes_limit_is_refused()
    {
        foreach (AdminRoute route in Routes.Where(route => route.Body is not null))
        {
            byte[] body = new byte[route.MaxBodyBytes + 1];
            body.AsSpan().Fill((byte)' ');
            using HttpResponseMessage stated = await CallAsync(route, "", "", request => request.Content = Json(new ByteArrayContent(body)));
            Assert.Equal([$"body: has {body.Length} bytes, limit {route.MaxBodyBytes}"], await RefusedAsync(stated, 400, "bad-request"));
            using HttpResponseMessage chunked = await CallAsync(route, "", "", request =>
            {
                request.Content = Json(new StreamContent(new MemoryStream(body)));
                request.Headers.TransferEncodingChunked = true;
                request.Content.Headers.ContentLength = null;
            });
            Assert.Equal([$"body: has more than {route.MaxBodyBytes} bytes, limit {route.MaxBodyBytes}"], await RefusedAsync(chunked, 400, "bad-request"));
        }
    }

    [Fact]
    public async Task A_body_where_none_is_taken_is_refused()
    {
        foreach (AdminRoute route in Routes.Where(route => route.Body is null))
        {
            using HttpResponseMessage answer = await CallAsync(route, "", $"{{\"{Marker}\":1}}");
            Assert.Contains("body: this route takes none", await RefusedAsync(answer, 400, "bad-request"));
        }
    }

    /// <summary>Ids in a path are looked up and never sent back, whatever they hold.</summary>
    [Theory]
    [InlineData(Marker)]
    [InlineData("..")]
    [InlineData("%00" + Marker)]
    [InlineData("%0d%0aX-Forged:%20" + Marker)]
    [InlineData("%22" + Marker + "%22")]
    [InlineData("%3Cscript%3E" + Marker)]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    [InlineData("' OR 1=1 --")]
    public async Task Ids_that_are_none_are_refused_and_never_reflected(string id)
    {
        foreach (AdminRoute route in Routes.Where(route => route.PathParameters.Any()))
        {
            string target = Regex.Replace(route.Path, "{[a-z]+}", id);
            using HttpResponseMessage answer = await Gateway.CallAsync(route.Method, target, Token, route.Body is null ? null : "{}");
            Assert.InRange((int)answer.StatusCode, 400, 404);
            Assert.False(answer.Headers.Contains("X-Forged"));
            Assert.DoesNotContain(Marker, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken) + answer.Headers, StringComparison.Ordinal);
        }
    }

    /// <summary>Documents that grow when they are read, or that no reader should follow.</summary>
    [Theory]
    [InlineData("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]", "anchors")]
    [InlineData("version: !!int 1", "tags")]
    [InlineData("version: 1\n---\nversion: 1", "document")]
    [InlineData("<<: {version: 1}", "merge")]
    [InlineData("{deep}", "deep")]
    [InlineData("version: 1\u0000", "U+0000")]
    public async Task Documents_that_are_bombs_are_faults(string document, string what)
    {
        document = document.Replace("{deep}", string.Concat(Enumerable.Repeat("[", 100_000)), StringComparison.Ordinal);
        string body = new System.Text.Json.Nodes.JsonObject { ["document"] = document, ["cases"] = document }.ToJsonString();
        using HttpResponseMessage validate = await Gateway.CallAsync(
            "POST", "/admin/v1/policy/validate", Token, new System.Text.Json.Nodes.JsonObject { ["document"] = document }.ToJsonString());
        using HttpResponseMessage test = await Gateway.CallAsync("POST", "/admin/v1/policy/test", Token, body);

        Assert.NotEmpty(await ProblemCheck.AssertAsync(validate, 400, "policy-invalid"));
        Assert.True((await ProblemCheck.AssertAsync(test, 400, "policy-invalid")).Length > 0, what);
    }

    [Fact]
    public async Task A_thousand_faults_are_told_as_a_hundred_and_their_number()
    {
        string document = "version: 1\ntenants: {}\nbindings:\n" + string.Concat(Enumerable.Repeat("- x\n", 1000));
        using HttpResponseMessage answer = await Gateway.CallAsync(
            "POST", "/admin/v1/policy/validate", Token, new System.Text.Json.Nodes.JsonObject { ["document"] = document }.ToJsonString());

        System.Text.Json.Nodes.JsonObject problem = await ProblemCheck.AssertWellFormedAsync(answer);
        Assert.Equal(100, problem["errors"]!.AsArray().Count);
        Assert.Equal("1000 errors; the first 100 of 1000 are listed", problem["detail"]!.GetValue<string>());
    }

    /// <summary>A refusal has the reason, its metric, one log record, and nothing of what was sent.</summary>
    private async Task<string[]> RefusedAsync(HttpResponseMessage answer, int status, string reason)
    {
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain(Marker, text + answer.Headers, StringComparison.Ordinal);
        Assert.DoesNotContain(Gateway.Logs.All, line => line.Contains(Marker, StringComparison.Ordinal));
        string[] errors = await ProblemCheck.AssertAsync(answer, status, reason);

        // Where in the body it is, is for other tests.
        return [.. errors.Select(error => Regex.Replace(error, @" \([0-9]+:[0-9]+\)", ""))];
    }

    private static string TargetOf(string path) => Regex.Replace(path, "{[a-z]+}", "ours");

    private Task<HttpResponseMessage> CallAsync(AdminRoute route, string query, string? body = null, Action<HttpRequestMessage>? change = null) =>
        Gateway.CallAsync(route.Method, TargetOf(route.Path) + query, Token, body ?? (route.Body is null ? null : "{}"), change);

    private static HttpContent Json(HttpContent content)
    {
        content.Headers.ContentType = new System.Net.Http.Headers.MediaTypeHeaderValue("application/json");
        return content;
    }
}
