using System.CommandLine;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>The command <c>load</c>: one run, watched from outside, told as text and saved as JSON.</summary>
internal static class LoadCommand
{
    private static readonly Option<Uri?> Url = UrlOption.Create("--url", "Where the bodies go.", required: true);
    private static readonly Option<DirectoryInfo> Corpus = new("--corpus") { Required = true, Description = "Folder of the recorded bodies." };
    private static readonly Option<string> Group = new("--group") { Description = "Which bodies, as prom2k.rw1.", DefaultValueFactory = _ => "prom2k.rw1" };
    private static readonly Option<FileInfo?> TokenFile = new("--token-file") { Description = "File that holds a bearer token." };
    private static readonly Option<string[]> Headers = new("--header") { Description = "One more header line, Name: value.", DefaultValueFactory = _ => [] };
    private static readonly Option<int> Connections = new("--connections") { Description = "Requests on their way at once.", DefaultValueFactory = _ => 8 };
    private static readonly Option<double?> Rate = new("--rate") { Description = "Samples a second of an open loop; without it the loop is closed." };
    private static readonly Option<double> Seconds = new("--seconds") { Description = "How long to measure.", DefaultValueFactory = _ => 10 };
    private static readonly Option<double> WarmUp = new("--warm-up") { Description = "Seconds to send before measuring.", DefaultValueFactory = _ => 3 };
    private static readonly Option<double> HoursAgo = new("--hours-ago")
    {
        Description = "With --restamp: when the first sample is to be from. A closed loop sends hours in seconds, and stores refuse what is to come.",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<bool> Restamp = new("--restamp")
    {
        Description = "Give the samples new times, so that a real store takes them; needs --connections 1.",
    };
    private static readonly Option<string[]> Processes = new("--process") { Description = "A process to watch, name=id. May be repeated.", DefaultValueFactory = _ => [] };
    private static readonly Option<bool> Settle = new("--settle") { Description = "Count a process's CPU until it is idle: for those that queue." };
    private static readonly Option<Uri?> Pending =
        UrlOption.Create("--pending-metrics", "vmagent's metrics page; its queue must be empty to settle.", required: false);
    private static readonly Option<string> Scenario = new("--scenario") { Description = "Name of what is done.", DefaultValueFactory = _ => "load" };
    private static readonly Option<string> Contestant = new("--contestant") { Description = "Name of what it is done to.", DefaultValueFactory = _ => "target" };
    private static readonly Option<FileInfo?> Json = new("--json") { Description = "Where to save the report." };

    public static Command Create()
    {
        Command command = new("load", "Replays recorded bodies against a URL.")
        {
            Url, Corpus, Group, TokenFile, Headers, Connections, Rate, Seconds, WarmUp, Restamp, HoursAgo, Processes, Settle, Pending, Scenario, Contestant, Json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(Restamp) && result.GetValue(Connections) != 1)
            {
                result.AddError("--restamp needs --connections 1: over several the samples of a series would overtake each other");
            }
        });
        command.SetAction(RunAsync);
        return command;
    }

    /// <summary>0 if every request was answered 2xx, else 1.</summary>
    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string? token = parsed.GetValue(TokenFile) is FileInfo file ? (await File.ReadAllTextAsync(file.FullName, cancellationToken)).Trim() : null;
        Uri url = parsed.GetRequiredValue(Url)!; // Not null: a required option whose parser gave null is an error before this runs.
        string group = parsed.GetRequiredValue(Group);
        IReadOnlyList<RecordedBody> bodies = RecordedBody.ReadGroup(
            parsed.GetRequiredValue(Corpus).FullName, group, url, token, parsed.GetRequiredValue(Headers));
        Dictionary<string, int> processes = parsed.GetRequiredValue(Processes)
            .Select(text => text.Split('='))
            .ToDictionary(pair => pair[0], pair => int.Parse(pair[1]));
        long? firstTime = parsed.GetValue(Restamp) ? DateTimeOffset.UtcNow.AddHours(-parsed.GetValue(HoursAgo)).ToUnixTimeMilliseconds() : null;
        Replay replay = new(bodies, url, parsed.GetRequiredValue(Connections), parsed.GetValue(Rate), firstTime);

        async Task SettleAsync()
        {
            foreach (int id in processes.Values.Where(_ => parsed.GetValue(Settle)))
            {
                await Settling.WaitAsync(id, parsed.GetValue(Pending), cancellationToken);
            }
        }

        replay.Run(TimeSpan.FromSeconds(parsed.GetRequiredValue(WarmUp)));
        await SettleAsync();
        Dictionary<string, ProcessUsage> before = processes.ToDictionary(pair => pair.Key, pair => ProcessUsage.Read(pair.Value));
        ReplayResult result = replay.Run(TimeSpan.FromSeconds(parsed.GetRequiredValue(Seconds)));
        await SettleAsync();

        Report report = new(
            parsed.GetRequiredValue(Scenario),
            parsed.GetRequiredValue(Contestant),
            group,
            parsed.GetRequiredValue(Connections),
            parsed.GetValue(Rate),
            result.Values / result.Seconds,
            result,
            processes.ToDictionary(pair => pair.Key, pair => Used(before[pair.Key], ProcessUsage.Read(pair.Value), result.Values)));
        Console.Write(report.ToText());
        if (parsed.GetValue(Json) is FileInfo json)
        {
            report.Save(json.FullName);
        }

        return result.FirstError is null ? 0 : 1;
    }

    private static ProcessReport Used(ProcessUsage before, ProcessUsage after, long values)
    {
        double seconds = after.CpuSeconds - before.CpuSeconds;
        return new ProcessReport(seconds, seconds * 1e6 / values, after.ResidentBytes);
    }
}
