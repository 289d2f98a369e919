using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>Grammar and types. The numbers are those of the checks in the guide, docs/promql.md.</summary>
public class CheckTests
{
    [Theory]
    [InlineData("", "1:1: parse error: there is no expression")] // 1
    [InlineData("  # only a comment", "1:1: parse error: there is no expression")]
    [InlineData("up up", "1:4: parse error: unexpected \"up\"; after an expression stands an operator or nothing")]
    [InlineData("up +", "1:5: parse error: the text ends too early")]
    [InlineData("(up", "1:4: parse error: the text ends too early")]
    [InlineData("up)", "1:3: parse error: unexpected \")\"")]
    [InlineData("(up, up)", "1:4: parse error: unexpected \",\"")]
    [InlineData("()", "1:2: parse error: unexpected \")\"")]
    [InlineData("up{job}", "1:7: parse error: unexpected \"}\"; behind a label stands = or != or =~ or !~")]
    [InlineData("up{job=}", "1:8: parse error: unexpected \"}\"; a matcher's value is a string")]
    [InlineData("up{job=api}", "1:8: parse error: unexpected \"api\"; a matcher's value is a string")]
    [InlineData("up{,}", "1:4: parse error: unexpected \",\"")]
    [InlineData("up{a='b',,}", "1:10: parse error: unexpected \",\"")]
    [InlineData("up{a='b' c='d'}", "1:10: parse error: unexpected \"c\"; between matchers stands a comma")]
    [InlineData("up{a='b'", "1:9: parse error: the text ends too early")]
    [InlineData("sum(up) by (a) by (b)", "1:16: parse error: unexpected \"by\"")]
    [InlineData("sum by a (up)", "1:8: parse error: unexpected \"a\"; here stands a list of labels in parentheses")]
    [InlineData("sum by (a b) (up)", "1:11: parse error: unexpected \"b\"; between labels stands a comma")]
    [InlineData("sum by (,) (up)", "1:9: parse error: unexpected \",\"; here stands a label")]
    [InlineData("sum by (1) (up)", "1:9: parse error: unexpected \"1\"; here stands a label")]
    [InlineData("a + on b", "1:8: parse error: unexpected \"b\"; here stands a list of labels")]
    [InlineData("a + group_left b", "1:5: parse error: unexpected \"group_left\"")]
    [InlineData("a + on() group_left (b)", "1:24: parse error: the text ends too early")]
    [InlineData("a + fill(b) c", "1:10: parse error: unexpected \"b\"; in the parentheses of fill stands one number")]
    [InlineData("a + fill(1) fill(2) c", "1:17: parse error: unexpected \"(\"")]
    [InlineData("a + fill_left(1) fill_left(2) c", "1:27: parse error: unexpected \"(\"")]
    [InlineData("a offset", "1:9: parse error: the text ends too early; here stands a duration")]
    [InlineData("a offset b", "1:10: parse error: unexpected \"b\"; here stands a duration")]
    [InlineData("a offset (5m) + b", "1:17: parse error: unexpected \"b\"; here stands a duration")]
    [InlineData("a @ b", "1:5: parse error: unexpected \"b\"; behind @ stands a time in seconds, start() or end()")]
    [InlineData("a @ (5)", "1:5: parse error: unexpected \"(\"; behind @ stands a time")]
    [InlineData("a @ --5", "1:6: parse error: unexpected \"-\"; behind @ stands a time")]
    [InlineData("a @ start", "1:10: parse error: the text ends too early; behind @ stands a time")]
    [InlineData("a @ end(1)", "1:9: parse error: unexpected \"1\"; behind @ stands a time")]
    [InlineData("a[]", "1:3: parse error: unexpected \"]\"; here stands a duration")]
    [InlineData("a[5m", "1:5: parse error: the text ends too early; a range is closed with \"]\"")]
    [InlineData("a[5m:1m:1m]", "1:8: parse error: unexpected \":\"")]
    [InlineData("a[step(1):5m]", "1:8: parse error: unexpected \"1\"; step() and range() take no arguments")]
    [InlineData("a[min_of(5m)]", "1:12: parse error: unexpected \")\"; min_of() and max_of() take two durations")]
    [InlineData("lift_floor default vault_balance", "1:12: parse error: unexpected \"default\"")]
    [InlineData("WITH (x = up) x", "1:1: parse error: unknown function \"WITH\"")]
    public void Grammar(string text, string error) => AssertError(text, error);

