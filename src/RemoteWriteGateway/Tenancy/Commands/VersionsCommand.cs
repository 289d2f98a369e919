using System.Collections.Immutable;
using System.CommandLine;
using RemoteWriteGateway.Audit.Commands;
using RemoteWriteGateway.Catalog.Commands;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy.Commands;

/// <summary><c>rwgateway policy versions</c>: which policy was in force where and when, and what it said.</summary>
internal static class VersionsCommand
{
    private const int DefaultLimit = 100;
    private const int MaxLimit = 10_000;

    public static Command Create(Func<WebApplicationBuilder> service)
    {
        Argument<string?> version = new("version") { Description = "Print this version's document instead.", Arity = ArgumentArity.ZeroOrOne };
        Option<int> limit = new("--limit") { Description = $"How many at most, up to {MaxLimit}.", DefaultValueFactory = _ => DefaultLimit };
        limit.Validators.Add(result =>
        {
            if (result.GetValue(limit) is < 1 or > MaxLimit)
            {
                result.AddError($"--limit: from 1 to {MaxLimit}");
            }
        });
        Option<bool> json = Report.JsonOption();
        Command command = new("versions", "List the policies that were in force, newest first, from the catalog.") { version, limit, json };
        command.SetAction((parsed, cancellationToken) =>
        {
            Report report = Report.Of(parsed, json);
            return CatalogSession.RunAsync(
                service,
                report,
                services =>
                {
                    PolicyVersionStore store = services.GetRequiredService<PolicyVersionStore>();
                    return parsed.GetValue(version) is { } wanted
                        ? PrintAsync(store, wanted, report, cancellationToken)
                        : ListAsync(store, parsed.GetValue(limit), report, cancellationToken);
                },
                cancellationToken,
                static services => services.AddSingleton<PolicyVersionStore>());
        });
        return command;
    }

    private static async Task<int> ListAsync(PolicyVersionStore store, int limit, Report report, CancellationToken cancellationToken)
    {
        ImmutableArray<PolicyPeriod> found = await store.ListAsync(null, limit + 1, cancellationToken);
        bool isMore = found.Length > limit;
        ImmutableArray<PolicyPeriod> items = isMore ? found[..limit] : found;
        report.Write(
            new { items, more = isMore },
            [
                .. items.IsEmpty
                    ? ["the catalog knows of no policy"]
                    : TextTable.Lines([["version", "replica", "from", "to"], .. items.Select(Row)]),
                .. isMore ? (string[])["there are more: --limit tells more at once"] : [],
            ]);
        return ExitCode.Fine;
    }

    private static async Task<int> PrintAsync(PolicyVersionStore store, string version, Report report, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(version, cancellationToken) is not { } found)
        {
            return report.Invalid($"the catalog has no policy of version {version}");
        }

        report.Write(new { found.Version, found.Document, found.LoadedAt }, found.Document.Split('\n').Select(line => line.TrimEnd('\r')));
        return ExitCode.Fine;
    }

    private static string[] Row(PolicyPeriod period) =>
        [period.Version, period.Replica, Instant.Show(period.From), period.To is { } to ? Instant.Show(to) : ""];
}
