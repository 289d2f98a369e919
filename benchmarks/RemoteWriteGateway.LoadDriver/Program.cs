using System.CommandLine;
using RemoteWriteGateway.LoadDriver;

RootCommand root = new("Replays recorded remote write bodies, answers them as a sink, compares runs, and reads beside a store.")
{
    LoadCommand.Create(),
    ReadCommand.Create(),
    SinkCommand(),
    CompareCommand(),
};
return await root.Parse(args).InvokeAsync();

static Command SinkCommand()
{
    Option<Uri?> url = UrlOption.Create("--url", "Where to listen, as http://127.0.0.1:9999.", required: true);
    Command command = new("sink", "Listens as a store that keeps nothing; GET /stats tells what has come.") { url };
    // Not null: a required option whose parser gave null is an error before this runs.
    command.SetAction((parsed, cancellationToken) => Sink.RunAsync(parsed.GetRequiredValue(url)!, cancellationToken));
    return command;
}

static Command CompareCommand()
{
    Argument<DirectoryInfo> directory = new("directory") { Description = "Folder of the reports that load has saved." };
    Option<string[]> ratios = new("--ratio")
    {
        Description = "What to set against what, with the budget: scenario/contestant:scenario/contestant=0.45. May be repeated.",
        DefaultValueFactory = _ => [],
    };
    Command command = new("compare", "Prints medians, ranges and ratios of saved reports; exit code 1 if a ratio is over its budget.") { directory, ratios };
    command.SetAction(parsed =>
        Comparison.Print(parsed.GetRequiredValue(directory).FullName, parsed.GetRequiredValue(ratios), Console.Out) ? 0 : 1);
    return command;
}
