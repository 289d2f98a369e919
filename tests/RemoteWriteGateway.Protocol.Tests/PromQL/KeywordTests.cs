using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>Every word that means something, in every place where a word may stand.</summary>
public class KeywordTests
{
    /// <summary>The word; whether it may name a metric, and a label of a list.</summary>
    public static TheoryData<string, bool, bool> Words()
    {
        TheoryData<string, bool, bool> words = [];
        string[] anywhere =
        [
            "and", "or", "unless", "sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk", "bottomk", "count_values", "quantile",
            "limitk", "limit_ratio", "by", "offset", "anchored", "smoothed", "fill", "fill_left", "fill_right", "start", "end", "step", "range",
            "min_of", "max_of", "with", "default", "if", "ifnot", "limit", "prefix", "keep_metric_names", "union",
        ];
        foreach (string word in anywhere)
        {
            words.Add(word, true, true);
        }

        foreach (string word in new[] { "on", "ignoring", "group_left", "group_right", "bool", "atan2" })
        {
            words.Add(word, false, true);
        }

        words.Add("without", true, false);
        words.Add("inf", false, false);
        words.Add("nan", false, false);
        return words;
    }

    [Theory]
    [MemberData(nameof(Words))]
    public void A_word_that_may_name_a_metric_leaves_inside_the_braces(string word, bool isMetric, bool isLabel)
    {
        Assert.True(isMetric || isLabel || word is "inf" or "nan");
        foreach (string spelling in new[] { word, word.ToUpperInvariant() })
        {
            string expected = isMetric ? $$"""{__name__="{{spelling}}",tenant=~"red"}""" : word switch { "inf" => "Inf", "nan" => "NaN", _ => "1:1: parse error: " };
            Assert.StartsWith(expected, Enforcing.Query(spelling), StringComparison.Ordinal);
            if (isMetric)
            {
                Assert.Equal($$"""{__name__="{{spelling}}",job="a",tenant=~"red"} + {__name__="{{spelling}}",tenant=~"red"}""", Enforcing.Query($"{spelling}{{job='a'}}+{spelling}"));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Words))]
    public void A_word_that_may_name_a_label_keeps_its_spelling(string word, bool isMetric, bool isLabel)
    {
        Assert.NotEqual((false, word), (isMetric || isLabel || word is "inf" or "nan", word));
        foreach (string spelling in new[] { word, word.ToUpperInvariant() })
        {
            string text = Enforcing.Query($"sum by ({spelling}) (up)");
            Assert.Equal(isLabel ? $$"""sum by ({{spelling}}) (up{tenant=~"red"})""" : text, text);
            Assert.Equal(isLabel, !text.Contains("parse error", StringComparison.Ordinal));
            Assert.Equal($$"""up{{{spelling}}="a",tenant=~"red"}""", Enforcing.Query($"up{{{spelling}='a'}}"));
            string quoted = isLabel ? spelling : $"\"{spelling}\"";
            Assert.Equal($$"""sum by ({{quoted}}) (up{tenant=~"red"})""", Enforcing.Query($"sum by ('{spelling}') (up)"));
        }
    }

    [Theory]
    [InlineData("sum")]
    [InlineData("sum()", "1:1: parse error: sum() takes 1 argument, got 0")]
    [InlineData("sum by (a)", "1:11: parse error: the text ends too early; sum takes its arguments in parentheses")]
    [InlineData("sum{}")]
    [InlineData("sum + sum(sum)")]
    [InlineData("by(up)", "1:3: parse error: unexpected \"(\"")]
    [InlineData("fill(0)", "1:5: parse error: unexpected \"(\"")]
    [InlineData("START()", "1:1: parse error: unknown function \"START\"; the names of functions are case-sensitive, so write start")]
    [InlineData("a:b(up)", "1:4: parse error: unexpected \"(\"")]
    [InlineData("offset offset offset", "1:15: parse error: unexpected \"offset\"")]
    [InlineData("offset offset 5m")]
    [InlineData("and and and")]
    [InlineData("anchored anchored")]
    public void What_follows_decides_what_a_word_is(string text, string? error = null)
    {
        PromQLError found = Enforcing.Parse(text).Error;
        Assert.StartsWith(error ?? "", error is null ? found.Fault.ToString().Replace("None", "", StringComparison.Ordinal) : found.ToString(), StringComparison.Ordinal);
        Assert.Equal(error is null, found.Fault == PromQLFault.None);
    }
}
