using System.IO.Compression;
using Microsoft.Extensions.ObjectPool;
using Microsoft.Net.Http.Headers;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push.Views;

/// <summary><c>GET /metrics</c>: the tenant's groups to be scraped, as text 0.0.4 or delimited protobuf; all groups of a family in one.</summary>
/// <remarks>
/// A family's groups stand together, so all groups have to be there before the first line is written: their bytes are counted with
/// those of the requests in flight. Of a group whose payload cannot be read there is the bookkeeping.
/// </remarks>
internal sealed class Scrape(
    PushStore store, PushReads reads, UnreadablePayloads unreadable, WriteWorkPool pool, ObjectPool<MetricFamilies> familyPool)
{
    private const int KeepBytes = 1 << 20;
    private const string TextType = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
    private const string ProtobufType = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores";

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

        if (pool.Rent() is not { } work)
        {
            return new Refusal(
                "too-many-inflight", StatusCodes.Status503ServiceUnavailable, "the gateway holds as many requests or bytes as it may; retry");
        }

        HeldGroups groups = new(work.Budget, unreadable);
        MetricFamilies families = familyPool.Get();
        bool isBegun = false;
        try
        {
            families.Begin(work.Budget);
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
            pool.Return(work);
        }
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
