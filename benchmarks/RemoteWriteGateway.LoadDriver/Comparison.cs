using System.Globalization;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>What several rounds say together: medians and ranges, and the ratios of the first contestant to the others.</summary>
internal static class Comparison
{
    /// <summary>Prints a table for each scenario in the reports of a folder.</summary>
    /// <param name="directory">Folder of report files; their names order the rounds.</param>
    /// <param name="ratios">Pairs to set against each other, as <c>scenario/contestant:scenario/contestant</c>, with the budget behind
    /// an equals sign. <c>@process</c> behind a contestant takes another process that was watched in its run.</param>
    /// <param name="output">Receives the tables, as Markdown.</param>
    /// <returns>Whether every ratio was measured and is within its budget.</returns>
    /// <exception cref="InvalidDataException">A file is no report, or a ratio is not written like that.</exception>
    public static bool Print(string directory, IReadOnlyList<string> ratios, TextWriter output)
    {
        string[] files = Directory.GetFiles(directory, "*.json");
        Array.Sort(files, StringComparer.Ordinal);
        Dictionary<string, List<Report>> runs = [];
        foreach (Report report in files.Select(Report.Load))
        {
            string key = $"{report.Scenario}/{report.Contestant}";
            runs[key] = [.. runs.GetValueOrDefault(key, []), report];
        }

        output.WriteLine("| scenario / contestant | rounds | CPU-s per million values | values/s | p50 ms | p99 ms | memory MB |");
        output.WriteLine("|---|---|---|---|---|---|---|");
        foreach ((string key, List<Report> reports) in runs)
        {
            output.WriteLine(
                $"| {key} | {reports.Count} | {Range(reports.Select(run => ProcessOf(run, run.Contestant).CpuSecondsPerMillion), "F3")} | {Range(reports.Select(run => run.Rate), "N0")} | "
                + $"{Range(reports.Select(run => run.Result.Latency.P50), "F2")} | {Range(reports.Select(run => run.Result.Latency.P99), "F2")} | "
                + $"{Range(reports.Select(run => ProcessOf(run, run.Contestant).ResidentBytes / 1e6), "F0")} |");
        }

        output.WriteLine();
        output.WriteLine("| ratio of CPU per value | of the medians | of the rounds | budget | |");
        output.WriteLine("|---|---|---|---|---|");
        bool isWithin = true;
        foreach (string ratio in ratios)
        {
            isWithin &= PrintRatio(ratio, runs, output);
        }

        return isWithin;
    }

    private static bool PrintRatio(string ratio, Dictionary<string, List<Report>> runs, TextWriter output)
    {
        string[] sides = ratio.Split(':', '=');
        if (sides is not [string first, string second, string budgetText])
        {
            throw new InvalidDataException($"a ratio is written as scenario/contestant:scenario/contestant=budget, not {ratio}");
        }

        double[] mine = CpuOfSide(first, runs);
        double[] theirs = CpuOfSide(second, runs);
        if (mine.Length == 0 || theirs.Length == 0)
        {
            output.WriteLine($"| {first} : {second} | not run | | {budgetText} | |");
            return false;
        }

        double budget = double.Parse(budgetText, CultureInfo.InvariantCulture);
        double ofMedians = Median(mine) / Median(theirs);
        double[] ofRounds = [.. mine.Zip(theirs, (a, b) => a / b)];
        bool isWithin = ofMedians <= budget;
        output.WriteLine($"| {first} : {second} | {ofMedians:F2} | {ofRounds.Min():F2} to {ofRounds.Max():F2} | {budgetText} | "
            + $"{(isWithin ? "within" : "OVER")} |");
        return isWithin;
    }

    /// <summary>CPU per value in each round of one side of a ratio; empty if it was not run.</summary>
    private static double[] CpuOfSide(string side, Dictionary<string, List<Report>> runs)
    {
        string[] parts = side.Split('@');
        return [.. runs.GetValueOrDefault(parts[0], []).Select(run => ProcessOf(run, parts.Length > 1 ? parts[1] : run.Contestant).CpuSecondsPerMillion)];
    }

    /// <summary>What one process used in a run; the contestant's own is called by the contestant's name.</summary>
    private static ProcessReport ProcessOf(Report report, string name) => report.Processes.TryGetValue(name, out ProcessReport? process)
        ? process
        : throw new InvalidDataException($"the run of {report.Contestant} in {report.Scenario} watched no process called {name}");

    private static string Range(IEnumerable<double> values, string format)
    {
        double[] sorted = [.. values.Order()];
        string Text(double value) => value.ToString(format, CultureInfo.InvariantCulture);
        return sorted.Length == 1 ? Text(sorted[0]) : $"{Text(Median(sorted))} ({Text(sorted[0])} to {Text(sorted[^1])})";
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
