using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary><c>docs/traps.md</c> says which test holds which trap: it must not name one that is not there, nor leave a line out.</summary>
public sealed partial class TrapsDocumentTests
{
    private const int Traps = 24;
    private const int Attacks = 27;
    private const int Escapes = 41;

    [Fact]
    public void Every_test_that_it_names_exists()
    {
        string[] sources = [.. Directory.EnumerateFiles(Path.Combine(Root(), "tests"), "*Tests.cs", SearchOption.AllDirectories).Select(File.ReadAllText)];
        IEnumerable<string> missing = Names().Matches(Document())
            .Where(name => !sources.Any(source =>
                source.Contains($"class {name.Groups["class"].Value}", StringComparison.Ordinal)
                && (!name.Groups["test"].Success || source.Contains($" {name.Groups["test"].Value}(", StringComparison.Ordinal))))
            .Select(name => name.Value);

        Assert.Empty(missing.Distinct());
    }

    [Fact]
    public void Every_trap_and_every_attack_has_a_line()
    {
        string[] tables = Document().Split(["\n## Identity and policy\n", "\n## Reads\n"], StringSplitOptions.None);

        Assert.Equal(Enumerable.Range(1, Traps), Numbers(tables[0]));
        Assert.Equal(Enumerable.Range(1, Attacks), Numbers(tables[1]).Order());
        Assert.Equal(Enumerable.Range(1, Escapes), Numbers(tables[2]).Order());
    }

    /// <summary>The first column of the lines: numbers, and spans of them, <c>3–5, 8–13</c>.</summary>
    private static IEnumerable<int> Numbers(string table) =>
        from line in Lines().Matches(table)
        from part in line.Groups["numbers"].Value.Split(", ")
        let ends = part.Split('–').Select(number => int.Parse(number, CultureInfo.InvariantCulture)).ToArray()
        from number in Enumerable.Range(ends[0], ends[^1] - ends[0] + 1)
        select number;

    private static string Document() => File.ReadAllText(Path.Combine(Root(), "docs", "traps.md"));

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));

    [GeneratedRegex(@"`(?<class>[A-Z]\w+Tests)(\.(?<test>\w+))?`")]
    private static partial Regex Names();

    [GeneratedRegex(@"^\| (?<numbers>[0-9–, ]+) \|", RegexOptions.Multiline)]
    private static partial Regex Lines();
}
