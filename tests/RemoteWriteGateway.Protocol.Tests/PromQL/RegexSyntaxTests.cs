using System.Text;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

public class RegexSyntaxTests
{
    [Theory]
    [InlineData("", true)]
    [InlineData("a", false)]
    [InlineData("a|", true)]
    [InlineData("|a", true)]
    [InlineData("a||b", true)]
    [InlineData("(a|)", true)]
    [InlineData("()", true)]
    [InlineData("(?:)", true)]
    [InlineData("a*", true)]
    [InlineData("a*b", false)]
    [InlineData("a?b*", true)]
    [InlineData("a+", false)]
    [InlineData("(a*)+", true)]
    [InlineData("a{0}", true)]
    [InlineData("a{0,3}", true)]
    [InlineData("a{1,}", false)]
    [InlineData("(a{0}){5}", true)]
    [InlineData("^", true)]
    [InlineData("$^", true)]
    [InlineData("^*", true)]
    [InlineData("\\A\\z\\B", true)]
    [InlineData("\\b", false)]
    [InlineData("\\b*", true)]
    [InlineData(".", false)]
    [InlineData(".*", true)]
    [InlineData("(?s).*?", true)]
    [InlineData("[]a]", false)]
    [InlineData("[^]a]*", true)]
    [InlineData("[a-]", false)]
    [InlineData("[-a]", false)]
    [InlineData("[[:alpha:][:^digit:]]", false)]
    [InlineData("[[:alpha]", false)]
    [InlineData("[\\d\\pL\\x41-\\x{5A}]", false)]
    [InlineData("\\Qa.b", false)]
    [InlineData("\\Q\\E", true)]
    [InlineData("\\Qa\\E*", true)]
    [InlineData("\\Qab\\E*", false)]
    [InlineData("\\Q", true)]
    [InlineData("a*(?i)*", true)]
    [InlineData("é*", true)]
    [InlineData("aé*", false)]
    [InlineData("(?P<n>a)(?P<n>b)", false)]
    [InlineData("(?<n>a)?", true)]
    [InlineData("(?i-s:a)", false)]
    [InlineData("(?)", true)]
    [InlineData("(?i)", true)]
    [InlineData("a{,5}", false)]
    [InlineData("a{01}", false)]
    [InlineData("a{", false)]
    [InlineData("{", false)]
    [InlineData("a{1", false)]
    [InlineData("\\_\\.\\-\\/", false)]
    [InlineData("\\0\\12\\777", false)]
    [InlineData("]", false)]
    [InlineData("}", false)]
    [InlineData("((a{10}){10}){10}", false)]
    [InlineData("(a{0}){1000}", true)]
    [InlineData("a{1000}?", false)]
    public void A_valid_expression_matches_the_empty_text_or_not(string pattern, bool matchesEmpty)
    {
        RegexVerdict verdict = RegexSyntax.Check(Encoding.UTF8.GetBytes(pattern));
        Assert.Equal(("", matchesEmpty), (verdict.Fault, verdict.MatchesEmpty));
    }

    [Theory]
    [InlineData("(")]
    [InlineData(")")]
    [InlineData("a)(b")]
    [InlineData("(?")]
    [InlineData("(?i")]
    [InlineData("(?-)")]
    [InlineData("(?i-)")]
    [InlineData("(?i--s)")]
    [InlineData("(?x)a")]
    [InlineData("(?=a)")]
    [InlineData("(?!a)")]
    [InlineData("(?<=a)b")]
    [InlineData("(?<!a)b")]
    [InlineData("(?>a)")]
    [InlineData("(?P=n)")]
    [InlineData("(?P<>a)")]
    [InlineData("(?P<a b>a)")]
    [InlineData("(?P<é>a)")]
    [InlineData("(?P<n")]
    [InlineData("*")]
    [InlineData("a|*")]
    [InlineData("(*)")]
    [InlineData("(?i)*")]
    [InlineData("a**")]
    [InlineData("a*+")]
    [InlineData("a*?+")]
    [InlineData("a{1}{2}")]
    [InlineData("a{2,1}")]
    [InlineData("a{1001}")]
    [InlineData("a{0,1001}")]
    [InlineData("a{99999999999999999999}")]
    [InlineData("(a{100}){11}")]
    [InlineData("((a{10}b){10}c){11}")]
    [InlineData("[")]
    [InlineData("[]")]
    [InlineData("[a")]
    [InlineData("[^]")]
    [InlineData("[z-a]")]
    [InlineData("[a-\\d]")]
    [InlineData("[[:foo:]]")]
    [InlineData("[\\")]
    [InlineData("\\")]
    [InlineData("a\\")]
    [InlineData("\\1")]
    [InlineData("\\8")]
    [InlineData("\\q")]
    [InlineData("\\C")]
    [InlineData("\\Z")]
    [InlineData("\\é")]
    [InlineData("[\\b]")]
    [InlineData("\\x")]
    [InlineData("\\x4")]
    [InlineData("\\x{}")]
    [InlineData("\\x{41")]
    [InlineData("\\x{110000}")]
    [InlineData("\\p")]
    [InlineData("\\pX")]
    [InlineData("\\p{}")]
    [InlineData("\\p{Greek")]
    public void What_RE2_does_not_know_is_invalid(string pattern)
    {
        RegexVerdict verdict = RegexSyntax.Check(Encoding.UTF8.GetBytes(pattern));
        Assert.False(verdict.IsValid);
        Assert.False(verdict.IsTooDeep);
        Assert.InRange(verdict.Fault.Length, 10, 200);
    }

    [Theory]
    [InlineData(200, true)]
    [InlineData(201, false)]
    [InlineData(10_000, false)]
    public void Groups_nest_200_deep(int depth, bool isValid)
    {
        RegexVerdict verdict = RegexSyntax.Check(Encoding.UTF8.GetBytes(new string('(', depth) + new string(')', depth)));
        Assert.Equal((isValid, !isValid), (verdict.IsValid, verdict.IsTooDeep));
    }

    /// <summary>The generator knows what it makes; the end-to-end tests ask a real store about the same expressions.</summary>
    [Fact]
    public void Random_expressions_match_the_empty_text_when_their_parts_do()
    {
        Random random = new(4711);
        int matching = 0;
        for (int i = 0; i < 20_000; i++)
        {
            GeneratedPattern pattern = PatternGenerator.Next(random);
            RegexVerdict verdict = RegexSyntax.Check(Encoding.UTF8.GetBytes(pattern.Text));
            Assert.Equal((pattern.Text, "", pattern.MatchesEmpty), (pattern.Text, verdict.Fault, verdict.MatchesEmpty));
            matching += pattern.MatchesEmpty ? 1 : 0;
        }

        Assert.InRange(matching, 2_000, 18_000);
    }

    [Fact]
    public void Random_bytes_are_told_valid_or_not_and_never_throw()
    {
        Random random = new(815);
        const string Alphabet = "ab\\\\|()()[]{}*+?^$.-,:<>=!019PpQEdxé";
        for (int i = 0; i < 50_000; i++)
        {
            string pattern = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => Alphabet[random.Next(Alphabet.Length)]));
            RegexVerdict verdict = RegexSyntax.Check(Encoding.UTF8.GetBytes(pattern));
            Assert.Equal(verdict.IsValid, verdict.Fault.Length == 0);
        }
    }
}
