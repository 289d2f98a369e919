namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>A regular expression and whether it matches the empty text, by the way it was put together.</summary>
internal sealed record GeneratedPattern(string Text, bool MatchesEmpty);

/// <summary>Makes valid regular expressions of RE2.</summary>
internal static class PatternGenerator
{
    private const int MaxDepth = 3;

    public static GeneratedPattern Next(Random random) => Alternatives(random, 0);

    private static GeneratedPattern Alternatives(Random random, int depth)
    {
        GeneratedPattern[] alternatives = [.. Enumerable.Range(0, random.Next(3) == 0 ? 2 : 1).Select(_ => Sequence(random, depth))];
        return new GeneratedPattern(string.Join('|', alternatives.Select(one => one.Text)), alternatives.Any(one => one.MatchesEmpty));
    }

    private static GeneratedPattern Sequence(Random random, int depth)
    {
        GeneratedPattern[] parts = [.. Enumerable.Range(0, random.Next(4)).Select(_ => Repeated(random, depth))];
        return new GeneratedPattern(string.Concat(parts.Select(one => one.Text)), parts.All(one => one.MatchesEmpty));
    }

    private static GeneratedPattern Repeated(Random random, int depth)
    {
        GeneratedPattern part = Part(random, depth);
        (string repeat, bool mayBeAbsent) = random.Next(12) switch
        {
            0 => ("*", true),
            1 => ("+", false),
            2 => ("?", true),
            3 => ("*?", true),
            4 => ("{0,2}", true),
            5 => ("{2}", false),
            6 => ("{1,}?", false),
            7 => ("{0}", true),
            _ => ("", false),
        };
        return new GeneratedPattern(part.Text + repeat, part.MatchesEmpty || mayBeAbsent);
    }

    private static GeneratedPattern Part(Random random, int depth)
    {
        if (depth < MaxDepth && random.Next(3) == 0)
        {
            GeneratedPattern inner = Alternatives(random, depth + 1);
            string open = random.Next(5) switch { 0 => "(?:", 1 => "(?i:", 2 => "(?P<n>", 3 => "(?<m>", _ => "(" };
            return inner with { Text = open + inner.Text + ")" };
        }

        string[] characters = ["a", "é", ".", "[b-d]", "[^]x]", "[[:digit:]_]", "\\d", "\\.", "\\x41", "\\x{1F600}", "\\pL", "\\p{Greek}", "\\075", "]", "}", "\\b"];
        string[] positions = ["^", "$", "\\A", "\\z", "\\B", "(?:)"];
        bool isPosition = random.Next(5) == 0;
        return new GeneratedPattern(isPosition ? positions[random.Next(positions.Length)] : characters[random.Next(characters.Length)], isPosition);
    }
}
