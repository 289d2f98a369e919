using System.Text;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>
/// The escapes from a tenant that go through the text of a query, numbered as in docs/traps.md. The reader may read red; lift_floor is red's and
/// vault_balance is blue's.
/// </summary>
public class EscapeTests
{
    private const string Bars = """{tenant=~"red"}""";

    [Theory] // 1
    [InlineData("topk(scalar(count(vault_balance)), lift_floor)", "topk(scalar(count(vault_balance{T})), lift_floor{T})")]
    [InlineData("bottomk(scalar(count(vault_balance)), lift_floor)", "bottomk(scalar(count(vault_balance{T})), lift_floor{T})")]
    [InlineData("quantile(scalar(vault_balance), lift_floor)", "quantile(scalar(vault_balance{T}), lift_floor{T})")]
    [InlineData("limitk(scalar(vault_balance), lift_floor)", "limitk(scalar(vault_balance{T}), lift_floor{T})")]
    [InlineData("limit_ratio(scalar(vault_balance), lift_floor)", "limit_ratio(scalar(vault_balance{T}), lift_floor{T})")]
    [InlineData("topk(scalar(topk(scalar(vault_balance), lift_floor)), lift_floor)", "topk(scalar(topk(scalar(vault_balance{T}), lift_floor{T})), lift_floor{T})")]
    [InlineData("topk by (a) (scalar(vault_balance), lift_floor)", "topk by (a) (scalar(vault_balance{T}), lift_floor{T})")]
    public void The_parameter_of_an_aggregation_is_enforced(string text, string emitted) => AssertEmitted(text, emitted);

    public static TheoryData<string> Functions() =>
        [.. PromQLFunctions.All.Where(function => !function.IsLegacy && !function.Arguments.IsEmpty && function.Arguments[0] != PromQLType.None).Select(function => function.Name)];

    [Theory] // 2
    [MemberData(nameof(Functions))]
    public void Every_argument_place_of_every_function_is_enforced(string name)
    {
        PromQLFunction function = PromQLFunctions.Find(name)!; // Not null: it comes from the table.
        int count = function.MaxArguments < 0 ? function.MinArguments + 2 : function.MaxArguments;
        List<string> asked = [];
        List<string> expected = [];
        for (int i = 0; i < count; i++)
        {
            PromQLType type = function.Arguments[Math.Min(i, function.Arguments.Length - 1)];
            string argument = (name, type) switch
            {
                ("info", _) when i == 1 => "{data=\"x\"}",
                (_, PromQLType.Scalar) => "scalar(vault_balance)",
                (_, PromQLType.Vector) => "vault_balance",
                (_, PromQLType.Matrix) => "vault_balance[5m]",
                _ => "\"vault_balance\"",
            };
            asked.Add(argument);
            expected.Add(type == PromQLType.String ? argument
                : argument.Replace("vault_balance", "vault_balance" + Bars, StringComparison.Ordinal).Replace("\"x\"}", "\"x\",tenant=~\"red\"}", StringComparison.Ordinal));
        }

        EnforceOptions options = EnforceOptions.Default with { InfoFunction = InfoFunction.Scope };
        Assert.Equal($"{name}({string.Join(", ", expected)})", Enforcing.Query($"{name}({string.Join(',', asked)})", options));
    }

    [Theory] // 3
    [InlineData("max_over_time((-vault_balance)[1h:5m] @ end() offset 1d)", "max_over_time((-vault_balance{T})[1h:5m] @ end() offset 1d)")]
    [InlineData("-+-vault_balance", "-+-vault_balance{T}")]
    [InlineData("max_over_time(max_over_time(vault_balance[5m:])[1h:])", "max_over_time(max_over_time(vault_balance{T}[5m:])[1h:])")]
    [InlineData("rate(vault_balance[5m] anchored)", "rate(vault_balance{T}[5m] anchored)")]
    [InlineData("lift_floor + fill(0) vault_balance", "lift_floor{T} + fill(0) vault_balance{T}")]
    public void Signs_subqueries_and_modifiers_hide_no_selector(string text, string emitted) => AssertEmitted(text, emitted);

