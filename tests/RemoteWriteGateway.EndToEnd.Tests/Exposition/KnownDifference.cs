namespace RemoteWriteGateway.EndToEnd.Tests.Exposition;

/// <summary>The differences from a Pushgateway that <c>docs/exposition.md</c> lists, each recognised by what is told of it.</summary>
internal static class KnownDifference
{
    // What we refuse and a Pushgateway takes: the end of our text.
    private static readonly string[] OnlyWeRefuse =
    [
        "is no count of",
        "must be a whole number below 2^64",
        "negative count of",
        "is given twice with the same labels",
        "twice",
        "U+0000",
    ];

    // What a Pushgateway refuses and we take: its text.
    private static readonly string[] OnlyTheyRefuse =
    [
        "unexpected end of input stream",
        "expected integer as timestamp, got \"\"",
        "unknown metric type",
    ];

    public static bool Explains(string difference, string body) => difference switch
    {
        _ when difference.StartsWith("only we refuse", StringComparison.Ordinal) => OnlyWeRefuse.Any(text => difference.Contains(text, StringComparison.Ordinal)),
        _ when difference.StartsWith("only they refuse", StringComparison.Ordinal) =>
            OnlyTheyRefuse.Any(text => difference.Contains(text, StringComparison.Ordinal)) || body.Contains('\r', StringComparison.Ordinal),
        _ => false,
    };
}
