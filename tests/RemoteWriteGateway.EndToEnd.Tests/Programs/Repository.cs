using System.Reflection;

namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>Where things stand that the tests start: our own programs as they were built, and the real ones.</summary>
internal static class Repository
{
    public static readonly string Root = Metadata("RepositoryRoot");

    /// <summary>The gateway's executable, of the same build configuration as the tests.</summary>
    public static string Gateway => Built("RemoteWriteGateway", "rwgateway");

    /// <summary>The gateway that kills itself at a named step.</summary>
    public static string FaultHost => Built("RemoteWriteGateway.FaultHost", "RemoteWriteGateway.FaultHost", "tests");

    /// <summary>The emulator's executable.</summary>
    public static string Emulator => Built("EntraEmulator", "EntraEmulator");

    /// <summary>The path of a file or folder, given from the repository's root.</summary>
    public static string PathOf(string relative) => Path.Combine(Root, relative);

    /// <summary>The path of a real program: from its environment variable, else from what <c>scripts/get-peers.sh</c> found.</summary>
    /// <param name="variable">For example <c>RWGATEWAY_PROMETHEUS</c>.</param>
    /// <param name="title">What to call it when it is missing.</param>
    /// <exception cref="FileNotFoundException">It is not there; the text says how to get it.</exception>
    public static string RealProgram(string variable, string title)
    {
        string found = Path.Combine(Root, ".cache", "peers", "peers.env");
        string? path = Environment.GetEnvironmentVariable(variable)
            ?? (File.Exists(found) ? File.ReadLines(found).FirstOrDefault(line => line.StartsWith(variable + "=", StringComparison.Ordinal)) : null)
                ?[(variable.Length + 1)..];
        return path is not null && Path.Exists(path)
            ? path
            : throw new FileNotFoundException(
                $"{title} is missing ({path ?? "unknown path"}): run scripts/get-peers.sh, or name its executable in {variable}. "
                + "These tests run against the real program only.");
    }

    private static string Built(string project, string executable, string folder = "src")
    {
        string path = Path.Combine(Root, folder, project, "bin", Metadata("BuildConfiguration"), "net10.0", executable);
        return File.Exists(path) ? path : throw new FileNotFoundException($"{path} is missing: build the solution");
    }

    private static string Metadata(string key) => typeof(Repository).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(attribute => attribute.Key == key)
        .Value!; // Not null: the project file gives both a value.
}