    [Theory] // 4
    [InlineData("lift_floor or on() vault_balance", "lift_floor{T} or on () vault_balance{T}")]
    [InlineData("lift_floor * ignoring(tenant) group_right vault_balance", "lift_floor{T} * ignoring (tenant) group_right vault_balance{T}")]
    [InlineData("lift_floor unless vault_balance", "lift_floor{T} unless vault_balance{T}")]
    [InlineData("sum without (tenant) (vault_balance)", "sum without (tenant) (vault_balance{T})")]
    [InlineData("count by (tenant) ({__name__!=\"\"})", "count by (tenant) ({__name__!=\"\",T})")]
    public void Operators_and_groupings_leave_no_operand_out(string text, string emitted) => AssertEmitted(text, emitted);

    [Theory] // 5
    [InlineData("sum + by + step + Offset + fill + default + prefix + with + :",
        "{__name__=\"sum\",T} + {__name__=\"by\",T} + {__name__=\"step\",T} + {__name__=\"Offset\",T} + {__name__=\"fill\",T} + {__name__=\"default\",T} + {__name__=\"prefix\",T} + {__name__=\"with\",T} + :{T}")]
    public void A_metric_called_like_a_keyword_is_sent_so_that_every_store_reads_it_alike(string text, string emitted) => AssertEmitted(text, emitted);

    [Theory] // 7
    [InlineData("absent(vault_balance)", "absent(vault_balance{T})")]
    [InlineData("absent_over_time(vault_balance[5m])", "absent_over_time(vault_balance{T}[5m])")]
    public void Absent_sees_a_regular_expression_which_it_does_not_copy(string text, string emitted) => AssertEmitted(text, emitted);

    [Theory] // 8
    [InlineData("vault_balance{tenant=\"blue\"}", "vault_balance{tenant=\"blue\",T}")]
    [InlineData("{tenant!=\"red\",a=\"b\"}", "{tenant!=\"red\",a=\"b\",T}")]
    [InlineData("vault_balance{tenant=~\".*\"}", "vault_balance{tenant=~\".*\",T}")]
    [InlineData("vault_balance{tenant=\"\"}", "vault_balance{tenant=\"\",T}")]
    [InlineData("vault_balance{tenant=\"red\",tenant=\"blue\"}", "vault_balance{tenant=\"red\",tenant=\"blue\",T}")]
    public void The_clients_own_matchers_on_the_tenant_stay_before_ours(string text, string emitted) => AssertEmitted(text, emitted);

    [Theory] // 9
    [InlineData("{\"vault_balance\"}", "{__name__=\"vault_balance\",T}")]
    [InlineData("{'tenant'=\"blue\"}", "{tenant=\"blue\",T}")]
    [InlineData("{`tenant`=\"blue\"}", "{tenant=\"blue\",T}")]
    [InlineData("{\"\\x74enant\"=\"blue\"}", "{tenant=\"blue\",T}")]
    [InlineData("{\"\\164\\u0065nant\"=\"blue\"}", "{tenant=\"blue\",T}")]
    public void A_quoted_name_is_the_same_name(string text, string emitted) => AssertEmitted(text, emitted);

    [Theory] // 12
    [InlineData("lift_floor # }\r+ vault_balance", "lift_floor{T} + vault_balance{T}")]
    [InlineData("lift_floor{ # \" } {tenant=\"blue\"\n a=\"b\" # }\r}", "lift_floor{a=\"b\",T}")]
    [InlineData("lift_floor # without an end {", "lift_floor{T}")]
    public void A_comment_hides_nothing(string text, string emitted) => AssertEmitted(text, emitted);

