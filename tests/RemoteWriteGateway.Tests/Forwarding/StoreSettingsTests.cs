using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Forwarding;

public sealed class StoreSettingsTests
{
    private static readonly (string, string?)[] Mimir = [("Kind", "Mimir"), ("Url", "http://s")];
    private static readonly (string, string?)[] Cluster = [("Kind", "VictoriaMetricsCluster"), ("Url", "http://s")];

    [Fact]
    public async Task A_tenant_that_names_no_store_is_at_the_only_one()
    {
        await using ForwardHost host = ForwardHost.WithMain(("Kind", "Prometheus"), ("Url", "http://s"));

        StoreTarget? target = Read(host, new Source("acme"));

        Assert.Same(host.Main, target?.Store);
        Assert.Equal("acme", target?.StoreId);
    }

    [Fact]
    public async Task Without_a_name_there_is_no_store_among_several_and_that_is_no_fault()
    {
        await using ForwardHost host = ForwardHost.With(
            ("Stores:a:Kind", "Prometheus"), ("Stores:a:Url", "http://a"), ("Stores:b:Kind", "Prometheus"), ("Stores:b:Url", "http://b"));
        Source source = new("acme");

        Assert.Null(Read(host, source));
        Assert.Empty(source.Faults);
        Assert.Equal("b", Read(host, new Source("acme") { ["store"] = "b" })?.Store.Name);
    }

    [Fact]
    public async Task A_store_that_is_not_configured_is_a_fault()
    {
        await using ForwardHost host = ForwardHost.WithMain(Mimir);
        Source source = new("acme") { ["store"] = "other" };

        Assert.Null(Read(host, source));
        Assert.Equal(["store: there is no store \"other\" in the configuration; there is main"], source.Faults);
    }

    [Theory]
    [InlineData("a|b")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("ä")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("__mimir_cluster")]
    [InlineData("")]
    public async Task An_id_that_a_header_store_would_take_for_something_else_is_a_fault(string id)
    {
        await using ForwardHost host = ForwardHost.WithMain(Mimir);
        Source source = new("acme") { ["storeId"] = id };

        Assert.Null(Read(host, source));
        Assert.StartsWith("storeId: store main: ", Assert.Single(source.Faults), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_id_has_150_characters_at_most()
    {
        await using ForwardHost host = ForwardHost.WithMain(Mimir);
        Source longest = new("acme") { ["storeId"] = new string('a', 150) };
        Source longer = new("acme") { ["storeId"] = new string('a', 151) };

        Assert.NotNull(Read(host, longest));
        Assert.Null(Read(host, longer));
        Assert.Single(longer.Faults);
    }

    [Theory]
    [InlineData("0", true)]
    [InlineData("4294967295:7", true)]
    [InlineData("4294967296", false)]
    [InlineData("01", false)]
    [InlineData("1:2:3", false)]
    [InlineData("-1", false)]
    [InlineData("acme", false)]
    [InlineData("1:", false)]
    public async Task A_tenant_of_a_cluster_is_one_or_two_numbers(string id, bool isOne)
    {
        await using ForwardHost host = ForwardHost.WithMain(Cluster);
        Source source = new("acme") { ["storeId"] = id };

        Assert.Equal(isOne, Read(host, source) is not null);
        Assert.Equal(isOne ? 0 : 1, source.Faults.Count);
    }

    [Fact]
    public async Task At_a_cluster_a_tenants_name_does_not_do_for_its_number()
    {
        await using ForwardHost host = ForwardHost.WithMain(Cluster);
        Source source = new("acme");

        Assert.Null(Read(host, source));
        Assert.EndsWith("set storeId", Assert.Single(source.Faults), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Mimir", "x", "x", true)]
    [InlineData("Mimir", "x", "X", false)]
    [InlineData("VictoriaMetricsCluster", "7", "7:0", true)]
    [InlineData("VictoriaMetricsCluster", "7", "7:1", false)]
    public async Task No_two_tenants_of_a_store_share_an_id(string kind, string one, string other, bool isShared)
    {
        await using ForwardHost host = ForwardHost.WithMain(("Kind", kind), ("Url", "http://s"));
        StoreSettingsReader reader = new(host.Stores);
        Source first = new("first") { ["storeId"] = one };
        Source second = new("second") { ["storeId"] = other };

        reader.Check([(first, reader.Read(first)), (second, reader.Read(second))]);

        Assert.Empty(first.Faults);
        Assert.Equal(
            isShared ? [$"storeId: tenant first has id \"{one}\" at store main already; two tenants with one id would be one"] : [], second.Faults);
    }

    [Theory]
    [InlineData("AzureMonitor", true)]
    [InlineData("Prometheus", false)]
    public async Task Where_values_of_labels_ignore_case_no_two_tenants_differ_in_case_alone(string kind, bool isShared)
    {
        await using ForwardHost host = ForwardHost.WithMain(("Kind", kind), ("Url", "http://s"), ("Path", "/write"));
        StoreSettingsReader reader = new(host.Stores);
        Source first = new("red");
        Source second = new("Red");

        reader.Check([(first, reader.Read(first)), (second, reader.Read(second))]);

        Assert.Equal(isShared ? 1 : 0, second.Faults.Count);
    }

    [Fact]
    public async Task An_id_for_a_store_that_carries_none_is_a_fault()
    {
        await using ForwardHost host = ForwardHost.WithMain(("Kind", "Prometheus"), ("Url", "http://s"));
        Source source = new("acme") { ["storeId"] = "7" };

        Read(host, source);

        Assert.StartsWith("storeId: has no use: store main is isolated by label", Assert.Single(source.Faults), StringComparison.Ordinal);
    }

    private static StoreTarget? Read(ForwardHost host, Source source) =>
        ((StoreSettings)new StoreSettingsReader(host.Stores).Read(source)).Target;

    /// <summary>One tenant's keys, and what was found wrong with them as <c>key: message</c>.</summary>
    private sealed class Source(string tenant) : Dictionary<string, string>, ITenantSettingsSource
    {
        public List<string> Faults { get; } = [];

        public string TenantName => tenant;

        public string? Text(string key) => this.GetValueOrDefault(key);

        public bool? Flag(string key) => throw new NotSupportedException(key);

        public string? OneOf(string key, params ReadOnlySpan<string> values) => throw new NotSupportedException(key);

        public long Number(string limit, long absent, long min, long max) => throw new NotSupportedException(limit);

        public long Bytes(string limit, long absent, long min, long max) => throw new NotSupportedException(limit);

        public TimeSpan Duration(string limit, TimeSpan absent, TimeSpan min, TimeSpan max) => throw new NotSupportedException(limit);

        public void Fault(string key, string message) => Faults.Add($"{key}: {message}");
    }
}
