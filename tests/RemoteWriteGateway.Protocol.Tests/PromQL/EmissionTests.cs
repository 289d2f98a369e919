namespace RemoteWriteGateway.Protocol.Tests.PromQL;

public class EmissionTests
{
    [Theory]
    [InlineData("up", """up{tenant=~"red"}""")]
    [InlineData("up{}", """up{tenant=~"red"}""")]
    [InlineData("up{job='api',}", """up{job="api",tenant=~"red"}""")]
    [InlineData("http:requests:rate5m", """http:requests:rate5m{tenant=~"red"}""")]
    [InlineData("{'up'}", """{__name__="up",tenant=~"red"}""")]
    [InlineData("{job='a', \"up\"}", """{job="a",__name__="up",tenant=~"red"}""")]
    [InlineData("{__name__=~'a|b'}", """{__name__=~"a|b",tenant=~"red"}""")]
    [InlineData("up{job='a',job='b',job='a'}", """up{job="a",job="b",job="a",tenant=~"red"}""")]
    [InlineData("up{\"zone.id\"=\"b\",'plain'!='c'}", """up{"zone.id"="b",plain!="c",tenant=~"red"}""")]
    [InlineData("up{on='a',by='b',sum='c'}", """up{on="a",by="b",sum="c",tenant=~"red"}""")]
    public void Every_selector_gets_the_tenant_matcher_as_its_last_one(string text, string emitted) =>
        Assert.Equal(emitted, Enforcing.Query(text));

    [Theory]
    [InlineData("SUM BY(job)(up)", "sum by (job) (up{T})")]
    [InlineData("sum(up)BY(job,)", "sum(up{T}) by (job)")]
    [InlineData("sum(sum(up)by(a))+1", "sum(sum(up{T}) by (a)) + 1")]
    [InlineData("sum WITHOUT()(up)", "sum without () (up{T})")]
    [InlineData("count by (On, 'without', \"inf\", 'a b', a:b, 'NaN', \"x\") (up)", "count by (On, \"without\", \"inf\", \"a b\", \"a:b\", \"NaN\", x) (up{T})")]
    [InlineData("topk(1,up)", "topk(1, up{T})")]
    [InlineData("Count_Values('v',up)", "count_values(\"v\", up{T})")]
    [InlineData("a+b*c", "a{T} + b{T} * c{T}")]
    [InlineData("a AND b OR c UNLESS d ATAN2 e", "a{T} and b{T} or c{T} unless d{T} atan2 e{T}")]
    [InlineData("a==BOOL 1", "a{T} == bool 1")]
    [InlineData("a*ON(x)GROUP_LEFT(y)b", "a{T} * on (x) group_left (y) b{T}")]
    [InlineData("a*ignoring(x)group_right b", "a{T} * ignoring (x) group_right b{T}")]
    [InlineData("a+fill ( -1 )b", "a{T} + fill(-1) b{T}")]
    [InlineData("a+on(x)fill_right(0)fill_left(1)b", "a{T} + on (x) fill_right(0) fill_left(1) b{T}")]
    [InlineData("a</1", "a{T} </ 1")]
    [InlineData("-a^-+-b", "-a{T} ^ -+-b{T}")]
    [InlineData("( ( a ) )", "((a{T}))")]
    public void Operators_and_keywords_have_one_spelling(string text, string emitted) => Assert.Equal(With(emitted), Enforcing.Query(text));

    [Theory]
    [InlineData("rate(a[5m])", "rate(a{T}[5m])")]
    [InlineData("a [ 5m ] OFFSET - 1h @ END ( )", "a{T}[5m] offset -1h @ end()")]
    [InlineData("a@1.5 offset 0x10", "a{T} @ 1.5 offset 16")]
    [InlineData("a[ 1h : ]", "a{T}[1h:]")]
    [InlineData("a[1h:5m] @ start()", "a{T}[1h:5m] @ start()")]
    [InlineData("a[1h*2+(3m-STEP())%min_of(1m,Range())]", "a{T}[1h * 2 + (3m - step()) % min_of(1m, range())]")]
    [InlineData("a offset(5m)+3m", "a{T} offset (5m) + 3m")]
    [InlineData("a offset-(5m)+b", "a{T} offset -(5m) + b{T}")]
    [InlineData("a anchored offset 5m", "a{T} anchored offset 5m")]
    [InlineData("rate(a[5m]Smoothed)", "rate(a{T}[5m] smoothed)")]
    [InlineData("time ( )", "time()")]
    [InlineData("start()+end()-step()*range()", "start() + end() - step() * range()")]
    [InlineData("label_replace(a,'b',`c`,\"d\",'')", "label_replace(a{T}, \"b\", \"c\", \"d\", \"\")")]
    public void Functions_durations_and_modifiers_have_one_spelling(string text, string emitted) => Assert.Equal(With(emitted), Enforcing.Query(text));

