using System.Buffers;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.RemoteRead;
using RemoteWriteGateway.Protocol.RemoteWrite;
using Snappier;

namespace RemoteWriteGateway.Query;

/// <summary>
/// <c>/api/v1/read</c>: the request is read, every query of it enforced, and written anew; the answer is looked at before it leaves, a
/// streamed one frame by frame.
/// </summary>
internal sealed class RemoteReads(StoreQuestions questions, IOptions<QueryOptions> options) : IReadHandler
{
    private const int MaxBodyBytes = 1 << 20;
    private const int MaxDecodedBytes = 4 << 20;
    private const string Protobuf = "application/x-protobuf";

    public async Task<Refusal?> HandleAsync(ReadContext read)
    {
        if (!read.Scope.Side.RemoteRead)
        {
            return ReadRefusals.Disabled($"store {read.Scope.Store.Name} does not answer remote read, or it is switched off (Stores:{read.Scope.Store.Name}:Read:RemoteRead)");
        }

        if ((read.Scope.SeveralAtOnce ?? CheckHead(read.Http.Request)) is { } refusal)
        {
            return refusal;
        }

        WriteWork work = new();
        if (await ReadBodyAsync(read, work) is { } unreadable)
        {
            return unreadable;
        }

        RewrittenRead rewritten = new();
        bool isGood = ReadRequestRewriter.TryRewrite(
            work.Decoded.Span, read.Scope.Matcher, [.. options.Value.ForbiddenLabels], work.Stamped, rewritten);
        if (!rewritten.Selectors.IsEmpty)
        {
            read.Record.AddText(rewritten.Selectors);
        }

        if (!isGood)
        {
            return ReadRefusals.Bad(rewritten.Reason!, rewritten.Fault); // a refusal has a reason
        }

        read.Record.StartMs = rewritten.Ranges.Min(range => range.Start);
        read.Record.EndMs = rewritten.Ranges.Max(range => range.End);
        foreach ((long start, long end) in rewritten.Ranges)
        {
            if (ReadRanges.Check(read, start, end) is { } tooLong)
            {
                return tooLong;
            }
        }

        SnappyBlock.Compress(work.Stamped.Span, work.Output);
        StoreTargets.TryGet(read.Scope, read.Route.Path, read.Form, acceptsGzip: false, withTenants: false, out StoreReadRequest request);
        request = request with { Method = HttpMethod.Post, Body = work.Output.Memory, ContentType = Protobuf, ContentEncoding = "snappy", Accept = "*/*" };
        return await AskAsync(read, request, rewritten);
    }

    private async Task<Refusal?> AskAsync(ReadContext read, StoreReadRequest request, RewrittenRead rewritten)
    {
        (Refusal? unproven, bool isEmpty) = await questions.CheckAsync(read);
        if (unproven is not null || isEmpty)
        {
            return unproven ?? await WriteEmptyAsync(read, rewritten);
        }

        return await questions.AskAsync(read, request, read.Scope.Limits.QueryTimeout, needsProof: false, answer => answer.MediaType switch
        {
            Protobuf when answer.Encoding == "snappy" => SamplesAsync(read, answer, rewritten),
            "application/x-streamed-protobuf" when answer.Encoding is null => ReadFrames.RelayAsync(read, answer, CheckOf(read), rewritten.QueryCount, questions),
            _ => Task.FromResult<Refusal?>(ReadRefusals.StoreInvalid("its media type is none of remote read's")),
        });
    }

    private async Task<Refusal?> SamplesAsync(ReadContext read, StoreAnswer answer, RewrittenRead rewritten)
    {
        long max = read.Scope.Limits.MaxReadBytes;
        (BufferedAnswer? body, Refusal? refusal) = await BufferedAnswer.ReadPackedAsync(answer, max, "maxReadBytes");
        using (body)
        {
            if (body is null)
            {
                return refusal;
            }

            if ((Look(read, body, rewritten.QueryCount, max)) is { } bad)
            {
                return bad;
            }

            AnswerRelay.SetHead(read.Http.Response, Protobuf);
            read.Http.Response.Headers.ContentEncoding = "snappy";
            await body.WriteToAsync(read);
            return null;
        }
    }

    private Refusal? Look(ReadContext read, BufferedAnswer body, int queries, long max)
    {
        byte[] packed = body.Bytes.ToArray();
        byte[]? message = null;
        try
        {
            int length = Snappy.GetUncompressedLength(packed);
            if (length > max)
            {
                return ReadRefusals.TooLarge("maxReadBytes", max);
            }

            message = ArrayPool<byte>.Shared.Rent(Math.Max(length, 1));
            if (Snappy.Decompress(packed, message) != length)
            {
                return ReadRefusals.StoreInvalid("it does not unpack to what it states");
            }

            ReadAnswerVerdict verdict = CheckOf(read).LookAtSamples(message.AsSpan(0, length), queries, out long series);
            read.Record.ResultSeries = series;
            return verdict switch
            {
                ReadAnswerVerdict.Good => null,
                ReadAnswerVerdict.Violation => questions.Violation(read),
                _ => ReadRefusals.StoreInvalid("it is no answer to a remote read"),
            };
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentException)
        {
            return ReadRefusals.StoreInvalid("it is not one snappy block");
        }
        finally
        {
            if (message is not null)
            {
                ArrayPool<byte>.Shared.Return(message);
            }
        }
    }

