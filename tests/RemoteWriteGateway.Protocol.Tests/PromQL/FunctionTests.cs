using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

public class FunctionTests
{
    private static readonly Dictionary<PromQLType, string> Examples = new()
    {
        [PromQLType.Scalar] = "1",
        [PromQLType.String] = "\"s\"",
        [PromQLType.Vector] = "up",
        [PromQLType.Matrix] = "up[5m]",
    };

    public static TheoryData<string> Names() => [.. PromQLFunctions.All.Where(function => !function.IsLegacy).Select(function => function.Name)];

    [Fact]
    public void There_are_90_functions_and_14_aggregations()
    {
        Assert.Equal(90, PromQLFunctions.All.Count(function => !function.IsAggregation && !function.IsLegacy));
        Assert.Equal(14, PromQLFunctions.All.Count(function => function.IsAggregation));
        Assert.Equal(PromQLFunctions.All.Length, PromQLFunctions.All.Select(function => function.Name).Distinct().Count());
        Assert.All(PromQLFunctions.All, function => Assert.Same(function, PromQLFunctions.Find(function.Name)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_number_of_arguments_passes_that_the_signature_has_and_no_other(string name)
    {
        PromQLFunction function = PromQLFunctions.Find(name)!; // Not null: it comes from the table.
        int most = function.MaxArguments < 0 ? function.MinArguments + 3 : function.MaxArguments;
        for (int count = 0; count <= most + 1; count++)
        {
            bool isValid = count >= function.MinArguments && (function.MaxArguments < 0 || count <= function.MaxArguments);
            ParsedQuery query = Enforcing.Parse(Call(function, count));
            Assert.Equal(isValid, query.IsValid);
            if (isValid)
            {
                Assert.Equal(function.Result, query.Type);
                Assert.True(query.Functions.Contains(function));
            }
            else
            {
                Assert.StartsWith($"1:1: parse error: {name}() takes ", query.Error.ToString(), StringComparison.Ordinal);
                Assert.EndsWith($", got {count}", query.Error.ToString(), StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_argument_of_another_type_is_told_at_its_place(string name)
    {
        PromQLFunction function = PromQLFunctions.Find(name)!; // Not null: it comes from the table.
        int count = function.MaxArguments < 0 ? function.MinArguments + 2 : function.MaxArguments;
        for (int wrong = 0; wrong < count; wrong++)
        {
            foreach ((PromQLType type, string example) in Examples.Where(one => one.Key != TypeAt(function, wrong)))
            {
                ParsedQuery query = Enforcing.Parse(Call(function, count, wrong, example));
                Assert.False(query.IsValid);
                int column = Call(function, wrong).Length + (wrong == 0 ? 0 : 2);
                Assert.Equal((1, column), (query.Error.Line, query.Error.Column));
                Assert.Contains($"{name}() takes", query.Error.Text, StringComparison.Ordinal);
                Assert.NotEqual(TypeAt(function, wrong), type);
            }
        }
    }

    [Theory]
    [InlineData("rate(up)", "1:6: parse error: rate() takes a range vector, got an instant vector; write up[5m]")]
    [InlineData("rate(sum(up))", "1:6: parse error: rate() takes a range vector, got an instant vector; put a subquery such as [5m:] behind it")]
    [InlineData("abs(up[5m])", "1:5: parse error: abs() takes an instant vector, got a range vector; wrap it in a function such as rate() or last_over_time()")]
    [InlineData("topk(up, up)", "1:6: parse error: topk() takes a scalar as argument 1, got an instant vector; wrap it in scalar()")]
    [InlineData("sum(1)", "1:5: parse error: sum() takes an instant vector, got a scalar; wrap it in vector()")]
    [InlineData("RATE(up[5m])", "1:1: parse error: unknown function \"RATE\"; the names of functions are case-sensitive, so write rate")]
    [InlineData("median(up)", "1:1: parse error: unknown function \"median\"; the functions of Prometheus 3.14 are known, those of MetricsQL are not")]
    [InlineData("abs(up,)", "1:7: parse error: no comma may stand behind the last argument; remove it")]
    [InlineData("clamp(up 1, 2)", "1:10: parse error: unexpected \"1\"; between arguments stands a comma, behind the last one \")\"")]
    public void A_wrong_call_is_told_with_what_to_do(string text, string error) => Assert.Equal(error, Enforcing.Query(text));

    [Fact]
    public void A_legacy_function_is_known_only_where_it_is_switched_on()
    {
        const string Text = "holt_winters(up[5m], 0.1, 0.2)";
        Assert.False(Enforcing.Parse(Text).IsValid);
        Assert.True(Enforcing.Parse(Text, new ParseOptions { LegacyFunctions = true }).IsValid);
        EnforceOptions options = EnforceOptions.Default with { Parse = new ParseOptions { LegacyFunctions = true } };
        Assert.Equal("""holt_winters(up{tenant=~"red"}[5m], 0.1, 0.2)""", Enforcing.Query(Text, options));
    }

    [Theory]
    [InlineData("info(up, {})")]
    [InlineData("info(up, {data='x', 'name'})")]
    [InlineData("info(up, {data='x'} offset 5m)")]
    [InlineData("info(up, up)", "1:10: parse error: the second argument of info() is matchers in braces")]
    [InlineData("info(up, up{})", "1:10: parse error: the second argument of info() is matchers in braces")]
    [InlineData("info(up, ({job='a'}))", "1:10: parse error: the second argument of info() is matchers in braces")]
    [InlineData("info(up, {} + {})", "1:15: parse error: a selector needs a matcher")]
    [InlineData("info(up, ({}))", "1:11: parse error: a selector needs a matcher")]
    [InlineData("info(up, -{})", "1:11: parse error: a selector needs a matcher")]
    [InlineData("info({}, {})", "1:6: parse error: a selector needs a matcher")]
    [InlineData("info(up, {job='a'} + up)", "1:10: parse error: the second argument of info() is matchers in braces")]
    [InlineData("info(up, {}) + {}", "1:16: parse error: a selector needs a matcher")]
    public void The_second_argument_of_info_is_bare_braces(string text, string? error = null)
    {
        string found = Enforcing.Query(text, Enforcing.Open);
        Assert.StartsWith(error ?? "info(up{", found, StringComparison.Ordinal);
    }

    private static PromQLType TypeAt(PromQLFunction function, int index) => function.Arguments[Math.Min(index, function.Arguments.Length - 1)];

    private static string Call(PromQLFunction function, int count, int wrong = -1, string example = "") =>
        $"{function.Name}({string.Join(", ", Enumerable.Range(0, count).Select(i => i == wrong ? example : Example(function, i)))})";

    // Beyond the signature anything may stand: the number is what is told.
    private static string Example(PromQLFunction function, int index) => function.Name == "info" && index == 1 ? "{}"
        : function.Arguments.IsEmpty ? "1" : Examples[TypeAt(function, index)];
}
