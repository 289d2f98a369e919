using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>Selectors that the gateway answers itself.</summary>
public class LabelSelectorTests
{
    [Theory]
    [InlineData("{job=\"a\"}", "job=a", true)]
    [InlineData("{job=\"a\"}", "job=b", false)]
    [InlineData("{job=~\".+\", job!=\"a\"}", "job=b", true)]
    [InlineData("{job='a', instance=\"\"}", "job=a", true)]
    [InlineData("{job='a', instance=\"\"}", "job=a,instance=x", false)]
    [InlineData("{\"job\"=\"a\",}", "job=a", true)]
    [InlineData("{\"my label\"=\"a\"}", "my label=a", true)]
    [InlineData("{job=\"a\\\"b\"}", "job=a\"b", true)]
    [InlineData("{job=~\"night.*\"}", "job=nightly", true)]
    [InlineData("{job=~\"night\"}", "job=nightly", false)]
    [InlineData("{job=~\"light|dark\"}", "job=darkly", false)]
    [InlineData("{job=~\"a.b\"}", "job=a\nb", true)]
    [InlineData("{job=~\"a$\"}", "job=a\n", false)]
    [InlineData("{job=~\"\\\\d+\"}", "job=12", true)]
    [InlineData("{job=~\"\\\\d+\"}", "job=١٢", false)]
    [InlineData("{job=~\"\\\\w+\"}", "job=é", false)]
    [InlineData("{job=~\"[[a]+\"}", "job=[a[", true)]
    [InlineData("{job=~\"[a-z-[aeiou]+\"}", "job=a-[", true)]
    [InlineData("{job=~\"[]a]+\"}", "job=]a", true)]
    [InlineData("{job=~\"[^]a]+\"}", "job=b", true)]
    [InlineData("{job=~\"(?i)NIGHT\"}", "job=night", true)]
    [InlineData("{job=~\"(?P<n>a)(?<m>b)\"}", "job=ab", true)]
    [InlineData("{job=~\"a{2,3}\"}", "job=aaa", true)]
    [InlineData("{job=~\"\\\\x61\"}", "job=a", true)]
    [InlineData("{job!~\"a.*\", job!=\"\"}", "job=b", true)]
    [InlineData("{job!~\"a.*\", job=~\".+\"}", "job=ab", false)]
    [InlineData("{job=~\"x #y\"}", "job=x #y", true)]
    public void Matchers_are_anchored_and_an_absent_label_is_empty(string selector, string labels, bool expected)
    {
        Assert.True(LabelSelector.TryRead(selector, out LabelSelector? read, out string fault), fault);
        Assert.Equal(expected, read!.Matches(Labels(labels))); // not null: it was read
    }

    /// <summary>No store runs them: what they cost is the gateway's.</summary>
    [Theory]
    [InlineData("=~")]
    [InlineData("!~")]
    public void A_regular_expression_has_a_limit_and_a_plain_value_has_none(string comparison)
    {
        string longest = new('a', LabelSelector.MaxPatternLength);
        Assert.True(LabelSelector.TryRead($"{{x=\"\", job{comparison}\"{longest}\", job!=\"\"}}", out _, out string fault), fault);

        Assert.False(LabelSelector.TryRead($"{{x=\"\", job{comparison}\"{longest}a\", job!=\"\"}}", out _, out fault));
        Assert.Equal("a regular expression has 1025 characters, limit 1024; use several selectors", fault);
        Assert.True(LabelSelector.TryRead($"{{job=\"{longest}a\"}}", out _, out fault), fault);
    }

    [Theory]
    [InlineData("up", "a group has labels and no metric name")]
    [InlineData("{\"up\", job=\"a\"}", "a group has labels and no metric name")]
    [InlineData("{__name__=\"up\"}", "a group has no label __name__")]
    [InlineData("{}", "needs a matcher")]
    [InlineData("{job=~\".*\"}", "needs a matcher")]
    [InlineData("{job=\"a\"} or {job=\"b\"}", "one selector")]
    [InlineData("{job=\"a\"}[5m]", "one selector")]
    [InlineData("{job=~\"(\"}", "")]
    [InlineData("{job=~\"[[:alpha:]]+\"}", "[:")]
    [InlineData("{job=~\"\\\\pL\"}", "\\p")]
    [InlineData("{job=~\"\\\\bx\"}", "\\b")]
    [InlineData("{job=~\"\\\\Qx\\\\E\"}", "\\Q")]
    [InlineData("{job=~\"(?s:x)\"}", "(?s")]
    [InlineData("{job=~\"a(?U)b\"}", "(?U")]
    public void What_the_gateway_cannot_answer_exactly_is_refused(string selector, string fault)
    {
        Assert.False(LabelSelector.TryRead(selector, out _, out string actual));
        Assert.Contains(fault, actual, StringComparison.Ordinal);
        Assert.NotEmpty(actual);
    }

    [Fact]
    public void An_expression_that_would_backtrack_for_ever_elsewhere_is_answered()
    {
        Assert.True(LabelSelector.TryRead("{job=~\"(a+)+b\"}", out LabelSelector? read, out _));

        Assert.False(read!.Matches([KeyValuePair.Create("job", new string('a', 50_000))])); // not null: it was read
    }

    private static KeyValuePair<string, string>[] Labels(string text) =>
        [.. text.Split(',').Select(label => KeyValuePair.Create(label.Split('=', 2)[0], label.Split('=', 2)[1]))];
}
