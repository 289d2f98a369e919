using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>A label of a 1.0 series on its way from the writer's order to that of names.</summary>
/// <param name="Prefix">First bytes of its name, see <see cref="NameOrder"/>.</param>
/// <param name="Start">Where its bytes are, tag and length included.</param>
/// <param name="Bytes">How many they are.</param>
/// <param name="NameLength">How many its name has.</param>
internal readonly record struct FastLabel(ulong Prefix, int Start, int Bytes, int NameLength);

/// <summary>Labels, by their numbers in the series, that keep their places to one another when sorted.</summary>
internal readonly record struct LabelRun(byte First, byte Last);

// Series of the common shape, but with labels in the order of the scrape: vmagent writes them so. Such labels are noted and
// copied one by one, in the order that was found for the series before if that had the same names.
internal ref partial struct V1FastSeries
{
    // A longer one would take an insertion sort too long; it is rare, and the general way sorts otherwise.
    private const int MaxUnsortedLabels = 64;

    /// <summary>Stamps one series whose labels are noted, sorted, and copied one by one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryStampUnsorted(WireRange series, long lastItem)
    {
        int labelsEnd = NoteLabels(series.Start, series.End, out int count, out bool isKnown);
        if (labelsEnd < 0 || (!isKnown && !TrySort(count)) || !AreTextsValid(series.Start, labelsEnd) || !TryPassItems(labelsEnd, series.End, lastItem))
        {
            return false;
        }

        Span<byte> output = BeginSeries(series.Length + _stampBytes, out int position);
        position = WriteSorted(output, position);
        _output.Length = FastBytes.Copy(_bytes, labelsEnd, series.End - labelsEnd, output, position);
        return true;
    }

    /// <summary>Passes over the labels of a series and notes them as they stand.</summary>
    /// <returns>The position behind the labels, or <see cref="FastItemReader.NotCommon"/>.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly int NoteLabels(int start, int end, out int count, out bool isKnown)
    {
        ReadOnlySpan<byte> bytes = _bytes;
        Span<FastLabel> labels = _labels;
        ReadOnlySpan<FastLabel> known = _knownLabels.AsSpan(0, _knownCount);
        int noted = 0;
        int same = 0;
        int position = start;
        while (position < end)
        {
            uint head = BinaryPrimitives.ReadUInt32LittleEndian(bytes.Slice(position, LabelHeadBytes));
            if ((byte)head != V1Tags.Labels)
            {
                break;
            }

            if (!TryPassLabel(bytes, head, position, end, out int nameLength, out int next) || noted >= labels.Length)
            {
                noted = labels.Length + 1;
                break;
            }

            ulong prefix = NameOrder.ShortPrefix(bytes, position + LabelHeadBytes, nameLength);
            labels[noted] = new FastLabel(prefix, position, next - position, nameLength);
            same += noted < known.Length && IsSameName(bytes, labels[noted], known[noted]) ? 1 : 0;
            noted++;
            position = next;
        }

        count = noted;
        isKnown = noted > 0 && same == noted && noted == known.Length;
        return noted <= labels.Length ? position : FastItemReader.NotCommon;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsSameName(ReadOnlySpan<byte> bytes, in FastLabel a, in FastLabel b) =>
        a.Prefix == b.Prefix && a.NameLength == b.NameLength && (a.NameLength <= 8 || IsSameEnd(bytes, a, b));

    /// <summary>Whether names of more than eight bytes that begin alike end alike: by their last eight bytes, if there are not more than sixteen.</summary>
    private static bool IsSameEnd(ReadOnlySpan<byte> bytes, in FastLabel a, in FastLabel b)
    {
        int length = a.NameLength;
        ReadOnlySpan<byte> nameA = bytes.Slice(a.Start + LabelHeadBytes, length);
        ReadOnlySpan<byte> nameB = bytes.Slice(b.Start + LabelHeadBytes, length);
        return length <= 16
            ? BinaryPrimitives.ReadUInt64LittleEndian(nameA[^8..]) == BinaryPrimitives.ReadUInt64LittleEndian(nameB[^8..])
            : nameA.SequenceEqual(nameB);
    }

    /// <summary>Finds the order of the noted labels, and the stamp's place in it, and remembers both.</summary>
    /// <returns>False if a name is there twice, or empty, or not for writers to set, or if <c>__name__</c> is not there.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TrySort(int count)
    {
        _knownCount = 0;
        _knownRuns = 0;
        bool hasMetricName = false;
        for (int i = 0; i < count; i++)
        {
            ref readonly FastLabel label = ref _labels[i];
            hasMetricName |= label.Prefix == MetricNamePrefix && label.NameLength == 8;
            if (label.NameLength == 0 || (_plan.Filter.MayHold(label.Prefix) && IsSpecial(label)) || !TryInsert(i))
            {
                return false;
            }
        }

        if (!hasMetricName || count > _plan.Options.MaxLabelsPerSeries)
        {
            return false;
        }

        FindRuns(count);
        _labels.AsSpan(0, count).CopyTo(_knownLabels);
        _knownCount = count;
        return true;
    }

    private readonly bool IsSpecial(in FastLabel label) => _plan.IsTenantLabel(Name(label.Start)) || _plan.IsReserved(Name(label.Start));

    /// <summary>Puts the label <paramref name="index"/> at its place in the order of those before it. False if its name is among them.</summary>
    private readonly bool TryInsert(int index)
    {
        int place = index;
        for (; place > 0; place--)
        {
            int order = Compare(_labels[_knownOrder[place - 1]], _labels[index]);
            if (order == 0)
            {
                return false;
            }

            if (order < 0)
            {
                break;
            }

            _knownOrder[place] = _knownOrder[place - 1];
        }

        _knownOrder[place] = (byte)index;
        return true;
    }

    private readonly int Compare(in FastLabel a, in FastLabel b) =>
        a.Prefix != b.Prefix ? a.Prefix.CompareTo(b.Prefix) : Name(a.Start).SequenceCompareTo(Name(b.Start));

    /// <summary>Finds which labels follow one another in the order of names as they do in the series: these are copied as one.</summary>
    private void FindRuns(int count)
    {
        _knownStampRun = -1;
        for (int i = 0; i < count; i++)
        {
            byte index = _knownOrder[i];
            bool isAboveStamp = Name(_labels[index].Start).SequenceCompareTo(_plan.TenantName) > 0;
            bool isFirstAbove = isAboveStamp && _knownStampRun < 0;
            if (isFirstAbove)
            {
                _knownStampRun = _knownRuns;
            }

            if (i > 0 && index == _knownOrder[i - 1] + 1 && !isFirstAbove)
            {
                _runs[_knownRuns - 1] = _runs[_knownRuns - 1] with { Last = index };
            }
            else
            {
                _runs[_knownRuns++] = new LabelRun(index, index);
            }
        }

        _knownStampRun = _knownStampRun < 0 ? _knownRuns : _knownStampRun;
    }

    private readonly int WriteSorted(Span<byte> output, int position)
    {
        ReadOnlySpan<byte> bytes = _bytes;
        ReadOnlySpan<FastLabel> labels = _labels;
        ReadOnlySpan<LabelRun> runs = _runs.AsSpan(0, _knownRuns);
        for (int i = 0; i < runs.Length; i++)
        {
            if (i == _knownStampRun)
            {
                position = FastBytes.CopyShort(_stamp, 0, _stampBytes, output, position);
            }

            LabelRun run = runs[i];
            int start = labels[run.First].Start;
            position = FastBytes.Copy(bytes, start, labels[run.Last].Start + labels[run.Last].Bytes - start, output, position);
        }

        return _knownStampRun < runs.Length ? position : FastBytes.CopyShort(_stamp, 0, _stampBytes, output, position);
    }
}
