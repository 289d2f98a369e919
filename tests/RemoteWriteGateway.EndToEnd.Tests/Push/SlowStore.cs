using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>Stands before a store and takes its time with every write, so that whoever is told to stop has one under way. Speaks 1.0 only.</summary>
internal sealed class SlowStore : IAsyncDisposable
{
    // Less than the gateways of these tests wait for an answer, more than they need to end when nothing is under way.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(800);
    private static readonly HttpClient Client = new();

    private readonly WebApplication _app;
    private readonly Uri _store;

    private SlowStore(WebApplication app, Uri url, Uri store)
    {
        _app = app;
        _store = store;
        Url = url;
    }

    public Uri Url { get; }

    /// <summary>Starts it before <paramref name="store"/>.</summary>
    public static async Task<SlowStore> StartAsync(Workspace workspace, Uri store, CancellationToken cancellationToken)
    {
        Uri url = new($"http://127.0.0.1:{FreePorts.Take()}");
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(url.ToString());
        SlowStore slow = workspace.Own(new SlowStore(builder.Build(), url, store));
        slow._app.MapPost("/api/v1/write", slow.WriteAsync);
        await slow._app.StartAsync(cancellationToken);
        return slow;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task WriteAsync(HttpContext http)
    {
        // No token: a write that was read is made, whether its sender waits or not.
        await Task.Delay(Pause, CancellationToken.None);
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(_store, "/api/v1/write")) { Content = new StreamContent(http.Request.Body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", http.Request.ContentType);
        request.Content.Headers.TryAddWithoutValidation("Content-Encoding", http.Request.Headers.ContentEncoding.ToString());
        using HttpResponseMessage answer = await Client.SendAsync(request, CancellationToken.None);
        http.Response.StatusCode = (int)answer.StatusCode;
        await http.Response.WriteAsync(await answer.Content.ReadAsStringAsync(CancellationToken.None), CancellationToken.None);
    }
}
