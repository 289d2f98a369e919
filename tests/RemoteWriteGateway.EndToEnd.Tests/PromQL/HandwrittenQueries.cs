using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.PromQL;

/// <summary>Texts, valid and not, that somebody thought of: <c>handwritten.promql</c>, one a line, and those that have lines of their own.</summary>
internal static class HandwrittenQueries
{
    private static readonly string[] WithControlCharacters =
    [
        "", " ", "\t\r\n", "up #\r+ down", "up #\n+ down", "up # a\r\n", "up{\na=\"b\" # }\n}", "up{a=\"b\" #}\r}", "up[\n5m\r]", "up[5m#\n:1m]", "up[#\n5m]",
        "`a\nb`", "`a\rb`", "`a\tb`", "\"a\nb\"", "\"a\rb\"", "\"a\tb\"", "'a\u0001\u007fb'", "up\u000b", "up\u000c", "up\u00a0", "\u00a0up", "\ufeffup", "up\0", "\0",
        "up{é=\"a\"}", "up{\"é\"=\"a\"}", "up{a=\"é\"}", "é", "{\"é\"}", "ｕｐ", "up # é", "\"\uFFFD\"", "`\uFFFD`", "up{a=\"\uFFFE\"}", "\"\U0001F600\"", "\U0001F600",
        "sum by (é) (up)", "sum by (\"é\") (up)", "up\u2028", "up\u200b", "1\u0660", "up{a=~\"é+\"}", "up{a=~\"[à-ÿ]\"}", "up{a=~\"[ÿ-à]\"}",
    ];

    public static IReadOnlyList<string> All { get; } =
    [
        .. File.ReadAllLines(Path.Combine(Repository.Root, "tests", "RemoteWriteGateway.EndToEnd.Tests", "PromQL", "handwritten.promql")),
        .. WithControlCharacters,
    ];
}
