using System.Collections.Immutable;
using System.CommandLine;
using RemoteWriteGateway.Catalog.Commands;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy.Commands;

/// <summary><c>rwgateway policy test policy.yaml payments.policytest.yaml</c>.</summary>
internal static class TestCommand
{
    public static Command Create(Func<IReadOnlyList<ITenantSettingsReader>> readers)
    {
        Argument<string> file = InputFile.Argument("policy", "The policy file.");
        Argument<string> cases = InputFile.Argument("cases", "The file of test cases.");
        Option<bool> json = Report.JsonOption();
        Command command = new("test", "Check a policy file by cases that say who may do what.") { file, cases, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            Report report = Report.Of(parsed, json);
            if (await InputFile.LoadPolicyAsync(parsed.GetRequiredValue(file), readers, report, cancellationToken) is not { } policy
                || await InputFile.ReadAsync(parsed.GetRequiredValue(cases), report, cancellationToken) is not { } document)
            {
                return ExitCode.Invalid;
            }

            FaultList faults = new();
            ImmutableArray<TestCase> all = PolicyCases.Read(document.Bytes.Span, TimeProvider.System.GetUtcNow(), faults);
            return faults.IsEmpty ? Run(report, policy, all) : report.Invalid(document.FileName, faults.Ordered, fault => fault.In(document.FileName));
        });
        return command;
    }

    private static int Run(Report report, PolicySnapshot policy, ImmutableArray<TestCase> cases)
    {
        CasesResult result = PolicyCases.Run(policy, cases, PolicyTrace.DefaultMaxTenantsPerRead);
        report.Write(
            result,
            [
                .. result.Failed.Select(one => $"failed: {one.Name}: expected {one.Expected}, got {one.Actual}"),
                $"{result.Passed} passed, {result.Failed.Length} failed",
            ]);
        return result.Failed.IsEmpty ? ExitCode.Fine : ExitCode.Different;
    }
}
