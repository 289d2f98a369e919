using System.Collections.Immutable;
using System.CommandLine;
using RemoteWriteGateway.Catalog.Commands;

namespace RemoteWriteGateway.Tenancy.Commands;

/// <summary><c>rwgateway policy validate policy.yaml</c>: everything that is wrong with it.</summary>
internal static class ValidateCommand
{
    public static Command Create(Func<IReadOnlyList<ITenantSettingsReader>> readers)
    {
        Argument<string> file = InputFile.Argument("policy", "The policy file.");
        Option<bool> json = Report.JsonOption();
        Command command = new("validate", "Say everything that is wrong with a policy file.") { file, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            Report report = Report.Of(parsed, json);
            string path = parsed.GetRequiredValue(file);
            if (await InputFile.LoadPolicyAsync(path, readers, report, cancellationToken) is not { } policy)
            {
                return ExitCode.Invalid;
            }

            (int tenants, int bindings, int denials) = (policy.Tenants.Length, policy.Bindings.Length, policy.Denials.Length);
            ImmutableArray<string> warnings = PolicyWarnings.Of(policy, TimeProvider.System.GetUtcNow());
            report.Write(
                new { valid = true, version = policy.Version, tenants, bindings, denials, warnings },
                [
                    $"{path} is valid: version {policy.Version}, tenants {tenants}, bindings {bindings}, denials {denials}",
                    .. warnings.Select(warning => $"warning: {warning}"),
                ]);
            return ExitCode.Fine;
        });
        return command;
    }
}
