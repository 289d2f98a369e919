using System.Collections.Concurrent;
using RemoteWriteGateway.Tests.EntraEmulator;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>Leads to the emulator, notes requests for other hosts, and can hold answers back.</summary>
internal sealed class Backchannel(HttpMessageHandler emulator) : DelegatingHandler(emulator)
{
    private readonly ConcurrentQueue<Uri> _foreignUrls = new();
    private TaskCompletionSource _nextRequest = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _fetches;

    /// <summary>URLs beyond the emulator's host that were asked for.</summary>
    public IEnumerable<Uri> ForeignUrls => _foreignUrls;

    /// <summary>How often the OpenID configuration was asked for: once in each fetch.</summary>
    public int Fetches => Volatile.Read(ref _fetches);

    /// <summary>Completes when the next request has been sent. To be called before what sends it.</summary>
    public Task NextRequestAsync() => Volatile.Read(ref _nextRequest).Task;

    /// <summary>Runs when an answer has been read from the emulator, before it is handed over.</summary>
    public Func<HttpRequestMessage, HttpResponseMessage, Task>? OnAnswer { get; set; }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.RequestUri!.GetLeftPart(UriPartial.Authority) != EmulatorHost.BaseUrl)
        {
            _foreignUrls.Enqueue(request.RequestUri);
        }

        if (request.RequestUri.AbsolutePath.EndsWith("/openid-configuration", StringComparison.Ordinal))
        {
            Interlocked.Increment(ref _fetches);
        }

        Interlocked.Exchange(ref _nextRequest, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        if (OnAnswer is { } onAnswer)
        {
            await onAnswer(request, response);
        }

        return response;
    }
}
