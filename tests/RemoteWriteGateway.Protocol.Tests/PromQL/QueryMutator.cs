using System.Text;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>Changes valid texts a little.</summary>
/// <param name="random">Seeded by the test.</param>
/// <param name="withNewest">As for <see cref="QueryGenerator"/>.</param>
/// <param name="functions">Functions to generate with; all of them if nothing is said.</param>
internal sealed class QueryMutator(Random random, bool withNewest, IReadOnlyList<PromQLFunction>? functions = null)
{
    private static readonly string[] Pieces =
    [
        "(", ")", "{", "}", "[", "]", ",", ":", "\"", "'", "`", "\\", "#", "\n", "\r", " ", "=", "=~", "!=", "!~", "==", "<", ">=", "+", "-", "*", "/", "%", "^", "@",
        "1", "0x", "1e", "5m", "1h", ".", "_", "up", "sum", "by", "without", "on", "ignoring", "group_left", "offset", "bool", "and", "or", "atan2", "start()", "end()",
        "inf", "__name__", "rate", "rate(up[5m])", "{a=\"b\"}", "[5m]", "[5m:1m]", "offset 5m", "@ 1", "\"x\"", "'y'", "`z`", "tenant", "é", "\t", "--", "(((", "*/", "{}",
    ];

    private static readonly string[] NewestPieces = ["step()", "range()", "min_of(1m,2m)", "fill(0)", "fill_left", "anchored", "smoothed", "</", ">/", "\\x00", "\0", "\uFFFD"];

    private readonly QueryGenerator _generator = new(random, functions ?? [.. PromQLFunctions.All.Where(function => !function.IsLegacy)], withNewest);
    private readonly string[] _pieces = withNewest ? [.. Pieces, .. NewestPieces] : Pieces;

    public byte[] Next()
    {
        StringBuilder text = new(_generator.Next().Text);
        for (int i = random.Next(1, 3); i > 0; i--)
        {
            int at = random.Next(text.Length + 1);
            int length = Math.Min(random.Next(1, 5), text.Length - at);
            switch (random.Next(6))
            {
                case 0:
                    text.Remove(at, length);
                    break;
                case 1:
                    text.Insert(at, text.ToString(at, length));
                    break;
                case 2 when at < text.Length:
                    text[at] = char.IsAsciiLetterLower(text[at]) ? char.ToUpperInvariant(text[at]) : char.ToLowerInvariant(text[at]);
                    break;
                case 3:
                    string cut = text.ToString(at, length);
                    text.Remove(at, length).Insert(random.Next(text.Length + 1), cut);
                    break;
                case 4:
                    text.Remove(at, length).Insert(at, _pieces[random.Next(_pieces.Length)]);
                    break;
                default:
                    text.Insert(at, _pieces[random.Next(_pieces.Length)]);
                    break;
            }
        }

        byte[] utf8 = Encoding.UTF8.GetBytes(text.ToString());
        if (withNewest && utf8.Length > 0 && random.Next(10) == 0)
        {
            utf8[random.Next(utf8.Length)] = (byte)random.Next(256);
        }

        return utf8;
    }
}
