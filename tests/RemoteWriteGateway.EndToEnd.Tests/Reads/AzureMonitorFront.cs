using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Reads;

/// <summary>
/// Stands before a real Prometheus and treats its query API as the documentation of Azure Monitor workspaces says: tokens for
/// <c>https://prometheus.monitor.azure.com</c>; each selector names a metric; no regular expression on <c>/series</c>; <c>/labels</c> and
/// label values know no <c>match[]</c>, and values are those of <c>__name__</c> only; nothing else.
/// </summary>
internal sealed class AzureMonitorFront : IAsyncDisposable
{
    public const string Audience = "https://prometheus.monitor.azure.com";

    private readonly WebApplication _app;

    private AzureMonitorFront(WebApplication app, Uri url)
    {
        _app = app;
        Url = url;
    }

    public Uri Url { get; }

    /// <summary>What was asked, path and parameters, decoded.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    public static async Task<AzureMonitorFront> StartAsync(Workspace workspace, Uri prometheus, CancellationToken cancellationToken)
    {
        Uri url = new($"http://127.0.0.1:{FreePorts.Take()}");
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls(url.ToString());
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        AzureMonitorFront front = workspace.Own(new AzureMonitorFront(app, url));
        HttpClient client = new() { BaseAddress = prometheus };
        app.Run(http => front.AnswerAsync(http, client));
        await app.StartAsync(cancellationToken);
        return front;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext http, HttpClient client)
    {
        string path = http.Request.Path.ToString();
        using StreamReader reader = new(http.Request.Body);
        string parameters = string.Join('&', ((string[])[http.Request.QueryString.ToString().TrimStart('?'), await reader.ReadToEndAsync()]).Where(part => part.Length > 0));
        Asked.Enqueue($"{path} {Uri.UnescapeDataString(parameters)}");
        if (AudienceOf(http.Request.Headers.Authorization.ToString()) != Audience)
        {
            http.Response.StatusCode = 401;
            return;
        }

        Dictionary<string, Microsoft.Extensions.Primitives.StringValues> values = QueryHelpers.ParseQuery(parameters);
        string[] selectors = [.. values.GetValueOrDefault("match[]").Concat(values.GetValueOrDefault("query")).OfType<string>()];
        string? fault = path switch
        {
            "/api/v1/labels" or "/api/v1/label/__name__/values" or "/api/v1/status/buildinfo" => null,
            "/api/v1/query" or "/api/v1/query_range" or "/api/v1/series" when selectors.Any(one => one.Contains('{', StringComparison.Ordinal) && !NamesMetric(one)) => "a selector names no metric",
            "/api/v1/series" when selectors.Any(one => one.Contains('~', StringComparison.Ordinal)) => "regular expressions are not supported",
            "/api/v1/query" or "/api/v1/query_range" or "/api/v1/series" => null,
            _ => "not supported",
        };
        if (fault is not null)
        {
            http.Response.StatusCode = fault == "not supported" ? 404 : 422;
            await http.Response.WriteAsJsonAsync(new { status = "error", errorType = "execution", error = fault });
            return;
        }

        // Where match[] is not known it makes no difference.
        string passed = path.StartsWith("/api/v1/label", StringComparison.Ordinal) ? "" : parameters;
        using HttpResponseMessage answer = await client.GetAsync(new Uri($"{path}?{passed}", UriKind.Relative));
        http.Response.StatusCode = (int)answer.StatusCode;
        http.Response.ContentType = "application/json";
        await http.Response.WriteAsync(await answer.Content.ReadAsStringAsync());
    }

    private static bool NamesMetric(string selector)
    {
        int brace = selector.IndexOf('{', StringComparison.Ordinal);
        return (brace > 0 && (char.IsAsciiLetterOrDigit(selector[brace - 1]) || selector[brace - 1] == '_'))
            || selector.Contains("__name__=\"", StringComparison.Ordinal);
    }

    private static string? AudienceOf(string authorization)
    {
        string[] parts = authorization.Split('.');
        return parts.Length == 3 ? (string?)JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!["aud"] : null;
    }
}