    [Theory] // 13
    [InlineData("lift_floor{a=`b\\`} or vault_balance{a=`c`}", "lift_floor{a=\"b\\\\\",T} or vault_balance{a=\"c\",T}")]
    [InlineData("lift_floor{a=`\n\"'#{}`}", "lift_floor{a=\"\\n\\\"'#{}\",T}")]
    public void A_raw_string_is_sent_in_double_quotes_with_its_value(string text, string emitted) => AssertEmitted(text, emitted);

    [Theory] // 14; bytes that are no text: LexicalErrorTests.
    [InlineData("\ufefflift_floor")]
    [InlineData("lift_floor\u00a0")]
    [InlineData("ｌift_floor")]
    [InlineData("lift_floor{a=\"\uFFFD\"}")]
    [InlineData("lift_floor{a=\"\\xff\"}")]
    [InlineData("lift_floor{a=\"\\ud800\"}")]
    [InlineData("lift_floor\0")]
    [InlineData("lift_floor default vault_balance")] // 15
    [InlineData("WITH (x = vault_balance) x")]
    [InlineData("{zone=\"a\" or tenant=\"blue\"}")]
    [InlineData("lift_floor keep_metric_names")]
    [InlineData("(lift_floor, vault_balance)")]
    [InlineData("union(lift_floor, vault_balance)")]
    [InlineData("lift_floor[5i]")]
    [InlineData("lift_floor > 5Ki")]
    [InlineData("lift\\-floor")]
    [InlineData("\"a\" + \"b\"")]
    [InlineData("RATE(lift_floor[5m])")]
    [InlineData("lift_floor @ (time())")]
    [InlineData("{\"\"=\"vault_balance\",job=\"x\"}")] // 11
    [InlineData("sum by (\"\") (lift_floor)")]
    public void What_stores_read_differently_is_refused(string text)
    {
        PromQLError error = Enforcing.Error(text);
        Assert.Equal(PromQLFault.Invalid, error.Fault);
        Assert.True(error.Line > 0, error.ToString());
    }

    [Fact] // 14
    public void The_replacement_character_passes_when_it_is_meant() =>
        AssertEmitted("lift_floor{a=\"\\ufffd\"}", "lift_floor{a=\"\\ufffd\",T}");

    [Fact] // 10
    public void A_tenants_id_is_no_pattern() =>
        Assert.Equal("""up{tenant=~"R|r\\.d|red|redwood"}""", Enforcing.Query("up", matcher: new TenantMatcher("tenant", ["red", "redwood", "r.d", "R"])));

    [Fact] // 38
    public void A_forged_label_is_a_value_of_the_readers_own_series() =>
        AssertEmitted("label_replace(lift_floor, \"tenant\", \"blue\", \"\", \"\")", "label_replace(lift_floor{T}, \"tenant\", \"blue\", \"\", \"\")");

    [Fact] // 35
    public void Texts_of_two_readers_in_turn_never_mix()
    {
        TenantMatcher blue = new("tenant", ["blue"]);
        EnforcedQuery query = new();
        byte[] text = Encoding.UTF8.GetBytes("sum(rate(requests{job='api'}[5m])) or {'x'}");
        for (int i = 0; i < 10_000; i++)
        {
            (TenantMatcher matcher, string own, string other) = i % 2 == 0 ? (Enforcing.Red, "red", "blue") : (blue, "blue", "red");
            Assert.True(query.TryEnforce(text, PromQLEntry.Query, matcher, EnforceOptions.Default));
            string emitted = Encoding.UTF8.GetString(query.Span);
            Assert.Equal(2, emitted.Split($"tenant=~\"{own}\"}}").Length - 1);
            Assert.DoesNotContain(other, emitted, StringComparison.Ordinal);
        }
    }

    private static void AssertEmitted(string text, string emitted) => Assert.Equal(
        emitted.Replace("{T}", Bars, StringComparison.Ordinal).Replace(",T}", ",tenant=~\"red\"}", StringComparison.Ordinal),
        Enforcing.Query(text));
}
