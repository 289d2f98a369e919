using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Forwarding;

/// <summary>Sends bodies to one store and reads its answers. Every request is built from nothing: no byte of the caller's is in its head.</summary>
internal sealed class StoreClient : IDisposable
{
    private const string ContentTypeV1 = "application/x-protobuf";

    // Without a blank: Thanos compares the whole string.
    private const string ContentTypeV2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

    private const string SamplesWritten = "X-Prometheus-Remote-Write-Samples-Written";
    private const string HistogramsWritten = "X-Prometheus-Remote-Write-Histograms-Written";
    private const string ExemplarsWritten = "X-Prometheus-Remote-Write-Exemplars-Written";
    private const int MaxRetryAfterSeconds = 300;

    private readonly StoreTransport _transport;
    private readonly IStoreCredentials? _credentials;
    private readonly StoreMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly TimeSpan _timeout;
    private readonly string? _isolationHeader;
    private readonly KeyValuePair<string, string>[] _constantHeaders;

    /// <param name="options">Validated.</param>
    /// <param name="transport">Owned from now on.</param>
    /// <param name="credentials">Owned from now on; null where the store asks for none.</param>
    /// <param name="metrics">Self metrics of the store.</param>
    /// <param name="time">The clock of timeouts.</param>
    public StoreClient(StoreOptions options, StoreTransport transport, IStoreCredentials? credentials, StoreMetrics metrics, TimeProvider time)
    {
        StorePreset preset = StorePreset.Of(options.Kind ?? throw new ArgumentException("The store has no kind.", nameof(options)));
        _transport = transport;
        _credentials = credentials;
        _metrics = metrics;
        _time = time;
        _timeout = options.Timeout;
        _isolationHeader = (options.Isolation ?? preset.Isolation) == StoreIsolation.Header ? options.Header ?? preset.Header : null;
        _constantHeaders = [.. options.Headers];
    }

    /// <summary>
    /// Sends one body. Sent once more only if nothing was sent before (no connection), or if the store refused credentials that can be renewed.
    /// </summary>
    /// <param name="target">Where to.</param>
    /// <param name="protocol">What <paramref name="body"/> is written in.</param>
    /// <param name="body">A compressed message. Not used any more when the task has ended, however it ended.</param>
    /// <param name="time">Begun; bounds the whole.</param>
    /// <returns>Never throws for what the network or the store did.</returns>
    public ValueTask<StoreReply> SendAsync(StoreTarget target, WriteProtocol protocol, ReadOnlyMemory<byte> body, ForwardTime time) =>
        SendAsync(target, protocol, body, time, isCounted: true);

    /// <summary>The same by 2.0, for a question of ours: in no metric of what is forwarded.</summary>
    public ValueTask<StoreReply> ProbeAsync(StoreTarget target, ReadOnlyMemory<byte> body, ForwardTime time) =>
        SendAsync(target, WriteProtocol.V2, body, time, isCounted: false);

    public void Dispose()
    {
        _transport.Dispose();
        _credentials?.Dispose();
    }

