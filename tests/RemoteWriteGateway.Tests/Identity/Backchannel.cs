using System.Collections.Concurrent;
using RemoteWriteGateway.Tests.EntraEmulator;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>Leads to the emulator, notes requests for other hosts, and can hold answers back.</summary>
internal sealed class Backchannel(HttpMessageHandler emulator) : DelegatingHandler(emulator)
{
    private readonly ConcurrentQueue<Uri> _foreignUrls = new();

    /// <summary>URLs beyond the emulator's host that were asked for.</summary>
    public IEnumerable<Uri> ForeignUrls => _foreignUrls;

    /// <summary>Runs when an answer has been read from the emulator, before it is handed over.</summary>
    public Func<HttpRequestMessage, HttpResponseMessage, Task>? OnAnswer { get; set; }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.RequestUri!.GetLeftPart(UriPartial.Authority) != EmulatorHost.BaseUrl)
        {
            _foreignUrls.Enqueue(request.RequestUri);
        }

        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        if (OnAnswer is { } onAnswer)
        {
            await onAnswer(request, response);
        }

        return response;
    }
}
