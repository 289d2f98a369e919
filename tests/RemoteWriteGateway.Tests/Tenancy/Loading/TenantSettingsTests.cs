using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Tenancy.Loading;

public sealed class TenantSettingsTests
{
    [Fact]
    public void A_tenants_own_keys_stand_before_the_defaults_and_limits_are_merged_key_by_key()
    {
        PolicySnapshot policy = TestPolicy.Load(
            """
            version: 1
            tenantDefaults: { color: red, shiny: true, limits: { maxThings: 10, maxBytes: 1MiB, maxAge: 1h } }
            tenants:
              plain: {}
              own: { color: blue, shiny: false, limits: { maxThings: 20, maxAge: off } }
            """,
            new PaintReader());

        Assert.Equal(new Paint("red", true, 10, 1L << 20, TimeSpan.FromHours(1)), policy.FindTenant("plain")!.Settings<Paint>());
        Assert.Equal(new Paint("blue", false, 20, 1L << 20, TimeSpan.Zero), policy.FindTenant("own")!.Settings<Paint>());
    }

    [Fact]
    public void What_stands_nowhere_has_the_features_own_default() =>
        Assert.Equal(new Paint("green", null, 5, 1000, TimeSpan.FromMinutes(10)), Read("{}"));

    [Theory]
    [InlineData("0", 0)]
    [InlineData("1000000", 1_000_000)]
    [InlineData("1KiB", 1024)]
    [InlineData("3MiB", 3 << 20)]
    [InlineData("1GiB", 1 << 30)]
    public void A_size_is_a_number_of_bytes_or_has_a_binary_unit(string text, long expected) =>
        Assert.Equal(expected, Read($"{{ limits: {{ maxBytes: {text} }} }}").MaxBytes);

