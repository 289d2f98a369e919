namespace RemoteWriteGateway.EndToEnd.Tests.Exposition;

/// <summary>The differences from a Pushgateway that <c>docs/exposition.md</c> lists, each recognised by what is told of it.</summary>
internal static class KnownDifference
{
    // What we refuse and a Pushgateway takes.
    private static readonly string[] OnlyWeRefuse =
    [
        ": series-duplicate: ",
        " is no count of ",
        " must be a whole number below 2^64",
        ": negative count of ",
        "le must be a number, found \"NaN\"",
        "quantile must be a number, found \"NaN\"",
        " is not UTF-8 without U+0000",
        "the text of HELP is not UTF-8",
    ];

    /// <summary>Which of them it is; null if none.</summary>
    public static string? Name(string difference, string body)
    {
        if (difference.StartsWith("only we refuse", StringComparison.Ordinal))
        {
            return OnlyWeRefuse.FirstOrDefault(text => difference.Contains(text, StringComparison.Ordinal));
        }

        bool Tells(string text) => difference.StartsWith("only they refuse", StringComparison.Ordinal) && difference.Contains(text, StringComparison.Ordinal);
        return Tells("unexpected end of input stream") && !body.EndsWith('\n') ? "no last line feed"
            : Tells("") && body.Contains('\r', StringComparison.Ordinal) ? "CRLF"
            : Tells("expected integer as timestamp, got \"\"") ? "blank before a line feed"
            : Tells("unknown metric type") ? "blank behind a type"
            : null;
    }
}
