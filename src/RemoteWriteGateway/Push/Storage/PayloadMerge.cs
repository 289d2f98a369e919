using System.Text;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>
/// What a push makes of a payload: PUT, POST and mode sum, and the start bits of the new generation (§5 of the push reference). No clock, no
/// database; used once, by one attempt to store a push.
/// </summary>
/// <param name="request">Its families are read, never changed: an attempt may have to be repeated.</param>
/// <param name="before">The payload that goes on; empty if the group begins anew.</param>
/// <param name="inheritsStarts">Whether the start bits of <paramref name="before"/> are still to be answered by a zero.</param>
/// <param name="nowMs">The time of the push.</param>
internal sealed class PayloadMerge(PushRequest request, PayloadBody before, bool inheritsStarts, long nowMs)
{
    private readonly PayloadWriter _writer = new();
    private readonly SeriesLabels _labels = new();
    private MetricFamilies? _before;

    /// <summary>The new payload as it is stored; null if it is empty.</summary>
    public byte[]? Merge()
    {
        Dictionary<string, int> pushed = PushedFamilies();
        bool keeps = request.Verb == PushVerb.Post || request.Mode == PushMode.Sum;
        foreach (PayloadFamily family in before.Families)
        {
            if (!pushed.TryGetValue(family.Name, out int index))
            {
                if (keeps)
                {
                    _writer.Copy(before, family, metric => IsInherited(metric));
                }
            }
            else if (request.Mode == PushMode.Sum && request.Families.Families[index].Type == family.Type)
            {
                Add(family, index);
                pushed.Remove(family.Name);
            }
        }

        foreach (int index in pushed.Values.Order())
        {
            Replace(index);
        }

        return _writer.ToArray();
    }

    /// <summary>The first metric that cannot be added up, as a refusal; null if the mode is not sum or all can.</summary>
    public static PushRefusal? NotAdditive(PushRequest request)
    {
        if (request.Mode != PushMode.Sum)
        {
            return null;
        }

        foreach (ref readonly FamilyEntry family in request.Families.Families)
        {
            foreach (ref readonly MetricEntry metric in request.Families.MetricsOf(family))
            {
                if (!MetricSums.IsAdditive(family.Type, metric))
                {
                    return new PushRefusal(
                        "sum-not-additive",
                        $"a value of {Encoding.UTF8.GetString(request.Families.Text(family.Name))} cannot be added up: counts must be finite and not negative in mode sum");
                }
            }
        }

        return null;
    }

    /// <summary>Index of each pushed family by its name.</summary>
    private Dictionary<string, int> PushedFamilies()
    {
        ReadOnlySpan<FamilyEntry> families = request.Families.Families;
        Dictionary<string, int> names = new(families.Length, StringComparer.Ordinal);
        for (int i = 0; i < families.Length; i++)
        {
            names.Add(Encoding.UTF8.GetString(request.Families.Text(families[i].Name)), i);
        }

        return names;
    }

    private bool IsInherited(int metric) => inheritsStarts && before.IsStart(metric);

    /// <summary>A family as it was pushed. In mode sum all of its metrics begin here.</summary>
    private void Replace(int index)
    {
        MetricFamilies families = request.Families;
        FamilyEntry family = families.Families[index];
        bool isCumulative = IsCumulative(family.Type);
        string name = Encoding.UTF8.GetString(families.Text(family.Name));
        PayloadFamily? old = before.Families.FirstOrDefault(one => one.Name == name && one.Type == family.Type);
        Dictionary<UInt128, int> known = old is null || !isCumulative ? [] : Numbers(old);
        List<(UInt128 Hash, bool IsStart)> metrics = new(family.Metrics);
        for (int i = 0; i < family.Metrics; i++)
        {
            int metric = family.FirstMetric + i;
            UInt128 hash = families.Hashes[metric];
            bool isStart = isCumulative && (request.Mode == PushMode.Sum || (known.TryGetValue(hash, out int number)
                ? BeginsAnew(family.Type, metric, old!, number) // not null: the number is from it
                : families.Metrics[metric].Has(MetricParts.Start)));
            metrics.Add((hash, isStart));
        }

        int start = _writer.Messages.Length;
        if (request.Mode == PushMode.Sum)
        {
            int[] all = [.. Enumerable.Range(family.FirstMetric, family.Metrics).Select(static metric => ~metric)];
            FamilyMessageWriter.WriteDelimited(families, family, families, all, request.Grouping, _labels, _writer.Messages);
        }
        else
        {
            FamilyMessageWriter.WriteDelimited(families, family, request.Grouping, _labels, _writer.Messages);
        }

        int series = Series(families, family.Type, Enumerable.Range(family.FirstMetric, family.Metrics));
        End(name, family, start, series, metrics);
    }

    /// <summary>Whether a metric of a counter, summary or histogram has begun anew since the payload before.</summary>
    private bool BeginsAnew(FamilyType type, int metric, PayloadFamily old, int number)
    {
        MetricFamilies stored = Before();
        ref readonly MetricEntry now = ref request.Families.Metrics[metric];
        ref readonly MetricEntry then = ref stored.Metrics[number];
        if (IsInherited(number) || MetricSums.IsLower(request.Families, now, type, stored, then))
        {
            return true;
        }

        // Without a stored start time, one that is after the push before is as good.
        long known = then.Has(MetricParts.Start) ? then.StartMs : old.PushMs;
        return now.Has(MetricParts.Start) && now.StartMs > known;
    }

