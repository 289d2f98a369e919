using System.Globalization;

namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>
/// Samples by series, as a store returns them or a target has exposed them: two of these are equal if and only if every series, value
/// and timestamp is. A series is called by its labels, sorted, as in <c>{__name__="up",job="a"}</c>.
/// </summary>
internal sealed class StoredSeries : SortedDictionary<string, SortedDictionary<long, string>>
{
    public StoredSeries()
        : base(StringComparer.Ordinal)
    {
    }

    /// <summary>The samples of all series together.</summary>
    public int SampleCount => Values.Sum(samples => samples.Count);

    /// <summary>A series' name from its labels.</summary>
    public static string Key(IEnumerable<KeyValuePair<string, string>> labels) =>
        "{" + string.Join(",", labels.OrderBy(label => label.Key, StringComparer.Ordinal).Select(label => $"{label.Key}=\"{label.Value}\"")) + "}";

    /// <summary>A value as text that tells apart what differs in any bit, but for the many kinds of NaN, which no query API shows.</summary>
    public static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>Reads a value as Prometheus writes it.</summary>
    public static double Parse(string text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        _ => double.Parse(text, CultureInfo.InvariantCulture),
    };

    /// <summary>Adds a sample.</summary>
    /// <param name="series">By <see cref="Key"/>.</param>
    /// <param name="timestampMs">Since 1970.</param>
    /// <param name="value">By <see cref="Text"/>, or a native histogram as JSON.</param>
    public void Add(string series, long timestampMs, string value)
    {
        if (!TryGetValue(series, out SortedDictionary<long, string>? samples))
        {
            this[series] = samples = [];
        }

        // A store that returned a sample twice would be found out here.
        samples.Add(timestampMs, value);
    }

    /// <summary>The samples whose values are such; series without any are left out.</summary>
    public StoredSeries Where(Func<string, bool> isWanted)
    {
        StoredSeries wanted = [];
        foreach ((string series, SortedDictionary<long, string> samples) in this)
        {
            foreach ((long timestampMs, string value) in samples.Where(sample => isWanted(sample.Value)))
            {
                wanted.Add(series, timestampMs, value);
            }
        }

        return wanted;
    }

    /// <summary>All series but those of one metric; null leaves none out.</summary>
    public StoredSeries Without(string? metric)
    {
        StoredSeries rest = [];
        foreach ((string series, SortedDictionary<long, string> samples) in this)
        {
            if (metric is null || !series.Contains($"__name__=\"{metric}\"", StringComparison.Ordinal))
            {
                rest[series] = samples;
            }
        }

        return rest;
    }

    /// <summary>A line for each sample, in order, for comparison in one assertion whose message shows the first difference.</summary>
    public string ToText() => string.Join('\n', this.SelectMany(series => series.Value.Select(sample => $"{series.Key} {sample.Value} @{sample.Key}")));
}