    [Theory]
    [InlineData("-\"a\"", "1:1: parse error: a sign stands before a scalar or an instant vector, not before a string")] // 5
    [InlineData("1 + -a[5m]", "1:5: parse error: a sign stands before a scalar or an instant vector, not before a range vector")]
    [InlineData("\"a\" + 1", "1:1: parse error: \"+\" takes scalars and instant vectors, not a string")] // 6
    [InlineData("a + \"b\"", "1:5: parse error: \"+\" takes scalars and instant vectors, not a string")]
    [InlineData("a[5m] * 2", "1:1: parse error: \"*\" takes scalars and instant vectors, not a range vector; wrap the range")]
    [InlineData("a + bool b", "1:3: parse error: bool follows == != < <= > >= only, not \"+\"")] // 7
    [InlineData("a </ bool b", "1:3: parse error: bool follows")]
    [InlineData("1 == 2", "1:3: parse error: a comparison of two scalars needs bool; write == bool")]
    [InlineData("1 > (2 + 3)", "1:3: parse error: a comparison of two scalars needs bool; write > bool")]
    [InlineData("1 and a", "1:1: parse error: and takes instant vectors on both sides")] // 8
    [InlineData("a OR 1", "1:1: parse error: or takes instant vectors on both sides")]
    [InlineData("a unless on(x) group_left b", "1:1: parse error: unless takes no group_left or group_right")]
    [InlineData("a and fill(0) b", "1:1: parse error: and takes no fill values")]
    [InlineData("1 + on(x) a", "1:1: parse error: labels to match on and fill values need instant vectors on both sides")] // 9
    [InlineData("a + ignoring(x) 1", "1:1: parse error: labels to match on and fill values need instant vectors")]
    [InlineData("a + fill(0) 1", "1:1: parse error: labels to match on and fill values need instant vectors")]
    [InlineData("a + on(x,y) group_left(z,y) b", "1:3: parse error: label \"y\" stands both in on (…) and in the group's list")] // 10
    [InlineData("a + on('x') group_right(\"\\x78\") b", "1:3: parse error: label \"'x'\" stands both")]
    public void Operands(string text, string error) => AssertError(text, error);

    [Theory]
    [InlineData("1 + on() 2")]
    [InlineData("1 + on() group_left a")]
    [InlineData("a + ignoring(x) group_left(x) b")]
    [InlineData("1 == bool 2")]
    [InlineData("1 </ 2")]
    [InlineData("a == 1")]
    [InlineData("a atan2 1")]
    [InlineData("+(1)")]
    public void Operands_that_look_wrong_and_are_right(string text) => Assert.True(Enforcing.Parse(text).IsValid);

