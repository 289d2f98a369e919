using System.Globalization;
using System.Net.Http.Headers;
using IronSnappy;

namespace RemoteWriteGateway.EndToEnd.Tests.Writes;

/// <summary>Posts write requests like a sender of the most awkward kind: a new connection for each, by default chunked and without a length.</summary>
/// <param name="url">The write URL of the gateway, or of a store.</param>
/// <param name="token">Bearer token; null sends none, as to a store.</param>
internal sealed class DirectWriter(Uri url, string? token)
{
    private readonly List<(string Name, string Value)> _headers = [];

    public const string V1 = "application/x-protobuf";
    public const string V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

    /// <summary>Each request has a connection of its own, as there is none that is kept.</summary>
    private static readonly HttpClient Client = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero });

    /// <summary>Sends a header with every request from now on.</summary>
    public DirectWriter WithHeader(string name, string value)
    {
        _headers.Add((name, value));
        return this;
    }

    /// <summary>Sends a message packed with snappy, with the headers that its protocol asks for.</summary>
    public Task<WriteAnswer> SendAsync(byte[] message, string contentType, CancellationToken cancellationToken) =>
        SendBytesAsync(Snappy.Encode(message), contentType, "snappy", isChunked: true, cancellationToken);

    /// <summary>Sends a body as it is.</summary>
    /// <param name="body">What goes over the wire.</param>
    /// <param name="contentType">Not checked for its form; null sends none.</param>
    /// <param name="contentEncoding">Null sends none.</param>
    /// <param name="isChunked">Whether the body goes chunked, without a length.</param>
    /// <param name="cancellationToken">The test's.</param>
    public async Task<WriteAnswer> SendBytesAsync(
        byte[] body, string? contentType, string? contentEncoding, bool isChunked, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
        request.Headers.TransferEncodingChunked = isChunked;
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        foreach ((string name, string value) in _headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        if (contentType is not null)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }

        if (contentEncoding is not null)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", contentEncoding);
        }

        using HttpResponseMessage answer = await Client.SendAsync(request, cancellationToken);
        return new WriteAnswer(
            (int)answer.StatusCode,
            await answer.Content.ReadAsStringAsync(cancellationToken),
            Count(answer, "Samples"),
            Count(answer, "Histograms"),
            Count(answer, "Exemplars"),
            answer.Headers.RetryAfter?.Delta?.TotalSeconds);
    }

    private static int? Count(HttpResponseMessage answer, string kind) =>
        answer.Headers.TryGetValues($"X-Prometheus-Remote-Write-{kind}-Written", out IEnumerable<string>? values)
            ? int.Parse(values.Single(), CultureInfo.InvariantCulture)
            : null;
}

/// <summary>An answer to a write: status, text, the counts of 2.0 where they are there, and Retry-After in seconds.</summary>
internal sealed record WriteAnswer(int Status, string Text, int? Samples, int? Histograms, int? Exemplars, double? RetryAfter)
{
    /// <summary>The reason id that the text begins with.</summary>
    public string Reason => Text.Split(':')[0];

    public bool IsSuccess => Status is >= 200 and < 300;
}
