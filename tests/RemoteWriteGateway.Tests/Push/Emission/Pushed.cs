using System.Text;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Tests.Push.Emission;

/// <summary>Payloads and keys as a push leaves them, made from text.</summary>
internal static class Pushed
{
    public static readonly StampOptions Limits = new() { TenantLabel = "tenant", TenantValue = "ours" };

    public static GroupKey Key(params (string Name, string Value)[] labels) =>
        GroupKey.Of([.. labels.OrderBy(label => label.Name, StringComparer.Ordinal).Select(label => KeyValuePair.Create(label.Name, label.Value))]);

    /// <summary>The column <c>body</c> of a push to the group of job <c>nightly</c>.</summary>
    /// <param name="text">Text 0.0.4, or OpenMetrics if it ends in <c># EOF</c>.</param>
    /// <param name="started">Families whose metrics have the start bit.</param>
    public static byte[]? Stored(string text, params string[] started) => Stored(Key(("job", "nightly")), text, 1, started);

    /// <inheritdoc cref="Stored(string, string[])"/>
    public static byte[]? Stored(GroupKey key, string text, long pushMs, params string[] started) => Stored(
        key, Encoding.UTF8.GetBytes(text), text.TrimEnd().EndsWith("# EOF", StringComparison.Ordinal) ? ExpositionFormat.OpenMetrics : ExpositionFormat.Text, pushMs, started);

    /// <inheritdoc cref="Stored(string, string[])"/>
    public static byte[]? Stored(GroupKey key, byte[] body, ExpositionFormat format, long pushMs, params string[] started)
    {
        ExpositionOptions options = new() { Limits = Limits };
        MetricFamilies families = new();
        ExpositionFault fault = ExpositionReader.Read(body, format, options, families);
        Assert.True(fault.IsNone, fault.Text);
        GroupingLabels group = key.ForBody();
        fault = ContentRules.Check(families, group, options);
        Assert.True(fault.IsNone, fault.Text);

        PayloadWriter writer = new();
        SeriesLabels labels = new();
        foreach (ref readonly FamilyEntry family in families.Families)
        {
            string name = Encoding.UTF8.GetString(families.Text(family.Name));
            int start = writer.Messages.Length;
            FamilyMessageWriter.WriteDelimited(families, family, group, labels, writer.Messages);
            bool isStart = started.Contains(name);
            List<(UInt128, bool)> metrics = [];
            List<MetricSeries> series = [];
            int count = 0;
            for (int i = 0; i < family.Metrics; i++)
            {
                int metric = family.FirstMetric + i;
                metrics.Add((families.Hashes[metric], isStart));
                MetricSeries.Of(families, family, families.Metrics[metric], takesNative: true, series);
                count += series.Count;
            }

            writer.End(
                new PayloadFamily
                {
                    Name = name,
                    Type = family.Type,
                    HasGaugeSuffixes = family.HasGaugeSuffixes,
                    PushMs = pushMs,
                    FirstMetric = 0,
                    Metrics = family.Metrics,
                    Series = count,
                    Message = default,
                },
                start,
                metrics);
        }

        return writer.ToArray();
    }

    public static PayloadBody Body(string text, params string[] started) => Stored(text, started) is { } stored ? PayloadBody.Parse(stored) : PayloadBody.Empty;
}
