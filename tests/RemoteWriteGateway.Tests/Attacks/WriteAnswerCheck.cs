using System.Globalization;
using System.Net;
using System.Text;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>What every answer to a write owes its sender, whatever it says.</summary>
internal static class WriteAnswerCheck
{
    private const string Counts = "X-Prometheus-Remote-Write-";

    /// <summary>Asserts it, and gives the text.</summary>
    /// <param name="gateway">Who answered.</param>
    /// <param name="answer">Not disposed here.</param>
    /// <param name="token">What the sender showed, which may come back in no way.</param>
    public static async Task<string> AssertWellFormedAsync(GatewayHost gateway, HttpResponseMessage answer, string token = "")
    {
        byte[] body = await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        string text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(body);
        string requestId = answer.Headers.GetValues("X-Request-Id").Single();
        Assert.True(Guid.TryParse(requestId, out Guid id) && id.Version == 7);
        if (answer.StatusCode == HttpStatusCode.NoContent)
        {
            Assert.Empty(body);
            return text;
        }

        Assert.InRange(body.Length, 1, 1000);
        Assert.Equal("text/plain; charset=utf-8", answer.Content.Headers.ContentType?.ToString());
        string[] lines = text.TrimEnd('\n').Split('\n');
        Assert.EndsWith($" (request {requestId})", lines[0], StringComparison.Ordinal);
        Assert.All(lines, line => Assert.Matches("^([a-z]+(-[a-z0-9]+)*: .|and [0-9]+ more$)", line));
        Assert.Equal(lines.Length, lines.Select(line => line.Split(':')[0]).Distinct().Count());
        Assert.DoesNotContain(text, character => char.IsControl(character) && character != '\n');

        AssertRetryAfter(answer);
        string[] secrets = [.. token.Split('.'), "theirs", gateway.Store.Url.Authority, $":{gateway.Store.Url.Port}"];
        AssertAbsent(secrets.Where(secret => secret.Length > 0), text + answer.Headers + answer.Content.Headers);
        return text;
    }

    /// <summary>Asserts that none of <paramref name="secrets"/> stands in <paramref name="text"/>.</summary>
    public static void AssertAbsent(IEnumerable<string> secrets, string text)
    {
        // By line, so that a failure shows which one it is.
        string[] all = [.. secrets];
        Assert.DoesNotContain(text.Split('\n'), line => Array.Exists(all, secret => line.Contains(secret, StringComparison.Ordinal)));
    }

    /// <summary>The three counts of an answer to a 2.0 sender; empty if there is none.</summary>
    public static long[] CountsOf(HttpResponseMessage answer) =>
    [
        .. ((string[])["Samples", "Histograms", "Exemplars"])
            .Where(kind => answer.Headers.Contains($"{Counts}{kind}-Written"))
            .Select(kind => long.Parse(answer.Headers.GetValues($"{Counts}{kind}-Written").Single(), CultureInfo.InvariantCulture)),
    ];

    /// <summary>The header in seconds; null if it is absent.</summary>
    public static int? RetryAfterOf(HttpResponseMessage answer) =>
        answer.Headers.TryGetValues("Retry-After", out IEnumerable<string>? values) ? int.Parse(values.Single(), CultureInfo.InvariantCulture) : null;

    private static void AssertRetryAfter(HttpResponseMessage answer)
    {
        if ((int)answer.StatusCode is 429 or 503)
        {
            Assert.InRange(RetryAfterOf(answer) ?? 0, 1, 300);
        }
        else
        {
            Assert.Null(RetryAfterOf(answer));
        }
    }
}
