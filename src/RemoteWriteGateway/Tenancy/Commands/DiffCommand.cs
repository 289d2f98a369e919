using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Catalog.Commands;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy.Commands;

/// <summary><c>rwgateway policy diff old.yaml new.yaml</c>: who gains, who loses; by rules, or by callers that the audit knows.</summary>
internal static class DiffCommand
{
    public static Command Create(Func<IReadOnlyList<ITenantSettingsReader>> readers, Func<WebApplicationBuilder> service)
    {
        Argument<string> old = InputFile.Argument("old", "The policy file before.");
        Argument<string> now = InputFile.Argument("new", "The policy file after.");
        Option<TimeSpan?> callers = CallersOption();
        Option<bool> json = Report.JsonOption();
        Command command = new("diff", "Say who gains and who loses between two policy files.") { old, now, callers, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            Report report = Report.Of(parsed, json);
            if (await InputFile.LoadPolicyAsync(parsed.GetRequiredValue(old), readers, report, cancellationToken) is not { } before
                || await InputFile.LoadPolicyAsync(parsed.GetRequiredValue(now), readers, report, cancellationToken) is not { } after)
            {
                return ExitCode.Invalid;
            }

            return parsed.GetValue(callers) is not { } back
                ? Tell(report, PolicyDiff.Between(before, after))
                : await CatalogSession.RunAsync(
                    service,
                    report,
                    services => ReplayAsync(report, before, after, back, services, cancellationToken),
                    cancellationToken,
                    static services => services.AddSingleton<KnownCallers>());
        });
        return command;
    }

    private static Option<TimeSpan?> CallersOption() => new("--callers")
    {
        Description = $"Tell it for callers known from the catalog's audit of this time, such as {Quantity.DurationExamples}, instead of rules. Groups by which no rule matched them are not known.",
        CustomParser = result =>
        {
            if (Quantity.TryParseDuration(result.Tokens[0].Value, out TimeSpan time) && time > TimeSpan.Zero && time <= KnownCallers.MaxAge)
            {
                return time;
            }

            result.AddError($"--callers: expected a time such as {Quantity.DurationExamples}, at most {Quantity.Show(KnownCallers.MaxAge)}");
            return null;
        },
    };

    private static int Tell(Report report, PolicyDiff diff)
    {
        report.Write(
            new { Gains = diff.Gains.Select(ForScripts), Loses = diff.Loses.Select(ForScripts), diff.Changed },
            diff.IsEmpty
                ? ["no difference in who may do what"]
                : [
                    .. diff.Gains.Select(one => $"gains: {one}"),
                    .. diff.Loses.Select(one => $"loses: {one}"),
                    .. diff.Changed.Select(one => $"changed: {one}"),
                ]);
        return diff.IsEmpty ? ExitCode.Fine : ExitCode.Different;
    }

    private static async Task<int> ReplayAsync(
        Report report, PolicySnapshot before, PolicySnapshot after, TimeSpan back, IServiceProvider services, CancellationToken cancellationToken)
    {
        DateTimeOffset at = services.GetRequiredService<TimeProvider>().GetUtcNow();
        if (await services.GetRequiredService<KnownCallers>().SinceAsync(at - back, cancellationToken) is not { } known)
        {
            return report.Invalid(string.Create(CultureInfo.InvariantCulture, $"--callers: more than {KnownCallers.MaxCallers} callers are known of that time, the limit; shorten it"));
        }

        PolicyReplay replay = PolicyReplay.Between(before, after, known.Select(PolicyReplay.CallerOf), at);
        report.Write(
            new { Callers = known.Length, Gains = replay.Gains.Select(ForScripts), Loses = replay.Loses.Select(ForScripts) },
            [
                .. replay.Gains.Select(one => $"gains: {Show(one)}"),
                .. replay.Loses.Select(one => $"loses: {Show(one)}"),
                string.Create(CultureInfo.InvariantCulture, $"{known.Length} known callers, {(replay.IsEmpty ? "no difference" : "with differences as above")}"),
            ]);
        return replay.IsEmpty ? ExitCode.Fine : ExitCode.Different;
    }

    private static object ForScripts(AccessChange one) => new { one.Rule, one.Who, one.Permission, one.Tenants };

    private static object ForScripts(CallerChange one) => new
    {
        Kind = MatchReader.NameOf(one.Caller.Kind), one.Caller.ObjectId, Name = one.Caller.DisplayName, one.Caller.Client, one.Permission, one.Tenants,
    };

    private static string Show(CallerChange one)
    {
        ImmutableArray<string> tenants = one.Tenants;
        string name = one.Caller.DisplayName is { } display ? $"{display}, " : "";
        return $"{MatchReader.NameOf(one.Caller.Kind)} {one.Caller.ObjectId} ({name}client {one.Caller.Client}): {one.Permission}{(tenants.IsEmpty ? "" : $" on {string.Join(", ", tenants)}")}";
    }
}
