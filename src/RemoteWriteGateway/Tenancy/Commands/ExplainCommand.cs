using System.Collections.Immutable;
using System.CommandLine;
using System.CommandLine.Parsing;
using RemoteWriteGateway.Catalog.Commands;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy.Commands;

/// <summary><c>rwgateway policy explain policy.yaml --claims token-claims.json --permission metrics:write --tenant payments</c>.</summary>
internal static class ExplainCommand
{
    public static Command Create(Func<IReadOnlyList<ITenantSettingsReader>> readers)
    {
        Argument<string> file = InputFile.Argument("policy", "The policy file.");
        Option<string> claims = new("--claims") { Required = true, Description = "File with the claims of a token: the JSON of its middle part." };
        Option<string> permission = new("--permission") { Required = true, Description = "For example metrics:write." };
        permission.AcceptOnlyFromAmong([.. Permissions.All]);
        Option<string[]> tenant = new("--tenant") { Description = "A tenant that the request names; several times for a read of several." };
        Option<DateTimeOffset> at = new("--at")
        {
            Description = "When, for example 2027-01-31T00:00:00Z; now if left out.",
            DefaultValueFactory = _ => TimeProvider.System.GetUtcNow(),
            CustomParser = ParseTime,
        };
        Option<bool> json = Report.JsonOption();
        Command command = new("explain", "Say what a caller may do, and why.") { file, claims, permission, tenant, at, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            Report report = Report.Of(parsed, json);
            if (await InputFile.LoadPolicyAsync(parsed.GetRequiredValue(file), readers, report, cancellationToken) is not { } policy
                || await InputFile.ReadAsync(parsed.GetRequiredValue(claims), report, cancellationToken) is not { } token)
            {
                return ExitCode.Invalid;
            }

            string wanted = parsed.GetRequiredValue(permission);
            ImmutableArray<string> requested = [.. parsed.GetValue(tenant) ?? []];
            if (Permissions.IsGatewayPermission(wanted) && !requested.IsEmpty)
            {
                return report.Invalid($"--tenant: {wanted} is about the gateway and not about tenants; leave it out");
            }

            DateTimeOffset now = parsed.GetValue(at);
            if (GivenClaims.Read(token.Bytes.Span, policy.Directory, now, out string fault) is not { } caller)
            {
                return report.Invalid($"{token.FileName}: {fault}");
            }

            Explain(report, policy, caller, wanted, requested, now);
            return ExitCode.Fine;
        });
        return command;
    }

    private static DateTimeOffset ParseTime(ArgumentResult argument)
    {
        string text = argument.Tokens[0].Value;
        if (!Instant.TryParse(text, out DateTimeOffset time))
        {
            argument.AddError($"--at: \"{text}\" is not {Instant.Example}");
        }

        return time;
    }

    private static void Explain(
        Report report, PolicySnapshot policy, Caller caller, string permission, ImmutableArray<string> requested, DateTimeOffset now)
    {
        PolicyTrace trace = PolicyTrace.Of(policy, caller, permission, requested, now, PolicyTrace.DefaultMaxTenantsPerRead);
        ImmutableArray<string> tenants = [.. trace.Decision.Tenants.Select(one => one.Name)];
        report.Write(
            Explanation.Of(trace, policy),
            [
                "bindings",
                .. ForPeople(trace.Bindings),
                "revocations",
                $"  {(trace.Revocation is null ? "none" : Show(trace.Revocation))}",
                "denials",
                .. ForPeople(trace.Denials),
                "tenants",
                $"  granted: {List(trace.Granted.Select(one => one.Name))}",
                $"  requested: {List(requested)}",
                trace.Decision.Reason is { } reason
                    ? $"refused: {reason}"
                    : $"allowed: {permission}{(tenants.IsEmpty ? "" : $" on {List(tenants)}")} by {List(trace.Decision.Bindings)}",
            ]);
    }

    private static IEnumerable<string> ForPeople(ImmutableArray<RuleTrace> rules) =>
        rules.IsEmpty
            ? ["  none"]
            : rules.Select(rule =>
                $"  {rule.Id}{(rule.As is { } kind ? $" (as {MatchReader.NameOf(kind)})" : "")}: {(rule.Matched ? "matched" : $"{RuleItem.NameOf(rule.Failed)}: {rule.Why}")}");

    private static string Show(Revocation revocation) =>
        $"{RevocationsReader.NameOf(revocation.Kind)} {revocation.Value}: {revocation.Reason}";

    private static string List(IEnumerable<string> names) => string.Join(", ", names) is { Length: > 0 } list ? list : "none";
}