    [Theory]
    [InlineData("0", "0")]
    [InlineData("00", "0")]
    [InlineData("017", "15")]
    [InlineData("08", "8")]
    [InlineData("0_8", "8")]
    [InlineData("007e1", "7e1")]
    [InlineData("00.50", "0.50")]
    [InlineData("0x1F", "31")]
    [InlineData("0X_ff", "255")]
    [InlineData("0x7fffffffffffffff", "9223372036854775807")]
    [InlineData("0777777777777777777777", "9223372036854775807")]
    [InlineData("07777777777777777777777", "7777777777777777777777")]
    [InlineData("1_000.5_5e1_0", "1000.55e10")]
    [InlineData("5.", "5.")]
    [InlineData(".5", ".5")]
    [InlineData("1E+3", "1E+3")]
    [InlineData("INF", "Inf")]
    [InlineData("nan", "NaN")]
    [InlineData("-inf", "-Inf")]
    [InlineData("1h30m", "1h30m")]
    public void Numbers_are_decimal(string text, string emitted) => Assert.Equal(emitted, Enforcing.Query(text));

    [Theory]
    [InlineData("'it\\'s \"x\"'", "\"it's \\\"x\\\"\"")]
    [InlineData("`a\\b\"c`", "\"a\\\\b\\\"c\"")]
    [InlineData("`a\nb\tc\rd`", "\"a\\nb\\tc\\rd\"")]
    [InlineData("\"\\a\\b\\f\\n\\r\\t\\v\\\\\"", "\"\\x07\\x08\\x0c\\n\\r\\t\\x0b\\\\\"")]
    [InlineData("\"\\x41\\101\\u0041\\U00000041\"", "\"AAAA\"")]
    [InlineData("\"\\xc3\\xa9\\303\\251\"", "\"éé\"")]
    [InlineData("\"é日本😀\"", "\"é日本😀\"")]
    [InlineData("\"\u0001\u007f\"", "\"\\x01\\x7f\"")]
    [InlineData("\"\\ufffd\"", "\"\\ufffd\"")]
    [InlineData("\"\\xef\\xbf\\xbc\"", "\"\uFFFC\"")]
    [InlineData("''", "\"\"")]
    [InlineData("``", "\"\"")]
    public void Strings_are_in_double_quotes_and_keep_their_value(string text, string emitted) => Assert.Equal(emitted, Enforcing.Query(text));

    [Theory]
    [InlineData("a#comment\rb#\n", "1:11: parse error: ")]
    [InlineData("a # up{}\n + # \"\n b #", "a{T} + b{T}")]
    [InlineData("a{ # }\n job='x' # ,\r}", "a{job=\"x\",T}")]
    [InlineData("a[5m # :1m\n]", "a{T}[5m]")]
    [InlineData("sum#x\n(#y\na#z\n)#", "sum(a{T})")]
    public void Comments_end_at_either_line_end_and_are_gone(string text, string emitted) => Assert.StartsWith(With(emitted), Enforcing.Query(text), StringComparison.Ordinal);

    [Fact]
    public void The_example_of_the_guide_comes_out_as_written_there() => Assert.Equal(
        """sum(rate({__name__="lift_floor","zone.id"=~"b\\d",tenant=~"red"}[600] offset 15)) / on ("without") {__name__="default",tenant=~"red"}""",
        Enforcing.Query("""SUM(rate({'lift_floor', "zone.id"=~`b\d`,}[0x258] Offset 017)) / on("without") default  # peak"""));

    [Theory]
    [InlineData("up + sum", """up{} + {__name__="sum"}""")]
    [InlineData("rate(up{job='a'}[5m])", """rate(up{job="a"}[5m])""")]
    [InlineData("1 + 1", "1 + 1")]
    public void Without_a_matcher_the_text_is_canonical_all_the_same(string text, string emitted) => Assert.Equal(emitted, Enforcing.Canonical(text));

    // T in braces stands for the tenant matcher.
    private static string With(string emitted) => emitted
        .Replace("{T}", "{tenant=~\"red\"}", StringComparison.Ordinal)
        .Replace(",T}", ",tenant=~\"red\"}", StringComparison.Ordinal);
}
