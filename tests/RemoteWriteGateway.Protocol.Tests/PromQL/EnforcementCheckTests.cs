using System.Text;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>The second reading finds every way in which what was written could differ from what was asked.</summary>
public class EnforcementCheckTests
{
    private const string Asked = "SUM BY (job) (rate(up{a='b',c=~\"d\"}[5m] offset 1h)) / on('x y') default + 0x10 == bool vector(2) or {'n'} @ end() or label_replace(a, 'p', 'q', '', '')";

    [Fact]
    public void What_was_written_passes() => Assert.Null(Difference(Asked, Enforcing.Emit(Asked, Enforcing.Red)));

    [Theory]
    [InlineData("sum by", "avg by")]
    [InlineData("by (job)", "without (job)")]
    [InlineData("by (job)", "by (job, le)")]
    [InlineData("by (job)", "by (jab)")]
    [InlineData("by (job)", "by ()")]
    [InlineData("rate(", "increase(")]
    [InlineData("[5m]", "[6m]")]
    [InlineData("[5m]", "[300]")]
    [InlineData("[5m]", "[5m:]")]
    [InlineData("offset 1h", "offset -1h")]
    [InlineData(" offset 1h", "")]
    [InlineData("on (\"x y\")", "ignoring (\"x y\")")]
    [InlineData("on (\"x y\")", "on (\"x\", y)")]
    [InlineData("on (\"x y\") ", "")]
    [InlineData(" / ", " * ")]
    [InlineData(" + 16", " + 17")]
    [InlineData(" + 16", " - 16")]
    [InlineData(" + 16", "")]
    [InlineData("bool ", "")]
    [InlineData("vector(2)", "(vector(2))")]
    [InlineData("vector(2)", "vector(+2)")]
    [InlineData("end()", "start()")]
    [InlineData("\"q\"", "\"r\"")]
    [InlineData("\"q\"", "'q'")]
    [InlineData("\"q\"", "`q`")]
    [InlineData("\"q\", ", "")]
    [InlineData("up{a=\"b\",", "up{a=\"c\",")]
    [InlineData("up{a=\"b\",", "up{a!=\"b\",")]
    [InlineData("up{a=\"b\",", "up{")]
    [InlineData("up{a=\"b\",", "up{a=\"b\",a=\"b\",")]
    [InlineData("up{a=\"b\",c=~\"d\"", "up{c=~\"d\",a=\"b\"")]
    [InlineData("up{", "down{")]
    [InlineData("up{", "{__name__=\"down\",")]
    [InlineData("up{", "{__name__=~\"up\",")]
    [InlineData("__name__=\"default\"", "__name__=\"other\"")]
    [InlineData("__name__=\"n\",", "n=\"\",")]
    [InlineData("c=~\"d\",tenant=~\"red\"", "tenant=~\"red\",c=~\"d\"")]
    [InlineData("c=~\"d\",tenant=~\"red\"", "c=~\"d\"")]
    [InlineData("c=~\"d\",tenant=~\"red\"", "c=~\"d\",tenant=~\"blue\"")]
    [InlineData("c=~\"d\",tenant=~\"red\"", "c=~\"d\",tenant=\"red\"")]
    [InlineData("c=~\"d\",tenant=~\"red\"", "c=~\"d\",tenant=~\"red|\"")]
    [InlineData("c=~\"d\",tenant=~\"red\"", "c=~\"d\",'tenant'=~\"red\"")]
    [InlineData("c=~\"d\",tenant=~\"red\"", "c=~\"d\",tenant=~\"red\",tenant=~\"red\"")]
    [InlineData("c=~\"d\",tenant=~\"red\"", "c=~\"d\",tenant=~\"red\",")]
    [InlineData("c=~\"d\",tenant=~\"red\"", "c=~\"d\",tenant=~\"red\",\"x\"")]
    [InlineData("a{tenant=~\"red\"}", "a")]
    [InlineData("a{tenant=~\"red\"}", "a{}")]
    [InlineData("a{tenant=~\"red\"}", "a{tenant=~\"red\"} + b{tenant=~\"red\"}")]
    [InlineData(" == ", "  == ")]
    [InlineData(" == ", "\n== ")]
    [InlineData(" == ", " == # x\n")]
    [InlineData("up{", "up {", false)]
    [InlineData("sum by", "(")]
    [InlineData("rate(", "rate(\"")]
    public void Whatever_else_was_written_does_not(string written, string corrupted, bool isFound = true)
    {
        string emitted = Enforcing.Emit(Asked, Enforcing.Red);
        Assert.Contains(written, emitted, StringComparison.Ordinal);
        int place = emitted.IndexOf(written, StringComparison.Ordinal);
        string? difference = Difference(Asked, emitted[..place] + corrupted + emitted[(place + written.Length)..]);
        Assert.Equal(isFound, difference is not null);
        Assert.DoesNotContain("red", difference ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void A_store_that_keeps_tenants_apart_by_itself_gets_no_matcher_and_any_would_be_found()
    {
        Assert.Null(Difference(Asked, Enforcing.Emit(Asked, null), enforce: false));
        Assert.NotNull(Difference(Asked, Enforcing.Emit(Asked, Enforcing.Red), enforce: false));
        Assert.NotNull(Difference(Asked, Enforcing.Emit(Asked, null)));
    }

    [Fact]
    public void Every_byte_that_is_lost_or_changed_changes_nothing_or_is_found()
    {
        byte[] emitted = Encoding.UTF8.GetBytes(Enforcing.Emit(Asked, Enforcing.Red));
        int found = 0;
        for (int i = 0; i < emitted.Length; i++)
        {
            foreach (byte other in (byte[])[(byte)'x', (byte)' ', (byte)'"', (byte)'1'])
            {
                byte[] corrupted = [.. emitted];
                corrupted[i] = other;
                found += Difference(Asked, Encoding.UTF8.GetString(corrupted)) is not null ? 1 : other == emitted[i] ? 0 : throw new InvalidOperationException($"byte {i} became {(char)other}");
            }

            string without = Encoding.UTF8.GetString([.. emitted[..i], .. emitted[(i + 1)..]]);
            Assert.True(Difference(Asked, without) is not null || emitted[i] == ' ', without);
        }

        Assert.InRange(found, emitted.Length * 3, emitted.Length * 4);
    }

    private static string? Difference(string asked, string emitted, bool enforce = true)
    {
        byte[] text = Encoding.UTF8.GetBytes(asked);
        ParsedQuery query = new();
        Assert.True(PromQLParser.TryParse(text, PromQLEntry.Query, ParseOptions.Default, query), query.Error.ToString());
        return EnforcementCheck.FindDifference(text, query, Encoding.UTF8.GetBytes(emitted), enforce ? Enforcing.Red : null, ParseOptions.Default, new ParsedQuery());
    }
}