    // The states of this and the next are pooled, which halves what a forward allocates: ForwardBenchmarks.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<StoreReply> SendAsync(
        StoreTarget target, WriteProtocol protocol, ReadOnlyMemory<byte> body, ForwardTime time, bool isCounted)
    {
        if (_transport.Invoker is not { } invoker)
        {
            return new StoreReply(ReplyKind.NoCredentials);
        }

        string? authorization = null;
        if (_credentials is not null)
        {
            authorization = await AuthorizationAsync(refused: null, time);
            if (authorization is null)
            {
                return NoAnswer(time, ReplyKind.NoCredentials);
            }
        }

        bool hasRepeatedConnect = false;
        bool hasRenewed = false;
        for (int attempt = 0; ; attempt++)
        {
            long begun = _time.GetTimestamp();
            StoreReply reply = await TryAsync(invoker, Request(target, protocol, body, authorization, attempt), protocol, time);
            if (isCounted)
            {
                _metrics.CountRequest(protocol, reply, body.Length, _time.GetElapsedTime(begun), isRepeat: attempt > 0);
            }

            if (reply.Kind == ReplyKind.NotConnected && !hasRepeatedConnect)
            {
                hasRepeatedConnect = true;
            }
            else if (reply is { Kind: ReplyKind.Answer, StatusCode: 401 or 403 } && authorization is not null && !hasRenewed
                && await AuthorizationAsync(authorization, time) is { } fresh)
            {
                authorization = fresh;
                hasRenewed = true;
            }
            else
            {
                return reply;
            }

        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<StoreReply> TryAsync(HttpMessageInvoker invoker, HttpRequestMessage request, WriteProtocol protocol, ForwardTime time)
    {
        using HttpRequestMessage owned = request;
        CancellationToken token = time.BeginAnswer(_timeout);
        try
        {
            using HttpResponseMessage response = await invoker.SendAsync(request, token);
            return await ReadAsync(response, protocol, token);
        }
        catch (OperationCanceledException)
        {
            // Without our token it is the handler's own limit on connecting.
            return token.IsCancellationRequested ? NoAnswer(time, ReplyKind.TimedOut) : new StoreReply(ReplyKind.NotConnected);
        }
        catch (HttpRequestException e)
        {
            return new StoreReply(StoreRequests.IsBeforeSending(e) ? ReplyKind.NotConnected : ReplyKind.Broken);
        }
        catch (IOException)
        {
            return new StoreReply(ReplyKind.Broken);
        }
    }

    private HttpRequestMessage Request(StoreTarget target, WriteProtocol protocol, ReadOnlyMemory<byte> body, string? authorization, int attempt)
    {
        bool isV2 = protocol == WriteProtocol.V2;
        ReadOnlyMemoryContent content = new(body);
        content.Headers.TryAddWithoutValidation("Content-Type", isV2 ? ContentTypeV2 : ContentTypeV1);
        content.Headers.TryAddWithoutValidation("Content-Encoding", "snappy");

        HttpRequestMessage request = new(HttpMethod.Post, target.Url)
        {
            Content = content,
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        HttpRequestHeaders headers = request.Headers;
        headers.TryAddWithoutValidation("User-Agent", StoreRequests.UserAgent);
        headers.TryAddWithoutValidation("X-Prometheus-Remote-Write-Version", isV2 ? "2.0.0" : "0.1.0");
        headers.TryAddWithoutValidation("traceparent", StoreRequests.TraceParent());
        if (attempt > 0)
        {
            headers.TryAddWithoutValidation("Retry-Attempt", attempt.ToString(CultureInfo.InvariantCulture));
        }

        if (_isolationHeader is not null)
        {
            headers.TryAddWithoutValidation(_isolationHeader, target.StoreId);
        }

        if (authorization is not null)
        {
            headers.TryAddWithoutValidation("Authorization", authorization);
        }

        foreach ((string name, string value) in _constantHeaders)
        {
            headers.TryAddWithoutValidation(name, value);
        }

        return request;
    }

    private async ValueTask<StoreReply> ReadAsync(HttpResponseMessage response, WriteProtocol protocol, CancellationToken cancellationToken)
    {
        int status = (int)response.StatusCode;
        StoreReply reply = new(ReplyKind.Answer)
        {
            StatusCode = status,
            Written = protocol == WriteProtocol.V2 ? Counts(response.Headers) : null,
        };
        if (reply.IsSuccess)
        {
            return reply;
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(StoreText.MaxReadBytes);
        try
        {
            int length = await ReadTextAsync(response.Content, buffer, cancellationToken);
            return reply with
            {
                Text = StoreText.Printable(buffer.AsSpan(0, length)),
                IsContentFault = ContentFaults.Match(buffer.AsSpan(0, length)),
                RetryAfter = RetryAfter(response.Headers),
            };
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Fills the buffer with the beginning of the text. The status stands, so a text that breaks off is as good as a short one.</summary>
    private static async ValueTask<int> ReadTextAsync(HttpContent content, byte[] buffer, CancellationToken cancellationToken)
    {
        int length = 0;
        try
        {
            using Stream stream = await content.ReadAsStreamAsync(cancellationToken);
            while (length < StoreText.MaxReadBytes)
            {
                int read = await stream.ReadAsync(buffer.AsMemory(length, StoreText.MaxReadBytes - length), cancellationToken);
                if (read == 0)
                {
                    break;
                }

                length += read;
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // What was read is looked at.
        }

        return length;
    }

    /// <summary>The current value, or one other than <paramref name="refused"/>; null if there is none in time.</summary>
    private async ValueTask<string?> AuthorizationAsync(string? refused, ForwardTime time)
    {
        CancellationToken token = time.BeginAnswer(_timeout);
        try
        {
            return refused is null ? await _credentials!.CurrentAsync(token) : await _credentials!.RenewAsync(refused, token);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            return null;
        }
    }

    private static StoreReply NoAnswer(ForwardTime time, ReplyKind kind) => new(time.IsStopped ? ReplyKind.Stopped : kind) { Limit = time.AnswerLimit };

    /// <summary>The counts, or null if there is none of the three headers. A value that is no number is an absent one.</summary>
    private static ItemCounts? Counts(HttpResponseHeaders headers)
    {
        long? samples = Count(headers, SamplesWritten);
        long? histograms = Count(headers, HistogramsWritten);
        long? exemplars = Count(headers, ExemplarsWritten);
        return samples is null && histograms is null && exemplars is null
            ? null
            : new ItemCounts(samples ?? 0, histograms ?? 0, exemplars ?? 0);
    }

    private static long? Count(HttpResponseHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out HeaderStringValues values)
        && long.TryParse(values.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out long count)
            ? count
            : null;

    private TimeSpan? RetryAfter(HttpResponseHeaders headers)
    {
        TimeSpan? wait = headers.RetryAfter is { } header ? header.Delta ?? (header.Date - _time.GetUtcNow()) : null;
        return wait is { } value ? TimeSpan.FromSeconds(Math.Clamp(Math.Ceiling(value.TotalSeconds), 1, MaxRetryAfterSeconds)) : null;
    }
}
