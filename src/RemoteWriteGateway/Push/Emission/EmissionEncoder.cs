using System.IO.Hashing;
using System.Text;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>
/// Writes deliveries as remote write 2.0 messages. A pure function of the rows' columns and of the payloads: whoever repeats a delivery
/// sends the same. Not thread-safe; its memory is kept.
/// </summary>
/// <param name="classicBounds">How bounds are spelt.</param>
/// <param name="bounds">When a message is full.</param>
internal sealed class EmissionEncoder(ClassicBounds classicBounds, RequestBounds bounds)
{
    // Room for the series that makes a message full: labels of the longest kind, or a histogram with all buckets.
    private const int SeriesBytes = 256 << 10;

    // A start further back than this is one of a process that ran long before it pushed; stores would refuse a sample of that time.
    private const long OldestZeroMs = 50 * 60 * 1000;

    private static readonly MetricFamilies NoFamilies = new();
    private static readonly byte[] PushTime = Encoding.UTF8.GetBytes(Bookkeeping.PushTime);
    private static readonly byte[] PushTimeHelp = Encoding.UTF8.GetBytes(Bookkeeping.PushTimeHelp);
    private static readonly byte[] FailureTime = Encoding.UTF8.GetBytes(Bookkeeping.FailureTime);
    private static readonly byte[] FailureTimeHelp = Encoding.UTF8.GetBytes(Bookkeeping.FailureTimeHelp);

    private readonly RequestWriter _writer = new();
    private readonly MetricFamilies _payload = new();
    private readonly MetricFamilies _written = new();
    private GroupingLabels _group = GroupingLabels.Empty;
    private readonly SeriesLabels _labels = new();
    private readonly SeriesRefs _refs = new();
    private readonly List<MetricSeries> _series = [];
    private readonly NativeHistogram _native = new();
    private readonly HashSet<UInt128> _open = [];
    private readonly WriteBuffer _scratch = new();
    private readonly List<uint> _exemplarLabels = [];
    private readonly List<(Delivery Delivery, string Fault)> _unmarked = [];

    /// <summary>Samples of the messages so far, of the last call.</summary>
    public EmissionCounts Counts { get; private set; }

    /// <summary>Deliveries of the last call without markers, because what was written before cannot be read, and why.</summary>
    public IReadOnlyList<(Delivery Delivery, string Fault)> Unmarked => _unmarked;

    /// <summary>Writes a batch into <see cref="WriteWork.Decoded"/>, message after message. What was written is to be used before the next one is asked for.</summary>
    /// <param name="batch">Deliveries of one tenant.</param>
    /// <param name="takesNative">Whether the store takes native histograms.</param>
    /// <param name="work">Holds one message at a time.</param>
    public IEnumerable<ItemCounts> Write(IReadOnlyList<Delivery> batch, bool takesNative, WriteWork work)
    {
        Counts = default;
        _unmarked.Clear();
        _writer.Clear();
        foreach (Delivery delivery in batch)
        {
            foreach (bool _ in WriteGroup(delivery, takesNative))
            {
                yield return Finish(work.Decoded);
            }
        }

        if (_writer.Items.Total > 0)
        {
            yield return Finish(work.Decoded);
        }
    }

    private ItemCounts Finish(WriteBuffer output)
    {
        output.Clear();
        _writer.WriteTo(output);
        ItemCounts items = _writer.Items;
        _writer.Clear();
        return items;
    }

    private bool IsFull => _writer.Items.Total >= bounds.MaxItems || _writer.Length >= bounds.MaxBytes - SeriesBytes;

    /// <summary>Stops, with something to go on from, whenever the message is full.</summary>
    private IEnumerable<bool> WriteGroup(Delivery delivery, bool takesNative)
    {
        bool isZero = delivery.Row.InflightStep == EmissionStep.Zero;
        bool hasTombstones = !isZero && delivery.Written is not null;
        _open.Clear();
        _group = delivery.Group;
        // A name or a label that was damaged would be another series, which nobody has claimed.
        delivery.Payload.Verify(_payload);
        for (int metric = 0; metric < delivery.Payload.Metrics; metric++)
        {
            if (isZero && !delivery.Payload.IsStart(metric))
            {
                continue;
            }

            ListSeries(_payload, metric, takesNative);
            for (int next = 0; next < _series.Count;)
            {
                next = isZero ? WriteZeros(delivery, metric, next) : WriteValues(delivery, metric, next, hasTombstones);
                if (IsFull)
                {
                    yield return true;
                }
            }
        }

        if (isZero)
        {
            yield break;
        }

        WriteBookkeeping(PushTime, PushTimeHelp, delivery.Row.InflightPushMs, delivery.Row.InflightMs!.Value);
        if (IsFull)
        {
            yield return true;
        }

        WriteBookkeeping(FailureTime, FailureTimeHelp, delivery.Row.InflightFailMs, delivery.Row.InflightMs.Value);
        if (IsFull)
        {
            yield return true;
        }

        if (hasTombstones && delivery.Written!.FindFault(_written) is { } fault)
        {
            // The new state is written all the same.
            _unmarked.Add((delivery, fault));
        }
        else if (hasTombstones)
        {
            for (int metric = 0; metric < delivery.Written!.Metrics; metric++) // not null: there are tombstones
            {
                ListSeries(_written, metric, takesNative);
                for (int next = 0; next < _series.Count;)
                {
                    next = WriteMarkers(delivery, metric, next);
                    if (IsFull)
                    {
                        yield return true;
                    }
                }
            }
        }
    }

