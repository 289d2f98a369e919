using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>A label of a 1.0 series on its way from the writer's order to that of names: where its bytes are, tag and length included.</summary>
internal readonly record struct FastLabel(ulong Prefix, int Start, int Bytes);

// Series of the common shape, but with labels in the order of the scrape: vmagent writes them so.
internal ref partial struct V1FastSeries
{
    // A longer one would take an insertion sort too long; it is rare, and the general way sorts otherwise.
    private const int MaxUnsortedLabels = 64;

    /// <summary>Stamps one series whose labels are noted, sorted, and copied one by one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryStampUnsorted(WireRange series, long lastItem)
    {
        int labelsEnd = NoteLabels(series.Start, series.End, out int count);
        if (labelsEnd < 0 || !TrySort(count) || !TryPassItems(labelsEnd, series.End, lastItem))
        {
            return false;
        }

        Span<byte> output = BeginSeries(series.Length + _stampBytes, out int position);
        position = WriteSorted(count, output, position);
        _output.Length = FastBytes.Copy(_bytes, labelsEnd, series.End - labelsEnd, output, position);
        return true;
    }

    /// <summary>Passes over the labels of a series and notes them as they stand.</summary>
    private readonly int NoteLabels(int start, int end, out int count)
    {
        Span<FastLabel> labels = _labels;
        NameFilter filter = _plan.Filter;
        bool hasMetricName = false;
        int position = start;
        count = 0;
        while (position < end)
        {
            uint head = BinaryPrimitives.ReadUInt32LittleEndian(_bytes.Slice(position, LabelHeadBytes));
            if ((byte)head != V1Tags.Labels)
            {
                break;
            }

            if (!TryPassLabel(_bytes, head, position, end, out int nameLength, out int next) || nameLength == 0 || count == labels.Length)
            {
                return FastItemReader.NotCommon;
            }

            ulong prefix = NameOrder.ShortPrefix(_bytes, position + LabelHeadBytes, nameLength);
            hasMetricName |= prefix == MetricNamePrefix && nameLength == 8;
            if (filter.MayHold(prefix) && IsSpecial(position))
            {
                return FastItemReader.NotCommon;
            }

            labels[count++] = new FastLabel(prefix, position, next - position);
            position = next;
        }

        bool passes = hasMetricName && count <= _plan.Options.MaxLabelsPerSeries && AreTextsValid(start, position);
        return passes ? position : FastItemReader.NotCommon;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly bool IsSpecial(int position) => _plan.IsTenantLabel(Name(position)) || _plan.IsReserved(Name(position));

    /// <summary>Sorts the noted labels by name. False if one is there twice.</summary>
    private readonly bool TrySort(int count)
    {
        Span<FastLabel> labels = _labels.AsSpan(0, count);
        for (int i = 1; i < labels.Length; i++)
        {
            FastLabel moving = labels[i];
            int index = i;
            for (; index > 0 && labels[index - 1].Prefix >= moving.Prefix; index--)
            {
                if (labels[index - 1].Prefix == moving.Prefix)
                {
                    int order = Name(labels[index - 1].Start).SequenceCompareTo(Name(moving.Start));
                    if (order == 0)
                    {
                        return false;
                    }

                    if (order < 0)
                    {
                        break;
                    }
                }

                labels[index] = labels[index - 1];
            }

            labels[index] = moving;
        }

        return true;
    }

    private readonly int WriteSorted(int count, Span<byte> output, int position)
    {
        bool isStamped = false;
        foreach (ref readonly FastLabel label in _labels.AsSpan(0, count))
        {
            if (!isStamped && IsAboveStamp(label))
            {
                position = FastBytes.Copy(_stamp, 0, _stampBytes, output, position);
                isStamped = true;
            }

            position = FastBytes.Copy(_bytes, label.Start, label.Bytes, output, position);
        }

        return isStamped ? position : FastBytes.Copy(_stamp, 0, _stampBytes, output, position);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool IsAboveStamp(in FastLabel label) =>
        label.Prefix != _plan.NamePrefix ? label.Prefix > _plan.NamePrefix : Name(label.Start).SequenceCompareTo(_plan.TenantName) > 0;
}