    private static ReadAnswerCheck CheckOf(ReadContext read) => new(read.Scope.Matcher?.Label, read.Scope.Ids);

    private static Refusal? CheckHead(HttpRequest request)
    {
        bool isProtobuf = request.Headers.ContentType is [{ } one]
            && MediaTypeHeaderValue.TryParse(one, out MediaTypeHeaderValue? type)
            && type.MediaType.Equals(Protobuf, StringComparison.OrdinalIgnoreCase);
        return !isProtobuf
            ? new Refusal("unsupported-media-type", StatusCodes.Status415UnsupportedMediaType, "send application/x-protobuf")
            : request.Headers.ContentEncoding is [{ } encoding] && encoding.Equals("snappy", StringComparison.OrdinalIgnoreCase)
                ? null
            : new Refusal("unsupported-encoding", StatusCodes.Status415UnsupportedMediaType, "send Content-Encoding: snappy (block format)");
    }

    private static async Task<Refusal?> ReadBodyAsync(ReadContext read, WriteWork work)
    {
        HttpRequest request = read.Http.Request;
        Refusal tooLarge = ReadRefusals.Bad("body-too-large", $"the body has more than {MaxBodyBytes} bytes; send fewer queries or matchers");
        if (request.ContentLength > MaxBodyBytes)
        {
            return tooLarge;
        }

        byte[] piece = ArrayPool<byte>.Shared.Rent(16 << 10);
        try
        {
            int length;
            while ((length = await request.Body.ReadAsync(piece, read.Gone)) > 0)
            {
                if (work.Body.Length + length > MaxBodyBytes)
                {
                    return tooLarge;
                }

                work.Body.Append(piece.AsSpan(0, length));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }

        return SnappyBlock.TryDecompress(work, MaxDecodedBytes) ? null : ReadRefusals.Bad(work.Result.Fault.Id(), work.Result.FaultText);
    }

    /// <summary>What a store without data answers: an empty result for each query.</summary>
    private static async Task<Refusal?> WriteEmptyAsync(ReadContext read, RewrittenRead rewritten)
    {
        HttpResponse response = read.Http.Response;
        if (rewritten.AcceptedTypes is [ReadResponseType.StreamedXorChunks])
        {
            AnswerRelay.SetHead(response, ReadFrames.ContentType);
            return null;
        }

        byte[] message = new byte[rewritten.QueryCount * 2];
        for (int i = 0; i < message.Length; i += 2)
        {
            message[i] = 0x0A; // field 1, of length 0
        }

        AnswerRelay.SetHead(response, Protobuf);
        response.Headers.ContentEncoding = "snappy";
        byte[] packed = Snappy.CompressToArray(message);
        read.Record.ResultBytes = packed.Length;
        await response.Body.WriteAsync(packed, read.Gone);
        return null;
    }
}

/// <summary>Asks a store on <c>/api/v1/read</c> for a tenant that does not exist.</summary>
internal static class RemoteReadProbe
{
    private const int MaxBytes = 1 << 20;

    public static async Task<ProbeFinding> AskAsync(ReadScope scope, StoreReader reader, TimeSpan timeLimit)
    {
        WriteWork work = new();
        ReadRequestRewriter.WriteProbe(scope.Matcher, work.Stamped);
        SnappyBlock.Compress(work.Stamped.Span, work.Output);
        StoreTargets.TryGet(scope, "/api/v1/read", new FormWriter(), acceptsGzip: false, withTenants: false, out StoreReadRequest request);
        request = request with { Method = HttpMethod.Post, Body = work.Output.Memory, ContentType = "application/x-protobuf", ContentEncoding = "snappy", Accept = "*/*" };
        (StoreAnswer? answer, Refusal? _, int? status) = await reader.AskAsync(scope.Side, request, timeLimit, CancellationToken.None);
        if (answer is null)
        {
            return status is >= 300 and < 400 ? ProbeFinding.Data
                : scope.Matcher is null && status is >= 400 and < 500 ? ProbeFinding.Empty
                : ProbeFinding.Unclear;
        }

        using (answer)
        {
            (BufferedAnswer? body, Refusal? tooLarge) = await BufferedAnswer.ReadPackedAsync(answer, MaxBytes, "");
            using (body)
            {
                if (body is null)
                {
                    return tooLarge?.Reason == "response-too-large" ? ProbeFinding.Data : ProbeFinding.Unclear;
                }

                try
                {
                    byte[] message = Snappy.DecompressToArray(body.Bytes.ToArray());

                    // No label of the check's matters: that there is a series at all is what tells.
                    return new ReadAnswerCheck(null, []).LookAtSamples(message, 1, out long series) != ReadAnswerVerdict.Good ? ProbeFinding.Unclear
                        : series == 0 ? ProbeFinding.Empty : ProbeFinding.Data;
                }
                catch (Exception e) when (e is InvalidDataException or ArgumentException)
                {
                    return ProbeFinding.Unclear;
                }
            }
        }
    }
}
