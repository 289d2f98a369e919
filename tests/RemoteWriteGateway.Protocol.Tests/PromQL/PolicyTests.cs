using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

public class PolicyTests
{
    private static readonly EnforceOptions Strict = EnforceOptions.Default with { OtherTenants = OtherTenants.Refuse };
    private static readonly TenantMatcher RedAndRose = new("tenant", ["red", "rose"]);

    [Theory]
    [InlineData("up{__graphite__='vault_*'}", "1:4: no matcher may name label \"__graphite__\"")]
    [InlineData("up{\"vm_account_id\"='1'}", "1:4: no matcher may name label \"vm_account_id\"")]
    [InlineData("up{a='b','vm_\\x70roject_id'=~'1'}", "1:10: no matcher may name label \"vm_project_id\"")]
    [InlineData("sum(up + rate(down{`__tenant_id__`!='x'}[5m]))", "1:20: no matcher may name label \"__tenant_id__\"")]
    [InlineData("up{secret!~'x'}", "1:4: no matcher may name label \"secret\"")]
    [InlineData("{secret='x'}", "1:2: no matcher may name label \"secret\"")]
    public void A_forbidden_label_is_refused_however_it_is_written(string text, string error)
    {
        PromQLError found = Enforcing.Error(text, EnforceOptions.Default with { ForbiddenLabels = ["secret"] });
        Assert.Equal(PromQLFault.LabelForbidden, found.Fault);
        Assert.StartsWith(error, found.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("up{__graphite='x'}")]
    [InlineData("up{__Graphite__='x'}")]
    [InlineData("sum by (vm_account_id) (up)")]
    [InlineData("up{a='__graphite__'}")]
    public void Other_labels_pass(string text) => Assert.DoesNotContain("no matcher", Enforcing.Query(text), StringComparison.Ordinal);

    [Theory]
    [InlineData("abs(Count_Values('v', up))", "1:5: count_values() is forbidden here")]
    [InlineData("1 + label_replace(up,'a','b','c','d')", "1:5: label_replace() is forbidden here")]
    [InlineData("sum(count_values)", null)]
    [InlineData("label_replace", null)]
    [InlineData("absent(up)", null)]
    public void A_forbidden_function_is_refused_where_it_is_called(string text, string? error)
    {
        PromQLFunction[] forbidden = [PromQLFunctions.Find("count_values")!, PromQLFunctions.Find("label_replace")!]; // Not null: both are in the table.
        EnforceOptions options = EnforceOptions.Default with { ForbiddenFunctions = FunctionSet.Of(forbidden) };
        string found = Enforcing.Query(text, options);
        Assert.StartsWith(error ?? found, found, StringComparison.Ordinal);
        Assert.Equal(error is null ? PromQLFault.None : PromQLFault.FunctionForbidden, error is null ? PromQLFault.None : Enforcing.Error(text, options).Fault);
    }

    [Theory]
    [InlineData(InfoFunction.Refuse, "info(up)", "1:1: info() reads series that no selector names, so it cannot be kept to a tenant")]
    [InlineData(InfoFunction.Refuse, "1 + info(up, {})", "1:5: info() reads series that no selector names")]
    [InlineData(InfoFunction.Scope, "info(info(up, {}))", "1:1: info() with one argument reads series that no selector names")]
    [InlineData(InfoFunction.Scope, "info(up, {})", """info(up{tenant=~"red"}, {tenant=~"red"})""")]
    [InlineData(InfoFunction.Scope, "info(up, {data='x'})", """info(up{tenant=~"red"}, {data="x",tenant=~"red"})""")]
    [InlineData(InfoFunction.Allow, "info(up)", """info(up{tenant=~"red"})""")]
    [InlineData(InfoFunction.Refuse, "info", """info{tenant=~"red"}""")]
    public void Info_passes_only_where_it_can_be_kept_to_a_tenant(InfoFunction rule, string text, string result) =>
        Assert.StartsWith(result, Enforcing.Query(text, EnforceOptions.Default with { InfoFunction = rule }), StringComparison.Ordinal);

    [Theory]
    [InlineData("up{tenant='blue'}", true)]
    [InlineData("up{tenant=''}", true)]
    [InlineData("up{'tenant'='blue'}", true)]
    [InlineData("up{\"\\x74enant\"=~\"blue|green\"}", true)]
    [InlineData("up{tenant=~''}", true)]
    [InlineData("up{tenant=~'re'}", true)]
    [InlineData("up{tenant='red'}", false)]
    [InlineData("up{tenant=~'blue|rose'}", false)]
    [InlineData("up{tenant=~'b.*'}", false)]
    [InlineData("up{tenant!='red'}", false)]
    [InlineData("up{tenant!~'red|rose'}", false)]
    [InlineData("up{Tenant='blue'}", false)]
    public void A_matcher_that_leaves_no_tenant_is_refused_where_that_is_asked(string text, bool isRefused)
    {
        if (isRefused)
        {
            PromQLError error = Enforcing.Error(text, Strict, RedAndRose);
            Assert.Equal(PromQLFault.SelectorNamesOtherTenant, error.Fault);
            Assert.DoesNotContain("rose", error.ToString(), StringComparison.Ordinal);
        }
        else
        {
            Assert.EndsWith(",tenant=~\"red|rose\"}", Enforcing.Query(text, Strict, RedAndRose), StringComparison.Ordinal);
        }

        Assert.EndsWith(",tenant=~\"red|rose\"}", Enforcing.Query(text, matcher: RedAndRose), StringComparison.Ordinal);
    }

    [Fact]
    public void Functions_in_use_are_known_by_name()
    {
        ParsedQuery query = Enforcing.Parse("sum(rate(up[5m])) + absent(rate) + SUM(sum)");
        Assert.Equal(["absent", "rate", "sum"], query.Functions.Select(function => function.Name));
    }

    [Fact]
    public void Every_fault_has_an_id_of_its_own()
    {
        string[] ids = [.. Enum.GetValues<PromQLFault>().SelectMany(fault => Enum.GetValues<PromQLEntry>().Select(entry => fault.Id(entry))).Distinct()];
        Assert.Equal(Enum.GetValues<PromQLFault>().Length + 1, ids.Length);
        Assert.Equal(["query-invalid", "selector-invalid"], Enum.GetValues<PromQLEntry>().Select(entry => PromQLFault.Invalid.Id(entry)));
    }
}
