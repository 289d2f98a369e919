using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Snappier;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>
/// A store that keeps nothing: every POST is read to its end and answered 204. A 1.0 body is not opened; of a 2.0 body the items are
/// counted, because a sender believes 2.0 only with the three count headers, and that costs a tenth of what the gateway does with it.
/// </summary>
internal static class Sink
{
    public static async Task RunAsync(Uri url, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(url.ToString());
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
        });
        await using WebApplication app = builder.Build();
        long requests = 0;
        long bytes = 0;
        app.MapGet("/stats", () => $"{{\"requests\":{Interlocked.Read(ref requests)},\"bytes\":{Interlocked.Read(ref bytes)}}}\n");
        app.MapPost("/{**path}", async http =>
        {
            Interlocked.Increment(ref requests);
            bool isV2 = http.Request.ContentType?.Contains("io.prometheus.write.v2.Request", StringComparison.Ordinal) == true;
            Interlocked.Add(ref bytes, isV2 ? await CountAsync(http) : await DiscardAsync(http.Request.BodyReader, http.RequestAborted));
            http.Response.StatusCode = StatusCodes.Status204NoContent;
        });
        await app.StartAsync(cancellationToken);
        await app.WaitForShutdownAsync(cancellationToken);
    }

    private static async Task<long> DiscardAsync(PipeReader body, CancellationToken cancellationToken)
    {
        long bytes = 0;
        while (true)
        {
            ReadResult read = await body.ReadAsync(cancellationToken);
            bytes += read.Buffer.Length;
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return bytes;
            }
        }
    }

    private static async Task<long> CountAsync(HttpContext http)
    {
        PipeReader reader = http.Request.BodyReader;
        while (true)
        {
            ReadResult read = await reader.ReadAsync(http.RequestAborted);
            if (!read.IsCompleted)
            {
                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }

            BodyCounts counts = Count(read.Buffer);
            IHeaderDictionary headers = http.Response.Headers;
            headers["X-Prometheus-Remote-Write-Samples-Written"] = counts.Samples.ToString();
            headers["X-Prometheus-Remote-Write-Histograms-Written"] = counts.Histograms.ToString();
            headers["X-Prometheus-Remote-Write-Exemplars-Written"] = counts.Exemplars.ToString();
            long bytes = read.Buffer.Length;
            reader.AdvanceTo(read.Buffer.End);
            return bytes;
        }
    }

    private static BodyCounts Count(in ReadOnlySequence<byte> body)
    {
        byte[] compressed = ArrayPool<byte>.Shared.Rent((int)body.Length);
        body.CopyTo(compressed);
        ReadOnlySpan<byte> input = compressed.AsSpan(0, (int)body.Length);
        byte[] message = ArrayPool<byte>.Shared.Rent(Snappy.GetUncompressedLength(input));
        try
        {
            int length = Snappy.Decompress(input, message);
            return BodyCounts.Of(message.AsSpan(0, length), isV2: true);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(message);
            ArrayPool<byte>.Shared.Return(compressed);
        }
    }
}
