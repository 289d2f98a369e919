using RemoteWriteGateway.Push;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tests.Tenancy;

namespace RemoteWriteGateway.Tests.Push;

/// <summary>The key <c>push</c> of tenants in the policy document.</summary>
public sealed class PushSettingsTests
{
    [Fact]
    public void A_tenant_that_says_nothing_has_the_defaults()
    {
        PushSettings settings = Read("{}");

        Assert.False(settings.Utf8Names);
        Assert.Empty(settings.Rules);
        Assert.Equal(
            (20_000, 10_000, 30, 10_000, 200_000, 256L << 20, 100, 2000, 0),
            (settings.MaxSeriesPerPush, settings.MaxFamiliesPerPush, settings.MaxGroupingLabels, settings.MaxGroups, settings.MaxSeries,
                settings.MaxStoredBytes, settings.PushesPerSecond, settings.PushesBurst, settings.PushesPerSecondPerCaller));
    }

    [Fact]
    public void Limits_are_merged_over_the_defaults_one_by_one_and_rules_as_a_whole()
    {
        PolicySnapshot policy = TestPolicy.Load(
            """
            version: 1
            tenantDefaults: { push: { utf8Names: true, rules: [ { match: '{job="a"}', mode: sum } ], limits: { maxGroups: 5, maxSeries: 6 } } }
            tenants:
              plain: {}
              own: { push: { rules: [], limits: { maxSeries: 7 } } }
            """,
            new PushSettingsReader());
        PushSettings plain = policy.FindTenant("plain")!.Settings<PushSettings>(); // declared above
        PushSettings own = policy.FindTenant("own")!.Settings<PushSettings>();

        Assert.Equal((true, 1, 5, 6), (plain.Utf8Names, plain.Rules.Length, plain.MaxGroups, plain.MaxSeries));
        Assert.Equal((true, 0, 5, 7), (own.Utf8Names, own.Rules.Length, own.MaxGroups, own.MaxSeries));
    }

    [Fact]
    public void The_first_rule_that_matches_holds()
    {
        PushSettings settings = Read("""
            { push: { rules: [
              { match: '{job=~"nightly-.*"}', mode: replace, ttl: 2h, pinned: true },
              { match: '{job="counts"}', mode: sum, gauges: { queue_peak: max, rows_left: last, low: min, all: sum } },
              { match: '{job=~".+"}', ttl: 1d } ] } }
            """);

        PushRule nightly = Find(settings, "nightly-1")!; // one matches
        PushRule counts = Find(settings, "counts")!;
        Assert.Equal((PushMode.Replace, TimeSpan.FromHours(2), true), (nightly.Mode, nightly.Ttl, nightly.Pinned));
        Assert.Equal(PushMode.Sum, counts.Mode);
        Assert.Equal(
            [GaugeRule.Max, GaugeRule.Last, GaugeRule.Min, GaugeRule.Sum],
            ((string[])["queue_peak", "rows_left", "low", "all"]).Select(name => counts.Gauges[name]));
        Assert.Equal(TimeSpan.FromDays(1), Find(settings, "other")?.Ttl);
    }

    [Theory]
    [InlineData("push: 1", "3:14: tenants.a.push: expected a map, found text")]
    [InlineData("push: { utf8: true }", "3:16: tenants.a.push.utf8: unknown key; expected utf8Names, rules, limits")]
    [InlineData("push: { utf8Names: yes }", "3:27: tenants.a.push.utf8Names: \"yes\" is neither true nor false")]
    [InlineData("push: { limits: { maxGroup: 1 } }", "3:26: tenants.a.push.limits.maxGroup: unknown key; expected maxSeriesPerPush, maxFamiliesPerPush, maxGroupingLabels, maxGroups, maxSeries, maxStoredBytes, pushesPerSecond, pushesBurst, pushesPerSecondPerCaller")]
    [InlineData("push: { limits: { maxGroups: 0 } }", "3:37: tenants.a.push.limits.maxGroups: 0 is out of range, 1 to 10000000")]
    [InlineData("push: { rules: {} }", "3:23: tenants.a.push.rules: expected a list such as [a, b], found a map")]
    [InlineData("push: { rules: [ { mode: sum } ] }", "3:25: tenants.a.push.rules[0].match: is missing")]
    [InlineData("push: { rules: [ { match: '{job=\"a\"}', mode: add } ] }", "3:53: tenants.a.push.rules[0].mode: \"add\" is not a mode; expected replace, sum")]
    [InlineData("push: { rules: [ { match: '{job=\"a\"}', ttl: 30s } ] }", "3:52: tenants.a.push.rules[0].ttl: 30s is out of range, 1m to 366d")]
    [InlineData("push: { rules: [ { match: '{job=\"a\"}', pinned: true } ] }", "3:55: tenants.a.push.rules[0].pinned: a pinned rule says which mode it pins; add mode")]
    [InlineData("push: { rules: [ { match: '{job=\"a\"}', mode: sum, gauges: { x: avg } } ] }", "3:71: tenants.a.push.rules[0].gauges.x: \"avg\" is not a way to join gauges; expected last, sum, max, min")]
    [InlineData("push: { rules: [ { match: '{job=\"a\"}', mode: replace, gauges: { x: sum } } ] }", "3:70: tenants.a.push.rules[0].gauges: belongs to mode sum; in mode replace a gauge is what was pushed last")]
    [InlineData("push: { rules: [ { match: 'up', mode: sum } ] }", "3:34: tenants.a.push.rules[0].match: is no selector over the labels of groups, such as {job=\"nightly\"}: a group has labels and no metric name; write matchers in braces, such as {job=\"nightly\"}")]
    public void A_setting_that_is_wrong_is_told_with_its_place(string settings, string expected) =>
        Assert.Equal([$"policy.yaml:{expected}"], TestPolicy.Faults($"version: 1\ntenants:\n  a: {{ {settings} }}\n", new PushSettingsReader()));

    private static PushSettings Read(string settings) =>
        TestPolicy.Load($"version: 1\ntenants: {{ a: {settings} }}", new PushSettingsReader()).FindTenant("a")!.Settings<PushSettings>(); // declared

    private static PushRule? Find(PushSettings settings, string job) => settings.RuleFor([KeyValuePair.Create("job", job)]);
}
