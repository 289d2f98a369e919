using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Tests.Deployment;

/// <summary>Files of the repository, by their paths from its root.</summary>
internal static class RepositoryFile
{
    public static string PathOf(string relative, [CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", relative)); // Not null: a file of ours has a folder.

    public static string Read(string relative) => File.ReadAllText(PathOf(relative));
}
