using System.CommandLine;
using RemoteWriteGateway.Catalog.Commands;

namespace RemoteWriteGateway.Tenancy.Commands;

/// <summary><c>rwgateway policy diff old.yaml new.yaml</c>: who gains, who loses.</summary>
internal static class DiffCommand
{
    public static Command Create(Func<IReadOnlyList<ITenantSettingsReader>> readers)
    {
        Argument<string> old = InputFile.Argument("old", "The policy file before.");
        Argument<string> now = InputFile.Argument("new", "The policy file after.");
        Option<bool> json = Report.JsonOption();
        Command command = new("diff", "Say who gains and who loses between two policy files.") { old, now, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            Report report = Report.Of(parsed, json);
            if (await InputFile.LoadPolicyAsync(parsed.GetRequiredValue(old), readers, report, cancellationToken) is not { } before
                || await InputFile.LoadPolicyAsync(parsed.GetRequiredValue(now), readers, report, cancellationToken) is not { } after)
            {
                return ExitCode.Invalid;
            }

            PolicyDiff diff = PolicyDiff.Between(before, after);
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
        });
        return command;
    }

    private static object ForScripts(AccessChange one) => new { one.Rule, one.Who, one.Permission, one.Tenants };
}
