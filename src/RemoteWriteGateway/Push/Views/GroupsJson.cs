using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.ObjectPool;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push.Views;

/// <summary>
/// <c>GET /api/v1/metrics</c>: all groups of a tenant as a Pushgateway tells them, streamed in the order of their keys. Of a group whose payload cannot
/// be read there are labels and bookkeeping.
/// </summary>
internal sealed class GroupsJson(PushStore store, PushReads reads, UnreadablePayloads unreadable, ObjectPool<MetricFamilies> familyPool)
{
    private const int FlushBytes = 32 << 10;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public Task HandleAsync(HttpContext http)
    {
        reads.SetHeaders(http.Response);
        return reads.RunAsync(http, WriteAsync);
    }

    private async Task<Refusal?> WriteAsync(HttpContext http, Tenant tenant, CancellationToken gone)
    {
        MetricFamilies families = familyPool.Get();
        try
        {
            await using IAsyncEnumerator<StoredGroup> groups = store.ReadGroupsAsync(tenant.Name, null, gone).GetAsyncEnumerator(gone);

            // The first page before the first byte: a catalog that is away is told as that.
            bool isThere = await groups.MoveNextAsync();
            http.Response.ContentType = "application/json";
            await using Utf8JsonWriter json = new(http.Response.BodyWriter, Options);
            json.WriteStartObject();
            json.WriteString("status", "success");
            json.WriteStartArray("data");
            for (; isThere; isThere = await groups.MoveNextAsync())
            {
                Write(json, groups.Current, families);
                if (json.BytesPending + http.Response.BodyWriter.UnflushedBytes > FlushBytes)
                {
                    json.Flush();
                    await http.Response.BodyWriter.FlushAsync(gone);
                }
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.Flush();
            await http.Response.BodyWriter.FlushAsync(gone);
            return null;
        }
        finally
        {
            families.End(FlushBytes);
            familyPool.Return(families);
        }
    }

    private void Write(Utf8JsonWriter json, StoredGroup group, MetricFamilies families)
    {
        PayloadBody body = unreadable.ReadToShow(group, families, out _);
        json.WriteStartObject();
        json.WritePropertyName("labels");
        json.WriteRawValue(group.Labels);
        json.WriteBoolean("last_push_successful", group.PushMs > 0 && group.FailMs <= group.PushMs);
        for (int i = 0; i < body.Families.Length; i++)
        {
            PayloadFamily family = body.Families[i];

            // These two keys tell of the group itself.
            if (family.Name is not ("labels" or "last_push_successful"))
            {
                WriteFamily(json, family.Name, family.PushMs, families, families.Families[i]);
            }
        }

        GroupKey key = group.ReadKey();
        WriteBookkeeping(json, Bookkeeping.PushTime, Bookkeeping.PushTimeHelp, key, group.PushMs, group.CreatedMs);
        WriteBookkeeping(json, Bookkeeping.FailureTime, Bookkeeping.FailureTimeHelp, key, group.FailMs, group.CreatedMs);
        json.WriteEndObject();
    }

    private static void WriteFamily(Utf8JsonWriter json, string name, long pushMs, MetricFamilies families, in FamilyEntry family)
    {
        BeginFamily(json, name, pushMs, WordOf(family.Type), families.Text(family.Help));
        foreach (ref readonly MetricEntry metric in families.MetricsOf(family))
        {
            json.WriteStartObject();
            WriteLabels(json, families, metric);
            MetricJson.WriteValues(json, families, family.Type, metric);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteBookkeeping(Utf8JsonWriter json, string name, string help, GroupKey key, long milliseconds, long createdMs)
    {
        BeginFamily(json, name, milliseconds > 0 ? milliseconds : createdMs, "GAUGE", Encoding.UTF8.GetBytes(help));
        json.WriteStartObject();
        json.WriteStartObject("labels");
        foreach ((string label, string value) in Bookkeeping.ShownLabels(key))
        {
            json.WriteString(label, value);
        }

        json.WriteEndObject();
        MetricJson.WriteNumber(json, "value"u8, Bookkeeping.Seconds(milliseconds));
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void BeginFamily(Utf8JsonWriter json, string name, long pushMs, string type, ReadOnlySpan<byte> help)
    {
        json.WriteStartObject(name);
        json.WriteString("time_stamp", TimeOf(pushMs));
        json.WriteString("type", type);
        if (!help.IsEmpty)
        {
            json.WriteString("help"u8, help);
        }

        json.WriteStartArray("metrics");
    }

    private static void WriteLabels(Utf8JsonWriter json, MetricFamilies families, in MetricEntry metric)
    {
        json.WriteStartObject("labels");
        bool hasInstance = false;
        foreach (ref readonly LabelRange label in families.LabelsOf(metric))
        {
            hasInstance |= families.Text(label.Name).SequenceEqual("instance"u8);
            json.WriteString(families.Text(label.Name), families.Text(label.Value));
        }

        if (!hasInstance)
        {
            json.WriteString("instance", "");
        }

        json.WriteEndObject();
    }

    private static string TimeOf(long milliseconds) =>
        DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("yyyy-MM-dd'T'HH:mm:ss.FFF'Z'", CultureInfo.InvariantCulture);

    private static string WordOf(FamilyType type) => type switch
    {
        FamilyType.Counter => "COUNTER",
        FamilyType.Gauge => "GAUGE",
        FamilyType.Summary => "SUMMARY",
        FamilyType.Histogram => "HISTOGRAM",
        FamilyType.GaugeHistogram => "GAUGE_HISTOGRAM",
        _ => "UNTYPED",
    };
}