    [Theory]
    [InlineData("0", 0)]
    [InlineData("off", 0)]
    [InlineData("500ms", 500)]
    [InlineData("30s", 30_000)]
    [InlineData("10m", 600_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("2d", 172_800_000)]
    public void A_time_has_a_unit_unless_it_is_nothing(string text, long expectedMs) =>
        Assert.Equal(TimeSpan.FromMilliseconds(expectedMs), Read($"{{ limits: {{ maxAge: {text} }} }}").MaxAge);

    [Theory]
    [InlineData("limits: { maxBytes: 16MB }", "3:28: tenants.a.limits.maxBytes: \"16MB\" is not a size such as 1048576, 512KiB, 16MiB or 1GiB")]
    [InlineData("limits: { maxBytes: 1.5MiB }", "3:28: tenants.a.limits.maxBytes: \"1.5MiB\" is not a size such as 1048576, 512KiB, 16MiB or 1GiB")]
    [InlineData("limits: { maxBytes: 9999999999GiB }", "3:28: tenants.a.limits.maxBytes: \"9999999999GiB\" is not a size such as 1048576, 512KiB, 16MiB or 1GiB")]
    [InlineData("limits: { maxBytes: 2GiB }", "3:28: tenants.a.limits.maxBytes: 2147483648 is out of range, 0 to 1073741824")]
    [InlineData("limits: { maxThings: 50_000 }", "3:29: tenants.a.limits.maxThings: \"50_000\" is not a whole number such as 50000")]
    [InlineData("limits: { maxThings: -1 }", "3:29: tenants.a.limits.maxThings: \"-1\" is not a whole number such as 50000")]
    [InlineData("limits: { maxThings: 0 }", "3:29: tenants.a.limits.maxThings: 0 is out of range, 1 to 100")]
    [InlineData("limits: { maxThings: 99999999999999999999 }", "3:29: tenants.a.limits.maxThings: \"99999999999999999999\" is not a whole number such as 50000")]
    [InlineData("limits: { maxAge: 10 }", "3:26: tenants.a.limits.maxAge: \"10\" is not a duration such as 30s, 10m, 1h or 2d")]
    [InlineData("limits: { maxAge: 1h30m }", "3:26: tenants.a.limits.maxAge: \"1h30m\" is not a duration such as 30s, 10m, 1h or 2d")]
    [InlineData("limits: { maxAge: 3d }", "3:26: tenants.a.limits.maxAge: 3d is out of range, 0 to 2d")]
    [InlineData("limits: { maxAge: [1h] }", "3:26: tenants.a.limits.maxAge: expected text, found a list")]
    [InlineData("limits: { maxDust: 1 }", "3:18: tenants.a.limits.maxDust: unknown key; expected maxThings, maxBytes, maxAge")]
    [InlineData("limits: 1", "3:16: tenants.a.limits: expected a map, found text")]
    [InlineData("colour: red", "3:8: tenants.a.colour: unknown key; expected description, owner, color, shiny, number, limits")]
    [InlineData("color: pink", "3:15: tenants.a.color: \"pink\" is not known here; expected red, green, blue")]
    [InlineData("shiny: yes", "3:15: tenants.a.shiny: \"yes\" is neither true nor false")]
    [InlineData("number: 13", "3:16: tenants.a.number: 13 is unlucky")]
    public void A_setting_that_is_wrong_is_told(string settings, string expected) =>
        Assert.Equal([$"policy.yaml:{expected}"], TestPolicy.Faults($"version: 1\ntenants:\n  a: {{ {settings} }}\n", new PaintReader()));

    [Fact]
    public void A_wrong_default_is_told_once_however_many_tenants_take_it_over() => Assert.Equal(
        ["policy.yaml:2:40: tenantDefaults.limits.maxThings: \"many\" is not a whole number such as 50000"],
        TestPolicy.Faults("version: 1\ntenantDefaults: { limits: { maxThings: many } }\ntenants: { a: {}, b: {}, c: {} }", new PaintReader()));

    [Fact]
    public void What_belongs_to_one_tenant_has_no_default() => Assert.Equal(
        ["policy.yaml:2:19: tenantDefaults.number: belongs to one tenant and has no default"],
        TestPolicy.Faults("version: 1\ntenantDefaults: { number: 1 }\ntenants: { a: {} }", new PaintReader()));

    [Fact]
    public void Rules_that_span_tenants_are_told_at_the_tenant() => Assert.Equal(
        [
            "policy.yaml:2:43: tenants.b.number: tenant a has number 7 already",
            "policy.yaml:2:47: tenants.c.number: 0 is not for tenant c",
        ],
        TestPolicy.Faults("version: 1\ntenants: { a: { number: 7 }, b: { number: 7}, c: {} }", new PaintReader { NeedsNumber = true }));

    [Fact]
    public void Two_features_cannot_read_the_same_key() =>
        Assert.Throws<InvalidOperationException>(() => TestPolicy.Load("version: 1", new PaintReader(), new PaintReader()));

    [Fact]
    public void A_feature_without_a_reader_gets_an_exception_and_no_default() =>
        Assert.Throws<InvalidOperationException>(() => TestPolicy.Load("version: 1\ntenants: { a: {} }").Tenants[0].Settings<Paint>());

    private static Paint Read(string settings) =>
        TestPolicy.Load($"version: 1\ntenants:\n  a: {settings}\n", new PaintReader()).Tenants[0].Settings<Paint>();

    private sealed record Paint(string Color, bool? Shiny, long MaxThings, long MaxBytes, TimeSpan MaxAge)
    {
        public string? Number { get; init; }

        // Not what these tests compare.
        public bool Equals(Paint? other) =>
            other is not null && (Color, Shiny, MaxThings, MaxBytes, MaxAge) == (other.Color, other.Shiny, other.MaxThings, other.MaxBytes, other.MaxAge);

        public override int GetHashCode() => HashCode.Combine(Color, Shiny, MaxThings, MaxBytes, MaxAge);
    }

    /// <summary>Reads keys of no real feature.</summary>
    private sealed class PaintReader : ITenantSettingsReader
    {
        public bool NeedsNumber { get; init; }

        public IReadOnlyList<string> Keys => ["color", "shiny", "number"];

        public IReadOnlyList<string> LimitKeys => ["maxThings", "maxBytes", "maxAge"];

        public IReadOnlyList<string> KeysOfOneTenant => ["number"];

        public object Read(ITenantSettingsSource source)
        {
            string? number = source.Text("number");
            if (number is "13")
            {
                source.Fault("number", "13 is unlucky");
            }

            if (NeedsNumber && number is null)
            {
                source.Fault("number", $"0 is not for tenant {source.TenantName}");
            }

            return new Paint(
                source.OneOf("color", "red", "green", "blue") ?? "green",
                source.Flag("shiny"),
                source.Number("maxThings", 5, 1, 100),
                source.Bytes("maxBytes", 1000, 0, 1L << 30),
                source.Duration("maxAge", TimeSpan.FromMinutes(10), TimeSpan.Zero, TimeSpan.FromDays(2)))
            {
                Number = number,
            };
        }

        public void Check(IReadOnlyList<(ITenantSettingsSource Source, object Settings)> tenants)
        {
            foreach (var same in tenants.Where(one => ((Paint)one.Settings).Number is not null).GroupBy(one => ((Paint)one.Settings).Number))
            {
                foreach ((ITenantSettingsSource source, _) in same.Skip(1))
                {
                    source.Fault("number", $"tenant {same.First().Source.TenantName} has number {same.Key} already");
                }
            }
        }
    }
}
