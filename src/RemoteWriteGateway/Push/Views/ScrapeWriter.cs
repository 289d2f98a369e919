using System.Text;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Push.Views;

/// <summary>Writes groups as families, sorted by name, all groups of a family in one.</summary>
/// <param name="body">Where to.</param>
/// <param name="groups">In the order of their keys.</param>
/// <param name="work">Its buffers hold what is not written yet: a piece of text, or one message.</param>
/// <param name="families">Room for one family of one group.</param>
/// <param name="isProtobuf">Delimited messages, else text 0.0.4.</param>
internal sealed class ScrapeWriter(Stream body, IReadOnlyList<HeldGroup> groups, WriteWork work, MetricFamilies families, bool isProtobuf)
{
    private const int FlushBytes = 64 << 10;

    private readonly SeriesLabels _labels = new();

    // A message begins with its length, so it is whole before any of it can go.
    private readonly WriteBuffer _lines = isProtobuf ? work.Decoded : work.Output;

    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        foreach ((string name, List<(HeldGroup Group, int Family)> holders) in ByName())
        {
            if (name is Bookkeeping.FailureTime or Bookkeeping.PushTime)
            {
                await WriteBookkeepingAsync(name, cancellationToken);
            }
            else
            {
                await WriteFamilyAsync(name, holders, cancellationToken);
            }
        }

        await FlushAsync(0, cancellationToken);
    }

    private SortedDictionary<string, List<(HeldGroup Group, int Family)>> ByName()
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

        return byName;
    }

    private async Task WriteFamilyAsync(string name, List<(HeldGroup Group, int Family)> holders, CancellationToken cancellationToken)
    {
        byte[] encoded = Encoding.UTF8.GetBytes(name);
        bool hasHead = false;
        foreach ((HeldGroup group, int index) in holders)
        {
            group.Body.ReadInto(families, index);
            FamilyEntry family = families.Families[0];
            if (!hasHead)
            {
                // In the order of keys: of help texts that differ the first one holds.
                hasHead = true;
                WriteHead(encoded, families.Text(family.Help), group.Body.Families[index].Type);
            }

            WriteMetrics(family);
            await FlushTextAsync(cancellationToken);
        }

        await EndFamilyAsync(cancellationToken);
    }

    private void WriteMetrics(in FamilyEntry family)
    {
        foreach (ref readonly MetricEntry metric in families.MetricsOf(family))
        {
            _labels.Merge(families, metric, GroupingLabels.Empty);
            if (isProtobuf)
            {
                FamilyMessageWriter.AddMetric(families, family.Type, metric, _labels, instance: true, _lines);
            }
            else
            {
                TextFormatWriter.WriteMetric(families, family, metric, _labels, instance: true, _lines);
            }
        }
    }

    private async Task WriteBookkeepingAsync(string name, CancellationToken cancellationToken)
    {
        if (groups.Count == 0)
        {
            return;
        }

        bool isPush = name == Bookkeeping.PushTime;
        byte[] encoded = Encoding.UTF8.GetBytes(name);
        WriteHead(encoded, Encoding.UTF8.GetBytes(isPush ? Bookkeeping.PushTimeHelp : Bookkeeping.FailureTimeHelp), FamilyType.Gauge);
        foreach (HeldGroup group in groups)
        {
            double seconds = Bookkeeping.Seconds(isPush ? group.Row.PushMs : group.Row.FailMs);
            IEnumerable<KeyValuePair<string, string>> labels = Bookkeeping.ShownLabels(group.Key);
            if (isProtobuf)
            {
                FamilyMessageWriter.AddGauge(labels, seconds, _lines);
            }
            else
            {
                TextFormatWriter.WriteGauge(encoded, labels, seconds, _lines);
            }

            await FlushTextAsync(cancellationToken);
        }

        await EndFamilyAsync(cancellationToken);
    }

    private void WriteHead(ReadOnlySpan<byte> name, ReadOnlySpan<byte> help, FamilyType type)
    {
        if (isProtobuf)
        {
            FamilyMessageWriter.WriteHead(name, help, type, _lines);
        }
        else
        {
            TextFormatWriter.WriteHeader(name, help, type, _lines);
        }
    }

    private ValueTask FlushTextAsync(CancellationToken cancellationToken) => isProtobuf ? default : FlushAsync(FlushBytes, cancellationToken);

    /// <summary>Ends a message: its length goes before it.</summary>
    private async ValueTask EndFamilyAsync(CancellationToken cancellationToken)
    {
        if (!isProtobuf)
        {
            return;
        }

        FamilyMessageWriter.WriteLength(_lines.Length, work.Output);
        await FlushAsync(FlushBytes - _lines.Length, cancellationToken);
        if (_lines.Length > FlushBytes)
        {
            await body.WriteAsync(_lines.Memory, cancellationToken);
        }
        else
        {
            work.Output.Append(_lines.Span);
        }

        _lines.Clear();
    }

    /// <summary>Writes what waits, if it is more than <paramref name="most"/> bytes.</summary>
    private async ValueTask FlushAsync(int most, CancellationToken cancellationToken)
    {
        if (work.Output.Length > most)
        {
            await body.WriteAsync(work.Output.Memory, cancellationToken);
            work.Output.Clear();
        }
    }
}
