using System.Net;
using System.Net.Http.Headers;

namespace RemoteWriteGateway.Forwarding;

/// <summary>A read on its way to a store. Every part of it is ours.</summary>
internal sealed record StoreReadRequest(HttpMethod Method, Uri Url)
{
    /// <summary>The body; empty for none. Not used any more when the call has ended.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    public string ContentType { get; init; } = "application/x-www-form-urlencoded";

    public string? ContentEncoding { get; init; }

    public string Accept { get; init; } = "application/json";

    public bool AcceptsGzip { get; init; }

    /// <summary>Value of the isolation header, with isolation by header only.</summary>
    public string? TenantIds { get; init; }

    /// <summary>A question of ours: whether the store answers those who name no tenant.</summary>
    public bool IsWithoutTenant { get; init; }
}

/// <summary>What came back: an answer whose body is still to be read, or why there is none.</summary>
/// <param name="Kind">As of writes.</param>
/// <param name="Response">The answer, owned by the caller; null if there is none.</param>
internal readonly record struct StoreReadReply(ReplyKind Kind, HttpResponseMessage? Response);

/// <summary>
/// Sends reads to one store, over connections of their own: readers never take those of writes. Every request is built from nothing; no
/// redirect is followed, nothing is decompressed.
/// </summary>
internal sealed class StoreReadClient(
    StoreTransport transport, IStoreCredentials? credentials, string? isolationHeader, IReadOnlyDictionary<string, string> headers) : IDisposable
{
    private readonly KeyValuePair<string, string>[] _constantHeaders = [.. headers];

    /// <summary>Sends one read and returns as soon as the head of the answer is there. Sent once more only if nothing was sent before, or with renewed credentials.</summary>
    /// <returns><see cref="ReplyKind.TimedOut"/> if <paramref name="cancellationToken"/> ended it, for whatever reason. Never throws for what the network or the store did.</returns>
    public async Task<StoreReadReply> SendAsync(StoreReadRequest request, CancellationToken cancellationToken)
    {
        try
        {
            if (transport.Invoker is not { } invoker)
            {
                return new StoreReadReply(ReplyKind.NoCredentials, null);
            }

            string? authorization = null;
            if (credentials is not null)
            {
                authorization = await credentials.CurrentAsync(cancellationToken);
                if (authorization is null)
                {
                    return new StoreReadReply(ReplyKind.NoCredentials, null);
                }
            }

            return await SendAsync(invoker, request, authorization, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return new StoreReadReply(ReplyKind.TimedOut, null);
        }
    }

    public void Dispose()
    {
        transport.Dispose();
        credentials?.Dispose();
    }

    private async Task<StoreReadReply> SendAsync(
        HttpMessageInvoker invoker, StoreReadRequest request, string? authorization, CancellationToken cancellationToken)
    {
        bool hasRepeatedConnect = false;
        bool hasRenewed = false;
        while (true)
        {
            StoreReadReply reply = await TryAsync(invoker, request, authorization, cancellationToken);
            if (reply.Kind == ReplyKind.NotConnected && !hasRepeatedConnect)
            {
                hasRepeatedConnect = true;
            }
            else if (reply.Response?.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden && authorization is not null && !hasRenewed
                && await credentials!.RenewAsync(authorization, cancellationToken) is { } fresh) // there are credentials, or there were no authorization
            {
                reply.Response.Dispose();
                authorization = fresh;
                hasRenewed = true;
            }
            else
            {
                return reply;
            }
        }
    }

    private async Task<StoreReadReply> TryAsync(
        HttpMessageInvoker invoker, StoreReadRequest request, string? authorization, CancellationToken cancellationToken)
    {
        using HttpRequestMessage message = Message(request, authorization);
        try
        {
            return new StoreReadReply(ReplyKind.Answer, await invoker.SendAsync(message, cancellationToken));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The handler's own limit on connecting.
            return new StoreReadReply(ReplyKind.NotConnected, null);
        }
        catch (HttpRequestException e)
        {
            return new StoreReadReply(StoreRequests.IsBeforeSending(e) ? ReplyKind.NotConnected : ReplyKind.Broken, null);
        }
        catch (IOException)
        {
            return new StoreReadReply(ReplyKind.Broken, null);
        }
    }

    private HttpRequestMessage Message(StoreReadRequest request, string? authorization)
    {
        HttpRequestMessage message = new(request.Method, request.Url)
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (!request.Body.IsEmpty)
        {
            message.Content = new ReadOnlyMemoryContent(request.Body);
            message.Content.Headers.TryAddWithoutValidation("Content-Type", request.ContentType);
            if (request.ContentEncoding is not null)
            {
                message.Content.Headers.TryAddWithoutValidation("Content-Encoding", request.ContentEncoding);
            }
        }

        HttpRequestHeaders to = message.Headers;
        to.TryAddWithoutValidation("Accept", request.Accept);
        to.TryAddWithoutValidation("Accept-Encoding", request.AcceptsGzip ? "gzip" : "identity");
        to.TryAddWithoutValidation("User-Agent", StoreRequests.UserAgent);
        to.TryAddWithoutValidation("traceparent", StoreRequests.TraceParent());
        if (request.ContentType == "application/x-protobuf")
        {
            to.TryAddWithoutValidation("X-Prometheus-Remote-Read-Version", "0.1.0");
        }

        if (isolationHeader is not null && !request.IsWithoutTenant)
        {
            to.TryAddWithoutValidation(
                isolationHeader, request.TenantIds ?? throw new InvalidOperationException("A read of a store that is isolated by header names no tenant."));
        }

        if (authorization is not null)
        {
            to.TryAddWithoutValidation("Authorization", authorization);
        }

        foreach ((string name, string value) in _constantHeaders)
        {
            to.TryAddWithoutValidation(name, value);
        }

        return message;
    }
}
