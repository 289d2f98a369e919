using System.IO.Compression;
using System.Text;
using Microsoft.Extensions.ObjectPool;
using Microsoft.Net.Http.Headers;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push.Views;

/// <summary>
/// <c>GET /metrics</c>: the tenant's groups to be scraped, as text 0.0.4 or delimited protobuf; all groups of a family in one. Of a group whose payload
/// cannot be read there is the bookkeeping.
/// </summary>
internal sealed class Scrape(PushStore store, PushReads reads, UnreadablePayloads unreadable, ObjectPool<MetricFamilies> familyPool)
{
    private const int FlushBytes = 64 << 10;
    private const string TextType = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
    private const string ProtobufType = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores";

    public Task HandleAsync(HttpContext http) => reads.RunAsync(http, WriteAsync);

    private async Task<Refusal?> WriteAsync(HttpContext http, Tenant tenant, CancellationToken gone)
    {
        List<HeldGroup> groups = await ReadAsync(tenant, gone);

        bool isProtobuf = WantsProtobuf(http.Request.Headers.Accept.ToString());
        http.Response.ContentType = isProtobuf ? ProtobufType : TextType;
        http.Response.Headers.Vary = "Accept, Accept-Encoding";
        bool isPacked = TakesGzip(http.Request.Headers.AcceptEncoding.ToString());
        if (isPacked)
        {
            http.Response.Headers.ContentEncoding = "gzip";
        }

        if (HttpMethods.IsHead(http.Request.Method))
        {
            return null;
        }

        await using Stream? packed = isPacked ? new GZipStream(http.Response.Body, CompressionLevel.Fastest, leaveOpen: true) : null;
        await WriteAsync(packed ?? http.Response.Body, groups, isProtobuf, gone);
        return null;
    }

    /// <summary>All of them before the first byte of the answer; whether a payload can be read is known then.</summary>
    private async Task<List<HeldGroup>> ReadAsync(Tenant tenant, CancellationToken gone)
    {
        List<HeldGroup> groups = [];
        MetricFamilies families = familyPool.Get();
        try
        {
            await foreach (StoredGroup group in store.ReadGroupsAsync(tenant.Name, null, gone))
            {
                groups.Add(new HeldGroup(group, group.ReadKey(), unreadable.ReadToShow(group, families, out _)));
            }

            return groups;
        }
        finally
        {
            families.End(FlushBytes);
            familyPool.Return(families);
        }
    }

    private async Task WriteAsync(Stream body, List<HeldGroup> groups, bool isProtobuf, CancellationToken gone)
    {
        SortedDictionary<string, List<(HeldGroup Group, int Family)>> byName = new(StringComparer.Ordinal)
        {
            [Bookkeeping.FailureTime] = [],
            [Bookkeeping.PushTime] = [],
        };
        foreach (HeldGroup group in groups)
        {
            for (int i = 0; i < group.Body.Families.Length; i++)
            {
                string name = group.Body.Families[i].Name;
                if (group.Body.Families[i].Metrics == 0)
                {
                    continue;
                }

                if (!byName.TryGetValue(name, out List<(HeldGroup, int)>? holders))
                {
                    byName.Add(name, holders = []);
                }

                holders.Add((group, i));
            }
        }

        MetricFamilies families = familyPool.Get();
        WriteBuffer output = new();
        try
        {
            foreach ((string name, List<(HeldGroup Group, int Family)> holders) in byName)
            {
                if (name is Bookkeeping.FailureTime or Bookkeeping.PushTime)
                {
                    WriteBookkeeping(name, groups, isProtobuf, output);
                }
                else
                {
                    WriteFamily(name, holders, families, isProtobuf, output);
                }

                if (output.Length > FlushBytes)
                {
                    await body.WriteAsync(output.Memory, gone);
                    output.Clear();
                }
            }

            await body.WriteAsync(output.Memory, gone);
        }
        finally
        {
            families.End(FlushBytes);
            familyPool.Return(families);
        }
    }

    private static void WriteFamily(
        string name, List<(HeldGroup Group, int Family)> holders, MetricFamilies families, bool isProtobuf, WriteBuffer output)
    {
        // In the order of keys: of help texts that differ the first one holds.
        byte[] encoded = Encoding.UTF8.GetBytes(name);
        byte[]? help = null;
        SeriesLabels labels = new();
        int start = output.Length;
        WriteBuffer lines = isProtobuf ? new WriteBuffer() : output;
        foreach ((HeldGroup group, int index) in holders)
        {
            PayloadFamily held = group.Body.Families[index];
            group.Body.ReadInto(families, index);
            FamilyEntry family = families.Families[0];
            if (help is null)
            {
                help = families.Text(family.Help).ToArray();
                if (isProtobuf)
                {
                    FamilyMessageWriter.WriteHead(encoded, help, held.Type, lines);
                }
                else
                {
                    TextFormatWriter.WriteHeader(encoded, help, held.Type, lines);
                }
            }

            foreach (ref readonly MetricEntry metric in families.MetricsOf(family))
            {
                labels.Merge(families, metric, GroupingLabels.Empty);
                if (isProtobuf)
                {
                    FamilyMessageWriter.AddMetric(families, family.Type, metric, labels, instance: true, lines);
                }
                else
                {
                    TextFormatWriter.WriteMetric(families, family, metric, labels, instance: true, lines);
                }
            }
        }

        if (isProtobuf)
        {
            FinishMessage(lines, output, start);
        }
    }

    private static void WriteBookkeeping(string name, List<HeldGroup> groups, bool isProtobuf, WriteBuffer output)
    {
        if (groups.Count == 0)
        {
            return;
        }

        bool isPush = name == Bookkeeping.PushTime;
        byte[] encoded = Encoding.UTF8.GetBytes(name);
        byte[] help = Encoding.UTF8.GetBytes(isPush ? Bookkeeping.PushTimeHelp : Bookkeeping.FailureTimeHelp);
        WriteBuffer lines = isProtobuf ? new WriteBuffer() : output;
        if (isProtobuf)
        {
            FamilyMessageWriter.WriteHead(encoded, help, FamilyType.Gauge, lines);
        }
        else
        {
            TextFormatWriter.WriteHeader(encoded, help, FamilyType.Gauge, lines);
        }

        foreach (HeldGroup group in groups)
        {
            double seconds = Bookkeeping.Seconds(isPush ? group.Row.PushMs : group.Row.FailMs);
            IEnumerable<KeyValuePair<string, string>> labels = Bookkeeping.ShownLabels(group.Key);
            if (isProtobuf)
            {
                FamilyMessageWriter.AddGauge(labels, seconds, lines);
            }
            else
            {
                TextFormatWriter.WriteGauge(encoded, labels, seconds, lines);
            }
        }

        if (isProtobuf)
        {
            FinishMessage(lines, output, output.Length);
        }
    }

    /// <summary>Puts a message into the output behind its length.</summary>
    private static void FinishMessage(WriteBuffer message, WriteBuffer output, int start)
    {
        output.Length = start;
        Span<byte> length = stackalloc byte[5];
        int bytes = 0;
        uint left = (uint)message.Length;
        for (; left >= 0x80; left >>= 7)
        {
            length[bytes++] = (byte)(left | 0x80);
        }

        length[bytes++] = (byte)left;
        output.Append(length[..bytes]);
        output.Append(message.Span);
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

    /// <summary>A group with its payload, unpacked.</summary>
    private sealed record HeldGroup(StoredGroup Row, GroupKey Key, PayloadBody Body);
}
