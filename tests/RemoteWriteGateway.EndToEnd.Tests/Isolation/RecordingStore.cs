using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Isolation;

/// <summary>A listener in a store's place that answers 204 and keeps every request whole: what the gateway sends is looked at, not stored.</summary>
internal sealed class RecordingStore : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RecordingStore(WebApplication app, Uri url)
    {
        _app = app;
        Url = url;
    }

    public Uri Url { get; }

    /// <summary>Requests with a body that holds data, in the order in which they came; the probe for 2.0 is not among them.</summary>
    public ConcurrentQueue<RecordedRequest> Requests { get; } = [];

    public static async Task<RecordingStore> StartAsync(Workspace workspace, CancellationToken cancellationToken)
    {
        Uri url = new($"http://127.0.0.1:{FreePorts.Take()}");
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(url.ToString());
        RecordingStore store = workspace.Own(new RecordingStore(builder.Build(), url));
        store._app.Map("/{**path}", store.RecordAsync);
        await store._app.StartAsync(cancellationToken);
        return store;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task RecordAsync(HttpContext http)
    {
        using MemoryStream body = new();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        bool isV2 = http.Request.ContentType?.Contains("v2", StringComparison.Ordinal) == true;
        if (!isV2)
        {
            Requests.Enqueue(new RecordedRequest(
                $"{http.Request.Method} {http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget}",
                http.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
                body.ToArray()));
        }

        http.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}

/// <summary>A request as the store received it.</summary>
internal sealed record RecordedRequest(string Line, IReadOnlyDictionary<string, string> Headers, byte[] Body);