    private void ListSeries(MetricFamilies families, int metric, bool takesNative)
    {
        ref readonly MetricEntry entry = ref families.Metrics[metric];
        MetricSeries.Of(families, families.Families[entry.Family], entry, takesNative, _series);
    }

    private int WriteValues(Delivery delivery, int metric, int next, bool hasTombstones)
    {
        MetricFamilies families = _payload;
        ref readonly MetricEntry entry = ref families.Metrics[metric];
        FamilyEntry family = families.Families[entry.Family];
        long at = delivery.Row.InflightMs!.Value;
        long start = entry.Has(MetricParts.Start) && entry.StartMs <= at ? entry.StartMs : 0;
        bool hasExemplars = families.Exemplars.Length > 0 && delivery.Row.IsNewValue && !WasWritten(delivery, entry.Family);
        BeginMetric(families, entry);
        for (; next < _series.Count && !IsFull; next++)
        {
            MetricSeries series = _series[next];
            BeginSeries(families, family, series);
            if (hasTombstones)
            {
                _open.Add(HashOf(families.Text(family.Name), series));
            }

            if (series.IsNative)
            {
                _native.Read(families.Text(entry.Native));
                _writer.AddHistogram(_native, isEmpty: false, family.Type == FamilyType.GaugeHistogram, at, start);
            }
            else
            {
                _writer.AddSample(series.ValueBits, at, series.IsCumulative ? start : 0);
            }

            if (hasExemplars)
            {
                WriteExemplars(families, entry, family, series, delivery.Row);
            }

            EndSeries(families, family);
            Counts += new EmissionCounts(1, 0, 0);
        }

        return next;
    }

    /// <summary>Whether the store has this family as the same push brought it.</summary>
    private static bool WasWritten(Delivery delivery, int family)
    {
        PayloadFamily pushed = delivery.Payload.Families[family];
        return delivery.Written?.Families.Any(one => one.PushMs == pushed.PushMs && one.Name == pushed.Name) == true;
    }

    private int WriteZeros(Delivery delivery, int metric, int next)
    {
        MetricFamilies families = _payload;
        ref readonly MetricEntry entry = ref families.Metrics[metric];
        FamilyEntry family = families.Families[entry.Family];
        long at = ZeroTime(delivery.Row, entry);
        long start = entry.Has(MetricParts.Start) && entry.StartMs <= at ? entry.StartMs : 0;
        BeginMetric(families, entry);
        for (; next < _series.Count && !IsFull; next++)
        {
            MetricSeries series = _series[next];
            if (!series.IsCumulative)
            {
                continue;
            }

            BeginSeries(families, family, series);
            if (series.IsNative)
            {
                _native.Read(families.Text(entry.Native));
                _writer.AddHistogram(_native, isEmpty: true, isGauge: false, at, start);
            }
            else
            {
                _writer.AddSample(0, at, start);
            }

            EndSeries(families, family);
            Counts += new EmissionCounts(0, 1, 0);
        }

        return next;
    }

    /// <summary>Just before the value; or at the start that the metric brought, held behind what was written before and within what stores take.</summary>
    private static long ZeroTime(EmissionRow row, in MetricEntry metric)
    {
        long at = row.InflightMs!.Value;
        long last = at - 1;
        long first = Math.Min(Math.Max(row.InflightFloorMs!.Value + 1, at - OldestZeroMs), last);
        return metric.Has(MetricParts.Start) ? Math.Clamp(metric.StartMs, first, last) : last;
    }

    private int WriteMarkers(Delivery delivery, int metric, int next)
    {
        MetricFamilies families = _written;
        ref readonly MetricEntry entry = ref families.Metrics[metric];
        FamilyEntry family = families.Families[entry.Family];
        long at = delivery.Row.InflightMs!.Value;
        BeginMetric(families, entry);
        for (; next < _series.Count && !IsFull; next++)
        {
            MetricSeries series = _series[next];
            if (_open.Contains(HashOf(families.Text(family.Name), series)))
            {
                continue;
            }

            BeginSeries(families, family, series);
            if (series.IsNative)
            {
                _writer.AddStaleHistogram(at);
            }
            else
            {
                _writer.AddStaleSample(at);
            }

            EndSeries(families, family);
            Counts += new EmissionCounts(0, 0, 1);
        }

        return next;
    }

