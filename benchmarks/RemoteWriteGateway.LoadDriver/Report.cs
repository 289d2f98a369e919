using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>One run of the load driver, as it is written to a file and compared with others.</summary>
/// <param name="Scenario">What was done; only runs of the same scenario are compared.</param>
/// <param name="Contestant">What it was done to.</param>
/// <param name="Group">The bodies.</param>
/// <param name="Connections">Requests on their way at once, at most.</param>
/// <param name="TargetRate">Values a second that were asked for, null in a closed loop.</param>
/// <param name="Rate">Values a second that were written.</param>
/// <param name="Result">Latencies and answers.</param>
/// <param name="Processes">What the watched processes used meanwhile, by name.</param>
internal sealed record Report(
    string Scenario,
    string Contestant,
    string Group,
    int Connections,
    double? TargetRate,
    double Rate,
    ReplayResult Result,
    IReadOnlyDictionary<string, ProcessReport> Processes)
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public void Save(string file) => File.WriteAllText(file, JsonSerializer.Serialize(this, Json));

    /// <exception cref="InvalidDataException">The file holds no report.</exception>
    public static Report Load(string file) =>
        JsonSerializer.Deserialize<Report>(File.ReadAllText(file), Json) ?? throw new InvalidDataException($"{file} holds no report");

    public string ToText()
    {
        StringBuilder text = new();
        CultureInfo culture = CultureInfo.InvariantCulture;
        string loop = TargetRate is double target ? $"open loop at {target:N0}/s" : "closed loop";
        text.AppendLine(culture, $"{Scenario}, {Contestant}: {Group}, {Connections} connections, {loop}, {Result.Seconds:F1} s");
        text.AppendLine(culture, $"  values written  {Result.Values:N0}, {Rate:N0}/s");
        text.AppendLine(culture, $"  answers         {string.Join(", ", Result.Answers.Select(answer => $"{answer.Value} x {answer.Key}"))}");
        text.AppendLine(culture, $"  latency ms      p50 {Result.Latency.P50:F2}  p90 {Result.Latency.P90:F2}  p99 {Result.Latency.P99:F2}"
            + $"  p99.9 {Result.Latency.P999:F2}  max {Result.Latency.Max:F2}");
        foreach ((string name, ProcessReport process) in Processes)
        {
            text.AppendLine(culture, $"  {name,-14}  {process.CpuSecondsPerMillion:F3} CPU-s per million values, {process.CpuSeconds:F2} CPU-s, "
                + $"{process.ResidentBytes / 1e6:F0} MB");
        }

        if (Result.FirstError is not null)
        {
            text.AppendLine(culture, $"  first error     {Result.FirstError}");
        }

        return text.ToString();
    }
}

/// <summary>What one process used during a run.</summary>
/// <param name="CpuSeconds">User and system time.</param>
/// <param name="CpuSecondsPerMillion">The same for each million samples and native histograms written.</param>
/// <param name="ResidentBytes">Memory it held at the end.</param>
internal sealed record ProcessReport(double CpuSeconds, double CpuSecondsPerMillion, long ResidentBytes);
