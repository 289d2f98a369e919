using System.CommandLine;
using RemoteWriteGateway.Catalog.Commands;
using RemoteWriteGateway.Tenancy.Commands;

namespace RemoteWriteGateway.Tenancy;

/// <summary><c>rwgateway policy</c>: looks at policy files, and changes nothing. See <see cref="ExitCode"/>.</summary>
internal static class PolicyCommand
{
    /// <param name="readers">Gives the readers of all features that have keys under <c>tenants</c>; asked when a command runs.</param>
    public static Command Create(Func<IReadOnlyList<ITenantSettingsReader>> readers) => new("policy", "Look at policy files.")
    {
        ValidateCommand.Create(readers),
        ExplainCommand.Create(readers),
        DiffCommand.Create(readers),
        TestCommand.Create(readers),
    };

    /// <summary>Runs what was parsed. A command line that is not understood is invalid input as well.</summary>
    public static async Task<int> InvokeAsync(ParseResult parsed, InvocationConfiguration configuration, CancellationToken cancellationToken)
    {
        int code = await parsed.InvokeAsync(configuration, cancellationToken);
        return parsed.Errors.Count > 0 ? ExitCode.Invalid : code;
    }
}
