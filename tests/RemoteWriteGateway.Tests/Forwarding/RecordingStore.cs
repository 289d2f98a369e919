using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>A store on loopback that keeps whole requests and answers as it is told. Every path and method is taken.</summary>
/// <remarks>
/// An answer is the first of these that there is: <see cref="Answering"/>, the next of <see cref="AnswerNext"/>, <see cref="AnswerAlways"/>.
/// </remarks>
internal sealed class RecordingStore : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<StoreAnswer> _scripted = new();
    private readonly ConcurrentQueue<ReceivedRequest> _received = new();
    private readonly ConcurrentQueue<ReceivedRequest> _probes = new();
    private readonly Channel<ReceivedRequest> _arrivals = Channel.CreateUnbounded<ReceivedRequest>();
    private readonly Channel<ReceivedRequest> _probeArrivals = Channel.CreateUnbounded<ReceivedRequest>();
    private readonly TaskCompletionSource _closing = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private RecordingStore(WebApplication app)
    {
        _app = app;
        _app.Run(HandleAsync);
    }

    /// <summary>Scheme, host and port, with a slash at the end.</summary>
    public Uri Url { get; private set; } = new("http://unstarted.invalid/");

    /// <summary>Decides the answer by looking at the request.</summary>
    public Func<ReceivedRequest, StoreAnswer>? Answering { get; set; }

    /// <summary>The answer when no other was given: that of a store that takes everything, 2.0 with its counts.</summary>
    public StoreAnswer AnswerAlways { get; set; } = StoreAnswer.Accept;

    /// <summary>The answer to a 2.0 request without series, by which the gateway asks for 2.0: no counts, so that it learns nothing.</summary>
    public StoreAnswer AnswerProbes { get; set; } = StoreAnswer.Swallow;

    /// <summary>All probes so far, which are in no other list.</summary>
    public IReadOnlyList<ReceivedRequest> Probes => [.. _probes];

    /// <summary>All requests so far, in the order in which they were read.</summary>
    public IReadOnlyList<ReceivedRequest> Requests => [.. _received];

    /// <summary>The only request so far.</summary>
    public ReceivedRequest Request => Assert.Single(_received);

    /// <param name="https">Makes it speak TLS: the server certificate, and which client certificates it asks for.</param>
    /// <param name="port">A port that was used before, to come back on it; 0 is any free one.</param>
    public static async Task<RecordingStore> StartAsync(Action<HttpsConnectionAdapterOptions>? https = null, int port = 0)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, port, listen =>
            {
                if (https is not null)
                {
                    listen.UseHttps(https);
                }
            });
        });
        if (https is not null)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }

        RecordingStore store = new(builder.Build());
        await store._app.StartAsync(TestContext.Current.CancellationToken);
        IServerAddressesFeature addresses =
            store._app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>();
        store.Url = new Uri(addresses.Addresses.Single());
        return store;
    }

    /// <summary>Answers for the next requests, one each.</summary>
    public void AnswerNext(params ReadOnlySpan<StoreAnswer> answers)
    {
        foreach (StoreAnswer answer in answers)
        {
            _scripted.Enqueue(answer);
        }
    }

    /// <summary>Waits for the next request that nobody has waited for yet.</summary>
    public ValueTask<ReceivedRequest> NextAsync() => _arrivals.Reader.ReadAsync(TestContext.Current.CancellationToken);

    /// <summary>Waits for the next probe that nobody has waited for yet.</summary>
    public ValueTask<ReceivedRequest> NextProbeAsync() => _probeArrivals.Reader.ReadAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        _closing.TrySetResult();
        await _app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext http)
    {
        ReceivedRequest request = await ReceivedRequest.ReadAsync(http);
        if (request.IsProbe)
        {
            _probes.Enqueue(request);
            _probeArrivals.Writer.TryWrite(request);
            await AnswerProbes.WriteAsync(http, request, _closing.Task);
            return;
        }

        _received.Enqueue(request);
        _arrivals.Writer.TryWrite(request);

        StoreAnswer answer = Answering?.Invoke(request) ?? (_scripted.TryDequeue(out StoreAnswer? next) ? next : AnswerAlways);
        await answer.WriteAsync(http, request, _closing.Task);
    }
}
