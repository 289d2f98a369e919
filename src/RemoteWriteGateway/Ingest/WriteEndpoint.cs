using System.Diagnostics;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Ingest;

/// <summary>
/// <c>POST /api/v1/write</c> and its aliases. The caller is known and holds <c>metrics:write</c> on exactly one tenant. The steps:
/// <list type="number">
/// <item>Nothing is read for a request that need not be: tenant's store, media type, encoding, bounds on requests in flight.</item>
/// <item>The body, counted while it is read; its stated length is checked before it is unpacked.</item>
/// <item>Stamp: past this line every series carries the caller's tenant and nobody else's.</item>
/// <item>Forward: the sender forgets the request once it has our answer, so the store has it first.</item>
/// <item>Answer: 204, 400 with exact counts and reasons, or 503 (send it again).</item>
/// </list>
/// </summary>
internal sealed class WriteEndpoint(
    Forwarder forwarder, WriteTargets targets, WriteWorkPool pool, Drain drain, IOptions<IngestOptions> options, TimeProvider time)
{
    private const string MediaTypeText =
        "send application/x-protobuf, alone or with proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request";

    private const string EncodingText = "send Content-Encoding: snappy (block format) or none of it";

    public async Task HandleAsync(HttpContext http)
    {
        long started = Stopwatch.GetTimestamp();
        WriteTarget target = targets.Of(Tenant.Of(http));
        bool isKnownType = WriteMediaType.TryRead(http.Request.Headers.ContentType, out WriteProtocol protocol);
        await HandleAsync(http, target, isKnownType, protocol);

        // What was thrown on the way is counted where it is answered: RefusedWrites.
        ProtocolMetrics metrics = target.Metrics.Of(protocol);
        metrics.CountAnswer(http.Response.StatusCode);
        metrics.Duration.Observe(Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    // 1. What can be told without the body.
    private async Task HandleAsync(HttpContext http, WriteTarget target, bool isKnownType, WriteProtocol protocol)
    {
        if (target.Store is not { } store)
        {
            await Refuse("no-store", StatusCodes.Status503ServiceUnavailable, "no store is configured for this tenant; tell the operator");
            return;
        }

        if (!isKnownType)
        {
            await Refuse("unsupported-media-type", StatusCodes.Status415UnsupportedMediaType, $"Content-Type is {Got(http.Request.Headers.ContentType)}; {MediaTypeText}");
            return;
        }

        WriteAnswer.SetWritten(http.Response, protocol, default);
        if (!WriteMediaType.IsSnappy(http.Request.Headers.ContentEncoding))
        {
            await Refuse("unsupported-encoding", StatusCodes.Status415UnsupportedMediaType,
                $"Content-Encoding is {Got(http.Request.Headers.ContentEncoding)}; {EncodingText}");
            return;
        }

        if (drain.IsOver)
        {
            await Refuse("shutting-down", StatusCodes.Status503ServiceUnavailable, "the gateway is stopping; retry");
            return;
        }

        if (!target.TryEnter())
        {
            await Refuse("too-many-inflight", StatusCodes.Status503ServiceUnavailable,
                $"this tenant has {target.Settings.MaxInflightRequests} requests in flight, the limit (maxInflightRequests); retry");
            return;
        }

        try
        {
            await WithWorkAsync(http, target, store, protocol);
        }
        finally
        {
            target.Leave();
        }

        Task Refuse(string reason, int statusCode, string text) => WriteAnswer.RefuseAsync(http, target, reason, statusCode, text);
    }

    /// <summary>The sender's own header, cut where it is too long to be a mistake that anybody would look for.</summary>
    private static string Got(StringValues header)
    {
        const int MaxLength = 64;
        string text = header.ToString();
        return text.Length <= MaxLength ? $"\"{text}\"" : $"\"{text.AsSpan(0, MaxLength)}…\"";
    }

    private async Task WithWorkAsync(HttpContext http, WriteTarget target, Store store, WriteProtocol protocol)
    {
        if (pool.Rent() is not { } work)
        {
            await WriteAnswer.RefuseAsync(http, target, "too-many-inflight", StatusCodes.Status503ServiceUnavailable,
                "the gateway is busy with as many requests or bytes as it may hold; retry");
            return;
        }

        bool isOverBudget = false;
        try
        {
            await WriteAsync(http, target, store, protocol, work);
        }
        catch (ByteBudgetExceededException)
        {
            isOverBudget = true;
        }
        finally
        {
            pool.Return(work);
        }

        // Only now: whoever reads its answer slowly must not keep bytes, or a turn, that others wait for.
        if (isOverBudget)
        {
            await WriteAnswer.RefuseAsync(http, target, "too-many-inflight", StatusCodes.Status503ServiceUnavailable,
                "the gateway holds as many bytes of requests as it may (Ingest:MaxInflightBytes); retry");
        }
    }

    private async Task WriteAsync(HttpContext http, WriteTarget target, Store store, WriteProtocol protocol, WriteWork work)
    {
        // 2. Read.
        WriteSettings settings = target.Settings;
        if (!await BodyReader.TryReadAsync(http.Request, work.Body, settings.MaxBodyBytes))
        {
            string size = http.Request.ContentLength is { } length ? $"{length}" : $"more than {settings.MaxBodyBytes}";
            await WriteAnswer.RefuseAsync(http, target, "body-too-large", StatusCodes.Status400BadRequest,
                $"body has {size} bytes, limit {settings.MaxBodyBytes}; send smaller batches or raise maxBodyBytes");
            return;
        }

        ProtocolMetrics metrics = target.Metrics.Of(protocol);
        metrics.BodyBytes.Inc(work.Body.Length);
        await work.WaitForTurnAsync();
        StampResult result = work.Result;
        if (SnappyBlock.TryDecompress(work, settings.MaxDecodedBytes))
        {
            metrics.DecodedBytes.Inc(work.Decoded.Length);

            // 3. Stamp.
            SeriesStamper.Stamp(protocol, target.OptionsFor(protocol), time.GetUtcNow().ToUnixTimeMilliseconds(), work);
            BoundExpansion(result, store, protocol, settings.MaxExpandedBytes);
        }

        if (result.Fault != StampReason.None)
        {
            work.PutBack();
            await WriteAnswer.RefuseAsync(http, target, result.Fault.Id(), StatusCodes.Status400BadRequest, result.FaultText);
            return;
        }

        target.Metrics.Observe(protocol, result);

        // 4. Forward. No token: a sender that hangs up does not stop what has begun. If nothing is left to send, the store is not asked.
        StoreVerdict verdict = await forwarder.SendAsync(
            store, target.Tenant, protocol, work, options.Value.DirectTimeout, CancellationToken.None);

        // 5. Answer.
        work.PutBack();
        await WriteAnswer.AnswerAsync(http, target, protocol, result, verdict, work.Body.Length);
    }

    /// <summary>Refuses a request of a few megabytes whose histograms would become gigabytes of classic series on their way to the store.</summary>
    private static void BoundExpansion(StampResult result, Store store, WriteProtocol protocol, long maxBytes)
    {
        // Where it is not known yet that the store lacks 2.0 the forwarder must know, too.
        result.ExpandsTooMuch = result.Fault == StampReason.None && result.ClassicLabelBytes > maxBytes;
        if (result.ExpandsTooMuch && store.ExpandsCustomBounds(protocol))
        {
            result.SetFault(
                StampReason.ExpandedTooLarge,
                $"labels of histograms with custom bounds come to {result.ClassicLabelBytes} bytes as classic series, limit {maxBytes}; send smaller batches or raise maxExpandedBytes");
        }
    }
}
