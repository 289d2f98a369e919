using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace RemoteWriteGateway.Tests;

/// <summary>Which way the folders of the service lean. The compiler cannot tell: they are one assembly.</summary>
public sealed partial class DependencyTests
{
    // Neighbours in one place do not use each other.
    private static readonly string[][] Order =
    [
        ["Ingest", "Push", "Query", "Admin"], ["Forwarding"], ["Queue"], ["Tenancy"], ["Identity"], ["Audit"], ["Catalog"], ["Http"],
    ];

    private static string Source => Path.Combine(Root(), "src", "RemoteWriteGateway");

    [Fact]
    public void A_folder_uses_only_what_stands_to_its_right()
    {
        List<string> strays = [];
        foreach ((string folder, string file) in Files())
        {
            int place = PlaceOf(folder);
            foreach (Match match in Usings().Matches(File.ReadAllText(file)))
            {
                string used = match.Groups["folder"].Value;
                if (used != folder && used != "Protocol" && PlaceOf(used) <= place)
                {
                    strays.Add($"{file}: {folder} must not use {used}");
                }
            }
        }

        Assert.Empty(strays);
    }

    [Fact]
    public void A_files_namespace_is_its_folder()
    {
        IEnumerable<string> strays = Files()
            .Where(one => Namespace().Match(File.ReadAllText(one.File)).Groups["name"].Value != NamespaceOf(one.File))
            .Select(one => one.File);

        Assert.Empty(strays);
    }

    [Fact]
    public void The_protocol_knows_nothing_of_the_service()
    {
        IEnumerable<string> strays = Directory
            .EnumerateFiles(Path.Combine(Root(), "src", "RemoteWriteGateway.Protocol"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Where(file => Foreign().IsMatch(File.ReadAllText(file)));

        Assert.Empty(strays);
    }

    [Fact]
    public void Nothing_of_ours_is_a_global_using() =>
        Assert.DoesNotContain(Files(), one => File.ReadAllText(one.File).Contains("global using RemoteWriteGateway", StringComparison.Ordinal));

    private static IEnumerable<(string Folder, string File)> Files() =>
        from folder in Directory.EnumerateDirectories(Source)
        let name = Path.GetFileName(folder)
        where name is not ("bin" or "obj" or "Properties")
        from file in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
        select (name, file);

    private static int PlaceOf(string folder)
    {
        int place = Array.FindIndex(Order, names => names.Contains(folder));
        Assert.True(place >= 0, $"{folder} has no place in the order of folders");
        return place;
    }

    private static string NamespaceOf(string file) =>
        "RemoteWriteGateway." + Path.GetRelativePath(Source, Path.GetDirectoryName(file)!).Replace(Path.DirectorySeparatorChar, '.');

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", ".."));

    [GeneratedRegex(@"^using (static )?RemoteWriteGateway\.(?<folder>[A-Za-z]+)", RegexOptions.Multiline)]
    private static partial Regex Usings();

    [GeneratedRegex(@"^namespace (?<name>[A-Za-z.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^using (Microsoft\.|System\.IO(?!\.Hashing)|System\.Net)|DateTime(Offset)?\.(Utc)?Now|ILogger", RegexOptions.Multiline)]
    private static partial Regex Foreign();
}
