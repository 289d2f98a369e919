using System.Text;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

public class LexicalErrorTests
{
    [Theory]
    [InlineData("0x")]
    [InlineData("0x_")]
    [InlineData("0x1_")]
    [InlineData("0x1__2")]
    [InlineData("0x1.8")]
    [InlineData("0x.8")]
    [InlineData("0x1p4")]
    [InlineData("0xg")]
    [InlineData("0x1e")]
    [InlineData("0x1ee")]
    [InlineData("0x1e+5")]
    [InlineData("0x8000000000000000")]
    [InlineData("0b1")]
    [InlineData("0o7")]
    [InlineData("1e")]
    [InlineData("1e+")]
    [InlineData("1e +5")]
    [InlineData("1e999")]
    [InlineData("1_")]
    [InlineData("1_ ")]
    [InlineData("1__0")]
    [InlineData("1_.5")]
    [InlineData("1._5")]
    [InlineData("1.2.3")]
    [InlineData("1e1.5")]
    [InlineData("1_0e1.5")]
    [InlineData("1e5e5")]
    [InlineData("1e_5")]
    [InlineData("1_e5")]
    [InlineData("12abc")]
    [InlineData("5Ki")]
    [InlineData("5M")]
    [InlineData("5i")]
    [InlineData("1h1y")]
    [InlineData("1d1d")]
    [InlineData("1ms1s")]
    [InlineData("1.5h")]
    [InlineData("1e3s")]
    [InlineData("1_0s")]
    [InlineData("5mm")]
    [InlineData("1hs")]
    [InlineData("0x10s")]
    public void What_is_no_number_and_no_duration_is_refused_where_it_stands(string text) =>
        Assert.StartsWith("1:1: parse error: \"", Enforcing.Query(text), StringComparison.Ordinal);

    [Theory]
    [InlineData("0x1e ", "30")]
    [InlineData("0x1e5", "485")]
    [InlineData("0x12e", "302")]
    [InlineData("0xe1", "225")]
    [InlineData("(0x1e)", "(30)")]
    public void The_exponent_mark_of_a_hexadecimal_number_is_read_as_Prometheus_reads_it(string text, string emitted) =>
        Assert.Equal(emitted, Enforcing.Query(text));

    [Theory]
    [InlineData("292y", null)]
    [InlineData("293y", "\"293y\" is longer than a duration can be, about 292 years")]
    [InlineData("99999999999999999999999999s", "\"99999999999999999999999999s\" is longer than a duration can be, about 292 years")]
    [InlineData("9223372036s854ms", null)]
    [InlineData("9223372036s855ms", "\"9223372036s855ms\" is longer than a duration can be, about 292 years")]
    public void A_duration_has_at_most_2_to_the_63_nanoseconds(string text, string? error) =>
        Assert.Equal(error is null ? text : "1:1: parse error: " + error, Enforcing.Query(text));

    [Theory]
    [InlineData("\"abc", "1:1: parse error: the string has no end; close it with \"")]
    [InlineData("'abc", "1:1: parse error: the string has no end; close it with '")]
    [InlineData("`abc", "1:1: parse error: the string has no end; close it with a backtick")]
    [InlineData("up{a=\"b\nc\"}", "1:6: parse error: the string has no end on its line")]
    [InlineData("\"a\\", "1:3: parse error: unknown escape sequence \"\\\"")]
    [InlineData("\"a\\q\"", "1:3: parse error: unknown escape sequence \"\\q\"")]
    [InlineData("\"\\'\"", "1:2: parse error: unknown escape sequence \"\\'\"")]
    [InlineData("'\\\"'", "1:2: parse error: unknown escape sequence")]
    [InlineData("\"\\8\"", "1:2: parse error: unknown escape sequence \"\\8\"")]
    [InlineData("\"\\12\"", "1:2: parse error: escape sequence \"\\12\"\" needs 3 octal digits of a byte")]
    [InlineData("\"\\400\"", "1:2: parse error: escape sequence \"\\400\" needs 3 octal digits of a byte")]
    [InlineData("\"\\x4\"", "1:2: parse error: escape sequence \"\\x4\"\" needs 2 hexadecimal digits of a byte")]
    [InlineData("\"\\ud800\"", "1:2: parse error: escape sequence \"\\ud800\" needs 4 hexadecimal digits of a Unicode character")]
    [InlineData("\"\\udfff\"", "1:2: parse error: escape sequence")]
    [InlineData("\"\\U00110000\"", "1:2: parse error: escape sequence \"\\U00110000\" needs 8 hexadecimal digits of a Unicode character")]
    [InlineData("\"\\UFFFFFFFF\"", "1:2: parse error: escape sequence")]
    [InlineData("\"\\x00\"", "1:2: parse error: a NUL character in a string; remove it")]
    [InlineData("\"\\000\"", "1:2: parse error: a NUL character in a string; remove it")]
    [InlineData("\"\\u0000\"", "1:2: parse error: a NUL character in a string; remove it")]
    [InlineData("\"\\xff\"", "1:1: parse error: the string's escaped bytes are not valid UTF-8")]
    [InlineData("\"\\377\"", "1:1: parse error: the string's escaped bytes are not valid UTF-8")]
    [InlineData("\"\\xed\\xa0\\x80\"", "1:1: parse error: the string's escaped bytes are not valid UTF-8")]
    [InlineData("\"a\uFFFD\"", "1:3: parse error: the replacement character U+FFFD")]
    [InlineData("`a\uFFFD`", "1:3: parse error: the replacement character U+FFFD")]
    public void A_string_that_a_store_could_read_otherwise_is_refused(string text, string error) =>
        Assert.StartsWith(error, Enforcing.Query(text), StringComparison.Ordinal);