    [Theory]
    [InlineData("(a)[5m]", "1:4: parse error: a range stands directly behind a selector")] // 11
    [InlineData("sum(a)[5m]", "1:7: parse error: a range stands directly behind a selector")]
    [InlineData("a[5m][5m]", "1:6: parse error: a range stands directly behind a selector")]
    [InlineData("a offset 5m [5m]", "1:13: parse error: a range stands before offset and @")]
    [InlineData("a @ 0 [5m]", "1:7: parse error: a range stands before offset and @")]
    [InlineData("a offset (5m) [5m]", "1:15: parse error: a range stands before offset and @")]
    [InlineData("a[5m][5m:]", "1:1: parse error: a subquery stands behind an instant vector, not behind a range vector")] // 12
    [InlineData("1[5m:]", "1:1: parse error: a subquery stands behind an instant vector, not behind a scalar")]
    [InlineData("(a) offset 5m", "1:1: parse error: offset stands behind a selector, its range or a subquery")] // 13
    [InlineData("sum(a) @ 5", "1:1: parse error: @ stands behind a selector, its range or a subquery")]
    [InlineData("1 offset 5m", "1:1: parse error: offset stands behind a selector")]
    [InlineData("a offset 5m offset 5m", "1:1: parse error: offset stands twice")]
    [InlineData("a offset 5m offset (5m)", "1:1: parse error: offset stands twice")]
    [InlineData("a[5m] offset 5m offset 0", "1:1: parse error: offset stands twice")]
    [InlineData("a @ 0 @ 0", "1:1: parse error: @ stands twice")]
    [InlineData("a[5m:] @ start() @ 1", "1:1: parse error: @ stands twice")]
    [InlineData("a[5m:] anchored", "1:1: parse error: anchored and smoothed stand behind a selector or its range only")] // 14
    [InlineData("(a) smoothed", "1:1: parse error: anchored and smoothed stand behind a selector or its range only")]
    [InlineData("a anchored smoothed", "1:1: parse error: anchored and smoothed exclude each other")]
    [InlineData("a @ nan", "1:1: parse error: @ takes a time in seconds between -2^63 and 2^63, not \"nan\"")] // 15
    [InlineData("a @ -inf", "1:1: parse error: @ takes a time in seconds between -2^63 and 2^63, not \"inf\"")]
    [InlineData("a @ 9223372036854775807", "1:1: parse error: @ takes a time in seconds between -2^63 and 2^63")]
    [InlineData("a[0]", "1:3: parse error: the range must be longer than 0")] // 16
    [InlineData("a[0s]", "1:3: parse error: the range must be longer than 0")]
    [InlineData("a[-(5m)]", "1:3: parse error: the range must be longer than 0")]
    [InlineData("a[5m:-1m]", "1:6: parse error: the step must be longer than 0")]
    [InlineData("a[9223372037]", "1:3: parse error: \"9223372037\" is longer than a duration can be")]
    [InlineData("a offset 1e10", "1:10: parse error: \"1e10\" is longer than a duration can be")]
    [InlineData("a offset -inf", "1:11: parse error: \"inf\" is longer than a duration can be")]
    [InlineData("a offset nan", "1:10: parse error: NaN is no duration")]
    [InlineData("a[5m/0]", "1:6: parse error: a division by zero")]
    [InlineData("a[5m%(-0)]", "1:6: parse error: a division by zero, as \"%\" divides")]
    public void Modifiers(string text, string error) => AssertError(text, error);

    [Theory]
    [InlineData("a offset 0 [5m]")]
    [InlineData("a offset 0s offset 5m")]
    [InlineData("a offset 1e-12 offset 5m")]
    [InlineData("a[5m/(1-1)]")]
    [InlineData("a[5m-5m]")]
    [InlineData("a[-(-5m)]")]
    [InlineData("a[9223372036]")]
    [InlineData("a @ 9223372036854774784")]
    [InlineData("a @ -5m")]
    [InlineData("a anchored anchored")]
    [InlineData("(a offset (5m)) + b")]
    [InlineData("a offset --5m + 3m")]
    [InlineData("a offset -(5m) + b")]
    [InlineData("a offset -step() + b")]
    [InlineData("a offset min_of(5m, step()) * b")]
    [InlineData("(a)[5m:]")]
    [InlineData("-a[5m:]", "1:1: parse error: a sign stands before a scalar or an instant vector, not before a range vector")]
    [InlineData("(-a)[5m:] offset 5m @ 3")]
    public void Modifiers_that_look_wrong_and_are_right(string text, string? error = null) =>
        Assert.StartsWith(error ?? "", Enforcing.Parse(text).Error is { Fault: not PromQLFault.None } found ? found.ToString() : "", StringComparison.Ordinal);

