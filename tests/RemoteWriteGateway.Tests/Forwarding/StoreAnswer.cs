using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>What a <see cref="RecordingStore"/> answers.</summary>
internal sealed record StoreAnswer(int StatusCode, string Text = "")
{
    private enum Behaviour
    {
        AsSaid,
        Counting,
        Hanging,
        Aborting,
    }

    /// <summary>204; to a 2.0 request with counts of all that is in it, as Prometheus 3 does.</summary>
    public static StoreAnswer Accept { get; } = new(204) { How = Behaviour.Counting };

    /// <summary>204 and no count headers, whatever was sent: a store that does not know 2.0 and does not say so.</summary>
    public static StoreAnswer Swallow { get; } = new(204);

    /// <summary>No answer until the store is disposed or the request given up.</summary>
    public static StoreAnswer Hang { get; } = new(0) { How = Behaviour.Hanging };

    /// <summary>Reads the request, then resets the connection.</summary>
    public static StoreAnswer Abort { get; } = new(0) { How = Behaviour.Aborting };

    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>A body of bytes in place of the text.</summary>
    public byte[]? Bytes { get; init; }

    /// <summary>When this is completed, behind the body, the connection is reset, as if more should have come.</summary>
    public Task? BreaksOff { get; init; }

    private Behaviour How { get; init; }

    /// <summary>This answer with the three count headers of 2.0.</summary>
    public StoreAnswer WithCounts(long samples, long histograms, long exemplars) =>
        With(Name("Samples"), Number(samples)).With(Name("Histograms"), Number(histograms)).With(Name("Exemplars"), Number(exemplars));

    /// <summary>This answer with one header more.</summary>
    public StoreAnswer With(string header, string value) => this with { Headers = [.. Headers, new(header, value)] };

    /// <param name="http">Where to answer.</param>
    /// <param name="request">What was received.</param>
    /// <param name="closing">Completes when the store is disposed.</param>
    public async Task WriteAsync(HttpContext http, ReceivedRequest request, Task closing)
    {
        switch (How)
        {
            case Behaviour.Hanging:
                await Task.WhenAny(closing, Task.Delay(Timeout.Infinite, http.RequestAborted));
                http.Abort();
                return;
            case Behaviour.Aborting:
                http.Abort();
                return;
        }

        StoreAnswer answer = this;
        if (How == Behaviour.Counting && request.Protocol == WriteProtocol.V2)
        {
            ItemCounts items = request.Items;
            answer = WithCounts(items.Samples, items.Histograms, items.Exemplars);
        }

        http.Response.StatusCode = answer.StatusCode;
        foreach ((string header, string value) in answer.Headers)
        {
            http.Response.Headers.Append(header, value);
        }

        // These two have no body, and a server that writes one all the same breaks the connection.
        byte[] body = Bytes ?? Encoding.UTF8.GetBytes(Text);
        if (body.Length > 0 && StatusCode is not (204 or 304))
        {
            await http.Response.Body.WriteAsync(body, http.RequestAborted);
        }

        if (BreaksOff is not null)
        {
            await http.Response.Body.FlushAsync(http.RequestAborted);
            await BreaksOff;
            http.Abort();
        }
    }

    private static string Name(string kind) => $"X-Prometheus-Remote-Write-{kind}-Written";

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