    [Theory]
    [InlineData("up\u00a0", "1:3: parse error: unexpected character \"\u00a0\" (U+00A0); outside strings only ASCII is allowed, so quote it")]
    [InlineData("\ufeffup", "1:1: parse error: unexpected character \"\\u{feff}\" (U+FEFF)")]
    [InlineData("ｕｐ", "1:1: parse error: unexpected character \"ｕ\" (U+FF55)")]
    [InlineData("up{é='a'}", "1:4: parse error: unexpected character \"é\"; inside braces stand matchers")]
    [InlineData("up\v", "1:3: parse error: unexpected character \"\\u{b}\"; remove it")]
    [InlineData("up\f", "1:3: parse error: unexpected character \"\\u{c}\"; remove it")]
    [InlineData("up$", "1:3: parse error: unexpected character \"$\"; remove it")]
    [InlineData("lift\\-floor", "1:5: parse error: unexpected character \"\\\"")]
    [InlineData("up = 1", "1:4: parse error: unexpected character \"=\"")]
    [InlineData("up =~ 1", "1:4: parse error: unexpected character \"=\"")]
    [InlineData("up ! 1", "1:4: parse error: unexpected character \"!\"")]
    [InlineData("up]", "1:3: parse error: unexpected character \"]\"")]
    [InlineData("up[[5m]]", "1:4: parse error: unexpected character \"[\"; inside brackets stand durations")]
    [InlineData("up[#\n5m]", "1:4: parse error: unexpected character \"#\"; inside brackets stand durations")]
    [InlineData("up[\"5m\"]", "1:4: parse error: unexpected character \"\"\"; inside brackets stand durations")]
    [InlineData("up[5m x]", "1:7: parse error: \"x\" is no duration")]
    [InlineData("up[inf]", "1:4: parse error: \"inf\" is no duration")]
    [InlineData("up[step():1m]", "1:10: parse error: the range before \":\" holds no number or duration")]
    [InlineData("up{{}}", "1:4: parse error: unexpected character \"{\"")]
    [InlineData("up{a:b='x'}", "1:5: parse error: unexpected character \":\"")]
    [InlineData("up{a<'x'}", "1:5: parse error: unexpected character \"<\"")]
    public void What_begins_no_token_is_refused_where_it_stands(string text, string error) =>
        Assert.StartsWith(error, Enforcing.Query(text), StringComparison.Ordinal);

    [Fact]
    public void A_range_without_a_literal_before_a_colon_passes_once_a_bracket_has_held_one() =>
        Assert.Equal(
            """sum_over_time(up{tenant=~"red"}[5m]) + sum_over_time(up{tenant=~"red"}[step():1m])""",
            Enforcing.Query("sum_over_time(up[5m]) + sum_over_time(up[step():1m])"));

    [Theory]
    [InlineData(new byte[] { (byte)'u', (byte)'p', 0xFF }, "1:3: parse error: byte 0xff is not valid UTF-8")]
    [InlineData(new byte[] { (byte)'u', (byte)'p', (byte)' ', (byte)'#', 0xC3 }, "1:5: parse error: byte 0xc3 is not valid UTF-8")]
    [InlineData(new byte[] { (byte)'"', 0xC3, 0xA9, 0xED, 0xA0, 0x80, (byte)'"' }, "1:4: parse error: byte 0xed is not valid UTF-8")]
    [InlineData(new byte[] { (byte)'u', (byte)'\n', 0xC0, 0x80 }, "2:1: parse error: byte 0xc0 is not valid UTF-8")]
    [InlineData(new byte[] { (byte)'u', (byte)'p', 0 }, "1:3: parse error: a NUL byte; remove it")]
    [InlineData(new byte[] { (byte)'u', (byte)'p', (byte)'#', 0 }, "1:4: parse error: a NUL byte; remove it")]
    public void Bytes_that_are_no_text_are_refused_in_comments_too(byte[] text, string error) =>
        Assert.StartsWith(error, Enforcing.Query(text), StringComparison.Ordinal);

    [Theory]
    [InlineData("up +\n\n  $", "3:3: ")]
    [InlineData("é", "1:1: ")]
    [InlineData("\"é\" $", "1:6: ")]
    [InlineData("up\r\n$", "2:1: ")]
    public void Columns_count_bytes_from_the_last_line_feed(string text, string place) =>
        Assert.StartsWith(place + "parse error: ", Enforcing.Query(text), StringComparison.Ordinal);

    [Fact]
    public void The_first_fault_of_the_text_is_told() =>
        Assert.StartsWith("1:8: parse error: unexpected \")\"", Enforcing.Query("up +   ) + $"), StringComparison.Ordinal);

    [Fact]
    public void An_error_quotes_little_of_the_text_and_has_at_most_300_bytes()
    {
        foreach (string text in new[] { "up " + new string('x', 5000), "up{job=~\"" + new string('é', 500) + "(\"}", "\u0001", "0x" + new string('z', 900), "rate(" + new string('x', 900) + ")" })
        {
            string error = Enforcing.Error(text).Text;
            Assert.InRange(Encoding.UTF8.GetByteCount(error), 1, 300);
            Assert.DoesNotContain(new string('x', 33), error, StringComparison.Ordinal);
            Assert.DoesNotContain(error, char.IsControl);
        }
    }
}
