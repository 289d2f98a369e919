using System.CommandLine;
using RemoteWriteGateway.Catalog.Commands;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy.Commands;

/// <summary>Files that are named on the command line.</summary>
internal static class InputFile
{
    public static Argument<string> Argument(string name, string description) => new(name) { Description = description };

    /// <summary>Loads a policy, or prints what is wrong with it.</summary>
    /// <returns>Null if there is none; the command then ends with <see cref="ExitCode.Invalid"/>.</returns>
    public static async Task<PolicySnapshot?> LoadPolicyAsync(
        string path, Func<IReadOnlyList<ITenantSettingsReader>> readers, Report report, CancellationToken cancellationToken)
    {
        if (await ReadAsync(path, report, cancellationToken) is not { } document)
        {
            return null;
        }

        LoadedPolicy loaded = new PolicyLoader(readers(), directory: null).Load(document);
        if (loaded.Snapshot is null)
        {
            report.Invalid(path, loaded.Faults, fault => fault.In(path));
        }

        return loaded.Snapshot;
    }

    /// <summary>Reads a file of at most a policy's size, or prints why not.</summary>
    public static async Task<PolicyDocument?> ReadAsync(string path, Report report, CancellationToken cancellationToken)
    {
        try
        {
            return await PolicyDocument.ReadAsync(path, cancellationToken);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            report.Invalid($"{path}: cannot be read: {fault.Message}");
            return null;
        }
    }
}