    /// <summary>A family of mode sum: the stored metrics with what was pushed added, those that could not be added, and the new ones.</summary>
    private void Add(PayloadFamily old, int index)
    {
        MetricFamilies stored = Before();
        MetricFamilies families = request.Families;
        FamilyEntry family = families.Families[index];
        bool isCumulative = IsCumulative(old.Type);
        Dictionary<UInt128, int> pushed = new(family.Metrics);
        for (int i = 0; i < family.Metrics; i++)
        {
            pushed.Add(families.Hashes[family.FirstMetric + i], family.FirstMetric + i);
        }

        List<int> order = new(old.Metrics + family.Metrics);
        List<(UInt128 Hash, bool IsStart)> metrics = new(old.Metrics + family.Metrics);
        for (int number = old.FirstMetric; number < old.FirstMetric + old.Metrics; number++)
        {
            UInt128 hash = before.Hash(number);
            bool isKept = !pushed.Remove(hash, out int metric) || TryAdd(old, number, metric);
            order.Add(isKept ? number : ~metric);
            metrics.Add((hash, isKept ? IsInherited(number) : isCumulative));
        }

        foreach ((UInt128 hash, int metric) in pushed.OrderBy(static one => one.Value))
        {
            order.Add(~metric);
            metrics.Add((hash, isCumulative));
        }

        int start = _writer.Messages.Length;
        FamilyMessageWriter.WriteDelimited(
            families, family, stored, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(order), request.Grouping, _labels, _writer.Messages);
        int series = Series(stored, old.Type, order.Where(static one => one >= 0)) + Series(families, old.Type, order.Where(static one => one < 0).Select(static one => ~one));
        End(old.Name, family, start, series, metrics);
    }

    /// <returns>False if the pushed metric takes the stored one's place.</returns>
    private bool TryAdd(PayloadFamily old, int number, int metric)
    {
        MetricFamilies stored = Before();
        ref readonly MetricEntry pushed = ref request.Families.Metrics[metric];
        if (IsCumulative(old.Type))
        {
            return MetricSums.TryAdd(stored, number, old.Type, request.Families, pushed, request.MaxHistogramBuckets);
        }

        double value = stored.Metrics[number].Value;
        double? sum = old.Type == FamilyType.GaugeHistogram ? null : request.Gauges.GetValueOrDefault(old.Name) switch
        {
            GaugeRule.Sum => value + pushed.Value,
            GaugeRule.Max => Math.Max(value, pushed.Value),
            GaugeRule.Min => Math.Min(value, pushed.Value),
            _ => null,
        };
        if (sum is { } result)
        {
            MetricSums.Set(stored, number, result);
        }

        return sum is not null;
    }

    private void End(string name, in FamilyEntry family, int start, int series, List<(UInt128 Hash, bool IsStart)> metrics) => _writer.End(
        new PayloadFamily
        {
            Name = name,
            Type = family.Type,
            HasGaugeSuffixes = family.HasGaugeSuffixes,
            PushMs = nowMs,
            FirstMetric = 0,
            Metrics = metrics.Count,
            Series = series,
            Message = default,
        },
        start,
        metrics);

    private Dictionary<UInt128, int> Numbers(PayloadFamily family)
    {
        Dictionary<UInt128, int> numbers = new(family.Metrics);
        for (int number = family.FirstMetric; number < family.FirstMetric + family.Metrics; number++)
        {
            numbers.Add(before.Hash(number), number);
        }

        return numbers;
    }

    /// <summary>The metrics of the payload before, read when the first of them is asked for. Exemplars were written with the push that brought them.</summary>
    private MetricFamilies Before()
    {
        if (_before is null)
        {
            _before = new MetricFamilies();
            before.ReadInto(_before);
            for (int metric = 0; metric < before.Metrics; metric++)
            {
                MetricSums.DropExemplars(_before, metric);
            }
        }

        return _before;
    }

    private static bool IsCumulative(FamilyType type) => type is FamilyType.Counter or FamilyType.Histogram or FamilyType.Summary;

    /// <summary>Series as the store counts them. Quantiles that a sum leaves out are none.</summary>
    private int Series(MetricFamilies families, FamilyType type, IEnumerable<int> metrics)
    {
        int series = 0;
        foreach (int metric in metrics)
        {
            ref readonly MetricEntry entry = ref families.Metrics[metric];
            ReadOnlySpan<PointEntry> points = families.PointsOf(entry);
            series += type switch
            {
                FamilyType.Summary => (request.Mode == PushMode.Sum ? 0 : points.Length) + 2,
                FamilyType.Histogram or FamilyType.GaugeHistogram when entry.Has(MetricParts.Native) && points.IsEmpty => 1,
                FamilyType.Histogram or FamilyType.GaugeHistogram =>
                    points.Length + (points is [.., { Bound: double.PositiveInfinity }] ? 2 : 3) + (entry.Has(MetricParts.Native) ? 1 : 0),
                _ => 1,
            };
        }

        return series;
    }
}
