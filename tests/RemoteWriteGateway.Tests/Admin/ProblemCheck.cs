using System.Text.Json.Nodes;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary>What every problem of the admin API owes its caller, whatever it says.</summary>
internal static class ProblemCheck
{
    /// <summary>Asserts it, and gives the problem.</summary>
    public static async Task<JsonObject> AssertWellFormedAsync(HttpResponseMessage answer)
    {
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        JsonObject problem = JsonNode.Parse(text)!.AsObject();
        string reason = Text(problem, "reason");
        Assert.Matches("^[a-z]+(-[a-z]+)*$", reason);
        Assert.Equal($"urn:rwgateway:problem:{reason}", Text(problem, "type"));
        Assert.NotEmpty(Text(problem, "title"));
        Assert.NotEmpty(Text(problem, "detail"));
        Assert.Equal((int)answer.StatusCode, problem["status"]!.GetValue<int>());
        Assert.Equal(answer.Headers.GetValues("X-Request-Id").Single(), Text(problem, "requestId"));
        Assert.Equal((int)answer.StatusCode is 429 or 503, answer.Headers.Contains("Retry-After"));
        Assert.Empty(problem.Select(member => member.Key).Except(["type", "title", "status", "detail", "reason", "requestId", "errors"]));
        Assert.DoesNotContain(text, char.IsControl);
        return problem;
    }

    /// <summary>Asserts status and reason as well, and gives the errors as <c>key (line:column): message</c>.</summary>
    public static async Task<string[]> AssertAsync(HttpResponseMessage answer, int status, string reason)
    {
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(status == (int)answer.StatusCode, $"{(int)answer.StatusCode} {text}");
        JsonObject problem = await AssertWellFormedAsync(answer);
        Assert.Equal(reason, Text(problem, "reason"));
        return [.. (problem["errors"]?.AsArray() ?? []).Select(error =>
            error!["line"] is { } line
                ? $"{Text(error.AsObject(), "key")} ({line}:{error["column"]}): {Text(error.AsObject(), "message")}"
                : $"{Text(error.AsObject(), "key")}: {Text(error.AsObject(), "message")}")];
    }

    private static string Text(JsonObject json, string name) => json[name]!.GetValue<string>();
}
