using System.Text;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

public class TenantMatcherTests
{
    [Theory]
    [InlineData(new[] { "red" }, "tenant=~\"red\"")]
    [InlineData(new[] { "red", "blue", "red" }, "tenant=~\"blue|red\"")]
    [InlineData(new[] { "r.d" }, "tenant=~\"r\\\\.d\"")]
    [InlineData(new[] { "a+b*c?(d)[e]{f}^g$h\\i" }, "tenant=~\"a\\\\+b\\\\*c\\\\?\\\\(d\\\\)\\\\[e\\\\]\\\\{f\\\\}\\\\^g\\\\$h\\\\\\\\i\"")]
    [InlineData(new[] { "a b#c-d" }, "tenant=~\"a b#c-d\"")]
    [InlineData(new[] { "é" }, "tenant=~\"é\"")]
    [InlineData(new[] { "b", "B", "a", "_" }, "tenant=~\"B|_|a|b\"")]
    public void Ids_are_sorted_and_quoted_for_RE2(string[] ids, string matcher) =>
        Assert.Equal(matcher, new TenantMatcher("tenant", ids).ToString());

    [Theory]
    [InlineData("red")]
    [InlineData("r.d")]
    [InlineData("redwood")]
    [InlineData("R")]
    [InlineData("a\\b")]
    public void The_pattern_matches_the_id_and_nothing_else(string id)
    {
        string pattern = "^(?:" + new TenantMatcher("tenant", [id]).Pattern + ")\\z";
        foreach (string other in new[] { "red", "r.d", "rxd", "redwood", "R", "a\\b", "", "red|blue" })
        {
            Assert.Equal(other == id, System.Text.RegularExpressions.Regex.IsMatch(other, pattern));
        }

        RegexVerdict verdict = RegexSyntax.Check(Encoding.UTF8.GetBytes(new TenantMatcher("tenant", [id]).Pattern));
        Assert.Equal((true, false), (verdict.IsValid, verdict.MatchesEmpty));
    }

    [Theory]
    [InlineData("red", "tenant=\"red\"")]
    [InlineData("r.d", "tenant=\"r.d\"")]
    [InlineData("a\\b", "tenant=\"a\\\\b\"")]
    public void By_equality_the_id_stands_as_it_is(string id, string matcher) =>
        Assert.Equal(matcher, TenantMatcher.Equality("tenant", id).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("a|b")]
    [InlineData("a\"b")]
    [InlineData("a'b")]
    [InlineData("a`b")]
    [InlineData("a\nb")]
    [InlineData("a\0b")]
    [InlineData("a\uFFFDb")]
    [InlineData("\ud800")]
    public void An_id_that_could_mean_more_than_one_tenant_is_a_bug(string id) =>
        Assert.ThrowsAny<ArgumentException>(() => new TenantMatcher("tenant", ["red", id]));

    [Theory]
    [InlineData("")]
    [InlineData("__name__")]
    [InlineData("1a")]
    [InlineData("a-b")]
    [InlineData("a:b")]
    [InlineData("é")]
    [InlineData("by")]
    [InlineData("SUM")]
    [InlineData("start")]
    public void A_label_that_could_be_read_otherwise_is_a_bug(string label) =>
        Assert.Throws<ArgumentException>(() => new TenantMatcher(label, ["red"]));

    [Fact]
    public void A_matcher_of_no_tenant_is_a_bug() => Assert.Throws<ArgumentException>(() => new TenantMatcher("tenant", []));

    [Fact]
    public void A_selector_of_the_tenants_alone_is_the_matcher_in_braces() =>
        Assert.Equal("{tenant_id=~\"blue|red\"}", new TenantMatcher("tenant_id", ["red", "blue"]).Selector());
}