    [Theory]
    [InlineData("{}", "1:1: parse error: a selector needs a matcher that rejects the empty value")] // 17
    [InlineData("up + {job=''}", "1:6: parse error: a selector needs a matcher")]
    [InlineData("{job=~'.*'}", "1:1: parse error: a selector needs a matcher")]
    [InlineData("{job!='a'}", "1:1: parse error: a selector needs a matcher")]
    [InlineData("{job!~'a'}", "1:1: parse error: a selector needs a matcher")]
    [InlineData("{\"\"}", "1:1: parse error: a selector needs a matcher")]
    [InlineData("{tenant=~'|red'}", "1:1: parse error: a selector needs a matcher")]
    [InlineData("up{__name__='x'}", "1:1: parse error: the metric is named \"up\" and once more in the braces")] // 18
    [InlineData("up{__name__!~'x'}", "1:1: parse error: the metric is named \"up\" and once more in the braces")]
    [InlineData("up{'\\x5f_name__'='x'}", "1:1: parse error: the metric is named \"up\" and once more in the braces")]
    [InlineData("up{'x'}", "1:1: parse error: the metric is named \"up\" and once more in the braces")]
    [InlineData("sum by ('') (up)", "1:9: parse error: an empty label name")] // 20
    [InlineData("{''='x', job='y'}", "1:2: parse error: an empty label name")]
    [InlineData("up{job=~'('}", "1:4: parse error: regular expression \"(\": a \"(\" is not closed")] // 21
    [InlineData("up{a='b', job!~'x**'}", "1:11: parse error: regular expression \"x**\": a repetition stands behind a repetition")]
    public void Selectors(string text, string error) => AssertError(text, error);

    [Theory]
    [InlineData("{__name__='a',__name__='b'}")]
    [InlineData("{'a','b'}")]
    [InlineData("{'',job='b'}")]
    [InlineData("{job!=''}")]
    [InlineData("{job!~''}")]
    [InlineData("{job!~'.*'}")]
    [InlineData("{job=~'.+'}")]
    [InlineData("up{job=''}")]
    public void Selectors_that_look_wrong_and_are_right(string text) => Assert.True(Enforcing.Parse(text).IsValid);

    [Theory]
    [InlineData("up", """up{tenant=~"red"}""")]
    [InlineData("sum{job='a'}", """{__name__="sum",job="a",tenant=~"red"}""")]
    [InlineData("{__name__!=''}", """{__name__!="",tenant=~"red"}""")]
    [InlineData("{\"up\"}", """{__name__="up",tenant=~"red"}""")]
    [InlineData("up # x", """up{tenant=~"red"}""")]
    [InlineData("rate(x[5m])", "1:5: parse error: unexpected \"(\"; this parameter is one selector")] // 22
    [InlineData("(x)", "1:1: parse error: unexpected \"(\"; this parameter is one selector")]
    [InlineData("x offset 1h", "1:3: parse error: unexpected \"offset\"; this parameter is one selector")]
    [InlineData("x[5m]", "1:2: parse error: unexpected \"[\"; this parameter is one selector")]
    [InlineData("x + y", "1:3: parse error: unexpected \"+\"; this parameter is one selector")]
    [InlineData("1", "1:1: parse error: unexpected \"1\"; this parameter is one selector")]
    [InlineData("", "1:1: parse error: the text ends too early; this parameter is one selector")]
    [InlineData("{a=~'.*'}", "1:1: parse error: a selector needs a matcher")]
    [InlineData("bool", "1:1: parse error: unexpected \"bool\"; this parameter is one selector")]
    public void A_match_parameter_is_one_selector(string text, string result) =>
        Assert.StartsWith(result, Enforcing.Selector(text), StringComparison.Ordinal);

    [Theory]
    [InlineData("1", PromQLType.Scalar)]
    [InlineData("5m", PromQLType.Scalar)]
    [InlineData("'a'", PromQLType.String)]
    [InlineData("('a')", PromQLType.String)]
    [InlineData("up", PromQLType.Vector)]
    [InlineData("up[5m]", PromQLType.Matrix)]
    [InlineData("(up[5m])", PromQLType.Matrix)]
    [InlineData("sum(up)[5m:]", PromQLType.Matrix)]
    [InlineData("1 + 1", PromQLType.Scalar)]
    [InlineData("1 + up", PromQLType.Vector)]
    [InlineData("-up", PromQLType.Vector)]
    [InlineData("scalar(up) < bool 1", PromQLType.Scalar)]
    public void The_type_of_the_whole_is_known(string text, PromQLType type) => Assert.Equal(type, Enforcing.Parse(text).Type);

    private static void AssertError(string text, string error) => Assert.StartsWith(error, Enforcing.Query(text), StringComparison.Ordinal);
}
