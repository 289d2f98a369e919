namespace RemoteWriteGateway.EndToEnd.Tests.PromQL;

/// <summary>A text that is valid on one side only.</summary>
/// <param name="Text">The text.</param>
/// <param name="Here">Whether it is valid here; there it is the other way round.</param>
/// <param name="Guide">What docs/promql.md says of it.</param>
internal sealed record VersionDifference(string Text, bool Here, string Guide)
{
    /// <summary>Against Prometheus 3.5 with all its flags on.</summary>
    public static IReadOnlyList<VersionDifference> All { get; } =
    [
        // Newer than the server.
        new("sum_over_time(up[step()])", true, "`step()`"),
        new("up offset step()", true, "`step()`"),
        new("up[5m + range()]", true, "`range()`"),
        new("up[min_of(5m, 1h)]", true, "`min_of()`"),
        new("up offset max_of(5m, 1h)", true, "`max_of()`"),
        new("up anchored", true, "`anchored`"),
        new("rate(up[5m] smoothed)", true, "`smoothed`"),
        new("up + fill(0) up", true, "`fill(…)`"),
        new("up + on(x) fill_left(0) fill_right(1) up", true, "`fill_left(…)`"),
        new("up </ 1", true, "`</`"),
        new("up >/ 1", true, "`>/`"),
        new("start()", true, "`start`"),
        new("up offset -(5m) + up", true, "`up offset -(5m) + up`"),

        // Stricter on purpose.
        new("\"\\xff\"", false, "bytes that are not UTF-8"),
        new("up{a=\"\\377\"}", false, "bytes that are not UTF-8"),
        new("\"\\x00\"", false, "NUL"),
        new("{\"\"=\"a\",b=\"c\"}", false, "empty label name"),
        new("up offset nan", false, "`offset NaN`"),
        new("up[5m x]", false, "`up[5m x]`"),
        new(new string('(', 250) + "1" + new string(')', 250), false, "200 levels"),
        new($"up{{a=~\"{new string('(', 250)}{new string(')', 250)}\"}}", false, "200 groups"),

        // Left to the store.
        new("up{a=~\"\\\\p{NoSuchScript}\"}", true, "`\\p{…}`"),
    ];
}

/// <summary>Where a mutated text may differ: what <see cref="VersionDifference"/> lists, recognized in any text.</summary>
internal static class KnownDifference
{
    private static readonly string[] Newer =
    [
        " offset -(", " offset +(", " anchored", " smoothed", " fill(", " fill_left(", " fill_right(", " </ ", " >/ ", "start()", "end()", "step()", "range()",
    ];

    public static string? None(Judgement judgement) => null;

    public static string? Find(Judgement judgement)
    {
        string error = judgement.Error.ToString() ?? "";
        if (!judgement.IsValid)
        {
            return error.Contains("escaped bytes are not valid UTF-8", StringComparison.Ordinal) ? "bytes"
                : error.Contains("a NUL", StringComparison.Ordinal) ? "NUL"
                : error.Contains("an empty label name; name a label", StringComparison.Ordinal) ? "empty label"
                : error.Contains("NaN is no duration", StringComparison.Ordinal) ? "offset NaN"
                : error.Contains("is no duration; in brackets", StringComparison.Ordinal) ? "a letter for a colon"
                : null;
        }

        // Words that a mutation has put where only a newer version gives them a meaning, and what a sign and parentheses behind offset take.
        string? newer = Newer.FirstOrDefault(words => judgement.Emitted.Contains(words, StringComparison.Ordinal));
        return newer ?? (judgement.ServerError.Contains("invalid character class range: `\\p{", StringComparison.OrdinalIgnoreCase) ? "class names" : null);
    }
}