    private void WriteBookkeeping(ReadOnlySpan<byte> name, ReadOnlySpan<byte> help, long? timeMs, long at)
    {
        BeginMetric(NoFamilies, default);
        _writer.BeginSeries(_refs.Of(_writer, _writer.Symbol(name), default, default));
        if (timeMs is { } value)
        {
            _writer.AddSample(BitConverter.DoubleToUInt64Bits(Bookkeeping.Seconds(value)), at, 0);
            Counts += new EmissionCounts(1, 0, 0);
        }
        else
        {
            _writer.AddStaleSample(at);
            Counts += new EmissionCounts(0, 0, 1);
        }

        _writer.EndSeries(SeriesType.Gauge, _writer.Symbol(help), 0);
    }

    /// <summary>They go once. To a store that has refused the group they do not go again: they may be what it refuses.</summary>
    private void WriteExemplars(MetricFamilies families, in MetricEntry entry, in FamilyEntry family, MetricSeries series, EmissionRow row)
    {
        long at = row.InflightMs!.Value;
        ExemplarEntry[] exemplars = series.Exemplar >= 0 ? [families.Exemplars[series.Exemplar]]
            : series.IsNative || family.Type == FamilyType.Counter ? families.ExemplarsOf(entry).ToArray()
            : [];
        if (row.Attempts > 0)
        {
            Counts += new EmissionCounts(0, 0, 0, exemplars.Length);
            return;
        }

        // Stores refuse an exemplar that is older than the one before it.
        foreach (ExemplarEntry exemplar in exemplars.OrderBy(one => one.HasTimestamp ? one.TimestampMs : at))
        {
            WriteExemplar(families, exemplar, at);
        }
    }

    private void WriteExemplar(MetricFamilies families, in ExemplarEntry exemplar, long at)
    {
        _exemplarLabels.Clear();
        foreach (ref readonly LabelRange label in families.LabelsOf(exemplar))
        {
            _exemplarLabels.Add(_writer.Symbol(families.Text(label.Name)));
            _exemplarLabels.Add(_writer.Symbol(families.Text(label.Value)));
        }

        _writer.AddExemplar(
            System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_exemplarLabels), exemplar.ValueBits, exemplar.HasTimestamp ? exemplar.TimestampMs : at);
    }

    private void BeginMetric(MetricFamilies families, in MetricEntry metric)
    {
        _labels.Merge(families, metric, _group);
        _refs.Begin(_labels, _writer);
    }

    private void BeginSeries(MetricFamilies families, in FamilyEntry family, MetricSeries series)
    {
        ReadOnlySpan<byte> name = families.Text(family.Name);
        uint symbol;
        if (series.Suffix == SeriesSuffix.None)
        {
            symbol = _writer.Symbol(name);
        }
        else
        {
            _scratch.Clear();
            _scratch.Append(name);
            _scratch.Append(MetricSeries.TextOf(series.Suffix));
            symbol = _writer.Symbol(_scratch.Span);
        }

        Span<byte> number = stackalloc byte[NumberText.MaxLength];
        _writer.BeginSeries(_refs.Of(_writer, symbol, MetricSeries.TextOf(series.BoundLabel), BoundText(series, number)));
    }

    private ReadOnlySpan<byte> BoundText(MetricSeries series, Span<byte> number) => series.BoundLabel == SeriesBound.None
        ? default
        : number[..(classicBounds == ClassicBounds.AsPushed ? NumberText.Format(series.Bound, number) : NumberText.FormatBound(series.Bound, number))];

    private void EndSeries(MetricFamilies families, in FamilyEntry family) => _writer.EndSeries(
        TypeOf(family.Type),
        family.Help.IsEmpty ? 0 : _writer.Symbol(families.Text(family.Help)),
        family.Unit.IsEmpty ? 0 : _writer.Symbol(families.Text(family.Unit)));

    /// <summary>By which a series of one payload is found in another: 128 bits of its name and labels, those of the metric merged in <see cref="_labels"/>.</summary>
    private UInt128 HashOf(ReadOnlySpan<byte> name, MetricSeries series)
    {
        _scratch.Clear();
        Append(name, MetricSeries.TextOf(series.Suffix));
        Span<byte> number = stackalloc byte[NumberText.MaxLength];
        Append(BoundText(series, number), default);
        for (int i = 0; i < _labels.Count; i++)
        {
            Append(_labels.Name(i), default);
            Append(_labels.Value(i), default);
        }

        return XxHash128.HashToUInt128(_scratch.Span);

        // A name is one text: the gauge h_count is the series that the histogram h had.
        void Append(ReadOnlySpan<byte> text, ReadOnlySpan<byte> suffix)
        {
            Span<byte> length = stackalloc byte[sizeof(int)];
            System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(length, text.Length + suffix.Length);
            _scratch.Append(length);
            _scratch.Append(text);
            _scratch.Append(suffix);
        }
    }

    private static SeriesType TypeOf(FamilyType type) => type switch
    {
        FamilyType.Counter => SeriesType.Counter,
        FamilyType.Gauge => SeriesType.Gauge,
        FamilyType.Summary => SeriesType.Summary,
        FamilyType.Histogram => SeriesType.Histogram,
        FamilyType.GaugeHistogram => SeriesType.GaugeHistogram,
        _ => SeriesType.Unknown,
    };
}
