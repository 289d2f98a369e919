using System.Globalization;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>The gateway's own metrics at one moment. Taken twice, they tell what a request changed.</summary>
/// <param name="Text">The exposition.</param>
internal sealed record SelfMetrics(string Text)
{
    private readonly Dictionary<string, double> _values = Text.Split('\n')
        .Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => (Line: line, Blank: line.LastIndexOf(' ')))
        .ToDictionary(at => at.Line[..at.Blank], at => double.Parse(at.Line.AsSpan(at.Blank + 1), CultureInfo.InvariantCulture));

    /// <summary>Of one series, written as in the exposition; 0 if it is not there.</summary>
    public double this[string series] => _values.GetValueOrDefault(series);

    public static async Task<SelfMetrics> OfAsync(GatewayHost gateway) =>
        new(await gateway.Management.GetStringAsync("/metrics", TestContext.Current.CancellationToken));

    /// <summary>Over all series of a metric that have these labels.</summary>
    /// <param name="name">The metric's name.</param>
    /// <param name="labels">As in the exposition: <c>kind="sample"</c>.</param>
    public double Sum(string name, params string[] labels) => _values
        .Where(one => one.Key.StartsWith(name + "{", StringComparison.Ordinal)
            && labels.All(label => one.Key.Contains(label, StringComparison.Ordinal)))
        .Sum(one => one.Value);
}
