using System.IO.Compression;
using Microsoft.Extensions.ObjectPool;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Prometheus;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push.Views;

/// <summary><c>GET /metrics</c>: the tenant's groups to be scraped, as text 0.0.4 or delimited protobuf; all groups of a family in one.</summary>
/// <remarks>
/// A family's groups stand together, so all groups have to be there before the first line is written. Scrapes may hold half as many bytes as
/// the requests in flight, beside those, and none holds them for longer than <see cref="MaxTime"/>: whoever reads slowly takes no place from writes.
/// Of a group whose payload cannot be read there is the bookkeeping.
/// </remarks>
internal sealed partial class Scrape(
    PushStore store,
    PushReads reads,
    UnreadablePayloads unreadable,
    ObjectPool<MetricFamilies> familyPool,
    IOptions<IngestOptions> bounds,
    IMetricFactory metrics,
    TimeProvider time,
    ILogger<Scrape> logger)
{
    /// <summary>Most time from the first group that is read to the last byte that is taken.</summary>
    public static readonly TimeSpan MaxTime = TimeSpan.FromMinutes(1);

    private const int KeepBytes = 1 << 20;
    private const string TextType = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
    private const string ProtobufType = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores";

    private readonly InflightBytes _budget = new(
        bounds.Value.MaxInflightBytes / 2, metrics.CreateGauge("rwgateway_push_scrape_bytes", "Bytes that answers to GET /metrics hold, of groups and of text"));

    public Task HandleAsync(HttpContext http) => reads.RunAsync(http, WriteAsync);

    private async Task<Refusal?> WriteAsync(HttpContext http, Tenant tenant, CancellationToken gone)
    {
        if (HttpMethods.IsHead(http.Request.Method))
        {
            // Whether the catalog is there; nothing of what it holds is needed.
            await store.FindGroupsAsync(tenant.Name, null, null, 1, gone);
            SetHeaders(http);
            return null;
        }

        HeldGroups groups = new(_budget, unreadable);
        MetricFamilies families = familyPool.Get();
        WriteWork work = new();
        bool isBegun = false;
        await using System.Threading.ITimer limit = time.CreateTimer(_ => End(http, tenant), null, MaxTime, Timeout.InfiniteTimeSpan);
        try
        {
            work.Begin(_budget);
            families.Begin(_budget);
            isBegun = true;
            await foreach (StoredGroup group in store.ReadGroupsAsync(tenant.Name, null, gone))
            {
                groups.Add(group, families);
            }

            await WriteAsync(http, groups.All, work, families, gone);
            return null;
        }
        finally
        {
            if (isBegun)
            {
                families.End(KeepBytes);
            }

            familyPool.Return(families);
            groups.GiveBack();
            work.End(keepBytes: 0);
        }
    }

    private void End(HttpContext http, Tenant tenant)
    {
        LogTooSlow(tenant.Name, MaxTime.TotalSeconds);
        http.Abort();
    }

    private static (bool IsProtobuf, bool IsPacked) SetHeaders(HttpContext http)
    {
        bool isProtobuf = WantsProtobuf(http.Request.Headers.Accept.ToString());
        bool isPacked = TakesGzip(http.Request.Headers.AcceptEncoding.ToString());
        http.Response.ContentType = isProtobuf ? ProtobufType : TextType;
        http.Response.Headers.Vary = "Accept, Accept-Encoding";
        if (isPacked)
        {
            http.Response.Headers.ContentEncoding = "gzip";
        }

        return (isProtobuf, isPacked);
    }

    private static async Task WriteAsync(HttpContext http, List<HeldGroup> groups, WriteWork work, MetricFamilies families, CancellationToken gone)
    {
        (bool isProtobuf, bool isPacked) = SetHeaders(http);
        await using Stream? packed = isPacked ? new GZipStream(http.Response.Body, CompressionLevel.Fastest, leaveOpen: true) : null;
        await new ScrapeWriter(packed ?? http.Response.Body, groups, work, families, isProtobuf).WriteAsync(gone);
    }

    /// <summary>Whether the first form that a client takes, by quality and then as it lists them, is delimited protobuf.</summary>
    internal static bool WantsProtobuf(string accept)
    {
        if (!MediaTypeHeaderValue.TryParseList([accept], out IList<MediaTypeHeaderValue>? types))
        {
            return false;
        }

        foreach (MediaTypeHeaderValue type in types.OrderByDescending(static one => one.Quality ?? 1))
        {
            if (type.Quality == 0)
            {
                continue;
            }

            if (PushMediaType.IsProtobuf(type))
            {
                return true;
            }

            if (type.MatchesAllTypes || type.MediaType.Equals("text/plain", StringComparison.OrdinalIgnoreCase) || type.MediaType.Equals("text/*", StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>Whether a client takes gzip.</summary>
    internal static bool TakesGzip(string acceptEncoding) =>
        StringWithQualityHeaderValue.TryParseList([acceptEncoding], out IList<StringWithQualityHeaderValue>? encodings)
        && encodings.Any(static one => one.Value.Equals("gzip", StringComparison.OrdinalIgnoreCase) && one.Quality != 0);

    [LoggerMessage(LogLevel.Warning, "The answer to GET /metrics of tenant {Tenant} was ended: it was not read whole within {Seconds} s")]
    private partial void LogTooSlow(string tenant, double seconds);

    /// <summary>Groups, and how many bytes of the budget they have.</summary>
    private sealed class HeldGroups(ByteBudget budget, UnreadablePayloads unreadable)
    {
        private long _bytes;

        public List<HeldGroup> All { get; } = [];

        /// <param name="group">With its body.</param>
        /// <param name="families">Overwritten: whether the payload can be read is known before the first byte of the answer.</param>
        public void Add(StoredGroup group, MetricFamilies families)
        {
            // The payload unpacked; the packed one is let go.
            budget.Take(group.Bytes);
            _bytes += group.Bytes;
            All.Add(new HeldGroup(group with { Body = null }, group.ReadKey(), unreadable.ReadToShow(group, families, out _)));
        }

        public void GiveBack() => budget.GiveBack(_bytes);
    }
}

/// <summary>A group with its payload, unpacked.</summary>
internal sealed record HeldGroup(StoredGroup Row, GroupKey Key, PayloadBody Body);
