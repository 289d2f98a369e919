using Microsoft.Extensions.Hosting;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Tests.Forwarding;

public sealed class StoreOptionsTests
{
    [Theory]
    [InlineData("Urll", "http://x", "Stores:main:Urll: there is no such key; there are Kind, Url,")]
    [InlineData("Auth:TokneFile", "x", "Stores:main:Auth:TokneFile: there is no such key; there are Kind, TokenFile,")]
    [InlineData("Auth:Password", "x", "Stores:main:Auth:Password: there is no such key")]
    [InlineData("Auth", "basic", "Stores:main:Auth: \"basic\" stands where a group of keys is expected")]
    [InlineData("Read:Urll", "http://x", "Stores:main:Read:Urll: there is no such key; there are Enabled, Url,")]
    [InlineData("Read:Url", "x", "Stores:main:Read:Url: \"x\" is not an http or https address")]
    [InlineData("Read:Path", "/a?b", "Stores:main:Read:Path: \"/a?b\" is not a path")]
    [InlineData("Read:Path", "/{tenant}", "Stores:main:Read:Path: holds {tenant}, which has a meaning with isolation Path only")]
    [InlineData("Read:Isolation", "Header", "Stores:main:Read:Isolation: Header keeps tenants apart only where writes are kept apart in the same way")]
    [InlineData("Read:Isolation", "Path", "Stores:main:Read:Isolation: Path keeps tenants apart only where")]
    [InlineData("Read:Label", "__name__", "Stores:main:Read:Label: \"__name__\" cannot be the tenant label")]
    [InlineData("Read:Label", "by", "Stores:main:Read:Label: \"by\" cannot be the tenant label")]
    [InlineData("Read:Header", "X-Tenant", "Stores:main:Read:Header: has no use with isolation Label")]
    [InlineData("Read:Federation", "true", "Stores:main:Read:Federation: has no use with isolation Label")]
    [InlineData("Read:Belt", "true", "Stores:main:Read:Belt: is known to VictoriaMetrics only")]
    [InlineData("Read:Constants:query", "x", "Stores:main:Read:Constants:query: is set by the gateway itself")]
    [InlineData("Read:SeriesMatcher", "Equality", "Stores:main:Read:SeriesMatcher: Equality is for Azure Monitor")]
    [InlineData("Read:AnswerTimeout", "00:10:00", "Stores:main:Read:AnswerTimeout: 00:10:00 is not between")]
    [InlineData("MaxAge", "01:00:00", "Stores:main:MaxAge: belongs to the disk queue")]
    [InlineData("Delivery", "Queued", "Stores:main:Delivery: Queued needs the disk queue")]
    [InlineData("Kind", "Prometheuss", "Stores:main:Kind: \"Prometheuss\" is none of Prometheus, VictoriaMetrics,")]
    [InlineData("Kind", "3", "Stores:main:Kind: \"3\" is none of")]
    [InlineData("Protocol", "V1, V2", "Stores:main:Protocol: \"V1, V2\" is none of Auto, V1, V2")]
    [InlineData("Url", "prometheus:9090", "Stores:main:Url: \"prometheus:9090\" is not an http or https address")]
    [InlineData("Url", "/api", "Stores:main:Url: \"/api\" is not an http")]
    [InlineData("Url", "ftp://x", "Stores:main:Url: \"ftp://x\" is not an http")]
    [InlineData("Url", "http://u:p@x", "Stores:main:Url: holds a user or password")]
    [InlineData("Url", "http://x/?a=b", "Stores:main:Url: holds a query or fragment")]
    [InlineData("Url", "http://x/#f", "Stores:main:Url: holds a query or fragment")]
    [InlineData("Url", "http://x/{tenant}", "Stores:main:Url: holds a brace")]
    [InlineData("Path", "api/v1/write", "Stores:main:Path: \"api/v1/write\" is not a path")]
    [InlineData("Path", "/a/../b", "Stores:main:Path: \"/a/../b\" is not a path")]
    [InlineData("Path", "/a b", "Stores:main:Path: \"/a b\" is not a path")]
    [InlineData("Path", "/{other}", "Stores:main:Path: \"/{other}\" is not a path")]
    [InlineData("Path", "/{tenant}/write", "Stores:main:Path: holds {tenant}, which has a meaning with isolation Path only")]
    [InlineData("Isolation", "Header", "Stores:main:Isolation: Prometheus knows no tenants of its own")]
    [InlineData("Header", "X-Tenant", "Stores:main:Header: has no use with isolation Label")]
    [InlineData("Headers:Authorization", "x", "Stores:main:Headers:Authorization: is set by the gateway itself")]
    [InlineData("Headers:content-type", "x", "Stores:main:Headers:content-type: is set by the gateway itself")]
    [InlineData("Headers:a b", "x", "Stores:main:Headers:a b: is not a header's name")]
    [InlineData("Headers:X-A", "b\r\nX-C: d", "Stores:main:Headers:X-A: has a value with characters")]
    [InlineData("Auth:Kind", "Basic", "Stores:main:Auth:UsernameFile: is missing; Basic needs it")]
    [InlineData("Auth:Kind", "BearerFile", "Stores:main:Auth:TokenFile: is missing")]
    [InlineData("Auth:Kind", "Entra", "Stores:main:Auth:Scope: is missing")]
    [InlineData("Auth:Scope", "x", "Stores:main:Auth:Scope: has no use with kind None")]
    [InlineData("Tls:CaFile", "ca.pem", "Stores:main:Tls: has no use with an http Url")]
    [InlineData("Tls:KeyFile", "key.pem", "Stores:main:Tls: CertificateFile and KeyFile go together")]
    [InlineData("MaxRequestBytes", "100", "Stores:main:MaxRequestBytes: 100 is not between 65536 and")]
    [InlineData("MaxConnections", "0", "Stores:main:MaxConnections: 0 is not between")]
    [InlineData("MaxConnections", "many", "'Stores:main:MaxConnections'")]
    [InlineData("Timeout", "00:10:00", "Stores:main:Timeout: 00:10:00 is not between")]
    [InlineData("Caps:MaxLabels", "1", "Stores:main:Caps:MaxLabels: 1 is neither 0 (no cap) nor 2 or more")]
    public void A_wrong_key_or_value_stops_the_start_and_is_named(string key, string value, string fault)
    {
        (string, string?)[] keys = [("Stores:main:Kind", "Prometheus"), ("Stores:main:Url", "http://127.0.0.1:9"), ("Stores:main:" + key, value)];

        IReadOnlyList<string> faults = ForwardHost.StartFaults(
            Environments.Production, [.. keys.GroupBy(entry => entry.Item1).Select(same => same.Last())]);

        Assert.Contains(faults, one => one.Contains(fault, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Kind", "Stores:main:Kind: is missing; it is one of Prometheus,")]
    [InlineData("Url", "Stores:main:Url: \"\" is not an http")]
    public void Kind_and_url_are_required(string missing, string fault)
    {
        (string Key, string? Value)[] keys = [("Stores:main:Kind", "Prometheus"), ("Stores:main:Url", "http://127.0.0.1:9")];

        IReadOnlyList<string> faults = ForwardHost.StartFaults(
            Environments.Production, [.. keys.Where(key => key.Key != "Stores:main:" + missing), ("Stores:main:Timeout", "00:00:05")]);

        Assert.StartsWith(fault, Assert.Single(faults), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("AzureMonitor", "Timeout", "00:00:05", "Stores:main:Path: is missing; AzureMonitor has no common one")]
    [InlineData("AzureMonitor", "Read:Enabled", "true", "Stores:main:Read:Url: is missing; AzureMonitor is read at another address than it is written to")]
    [InlineData("AzureMonitor", "Isolation", "Path", "Stores:main:Isolation: AzureMonitor knows no tenants")]
    [InlineData("VictoriaMetrics", "Isolation", "Header", "Stores:main:Isolation: VictoriaMetrics knows no tenants")]
    [InlineData("VictoriaMetricsCluster", "Path", "/insert/multitenant/prometheus/api/v1/write", "Stores:main:Path: the multitenant endpoint")]
    [InlineData("VictoriaMetricsCluster", "Path", "/insert/0/prometheus/api/v1/write", "Stores:main:Path: holds no {tenant}")]
    [InlineData("Mimir", "Header", "User-Agent", "Stores:main:Header: \"User-Agent\" is not a header that can carry the tenant")]
    [InlineData("Mimir", "Headers:x-scope-orgid", "other", "Stores:main:Headers:x-scope-orgid: is set by the gateway itself")]
    public void What_a_kind_of_store_cannot_do_stops_the_start(string kind, string key, string value, string fault)
    {
        IReadOnlyList<string> faults = ForwardHost.StartFaults(
            Environments.Production,
            ("Stores:main:Kind", kind), ("Stores:main:Url", "http://127.0.0.1:9"), ("Stores:main:" + key, value));

        Assert.Contains(faults, one => one.StartsWith(fault, StringComparison.Ordinal));
    }

    [Fact]
    public void A_stores_name_is_fit_for_metrics_and_folders()
    {
        IReadOnlyList<string> faults = ForwardHost.StartFaults(
            Environments.Production, ("Stores:a/b:Kind", "Prometheus"), ("Stores:a/b:Url", "http://127.0.0.1:9"));

        Assert.StartsWith("Stores:a/b: a store's name has", Assert.Single(faults), StringComparison.Ordinal);
    }

    [Fact]
    public void No_stores_and_several_stores_start()
    {
        Assert.Empty(ForwardHost.StartFaults(Environments.Production));
        Assert.Empty(ForwardHost.StartFaults(
            Environments.Production,
            ("Stores:a:kind", "prometheus"), ("Stores:a:url", "https://127.0.0.1:9/prefix/"), ("Stores:a:headers:X-Zone", "1"),
            ("Stores:b:Kind", "Thanos"), ("Stores:b:Url", "http://[::1]:9"), ("Stores:b:Header", "X-Tenant")));
    }

    [Theory]
    [InlineData("Prometheus", "http://s:9/p/api/v1/write", "Label")]
    [InlineData("VictoriaMetrics", "http://s:9/p/api/v1/write", "Label")]
    [InlineData("VictoriaMetricsCluster", "http://s:9/p/insert/7%3A1/prometheus/api/v1/write", "Path")]
    [InlineData("Mimir", "http://s:9/p/api/v1/push", "Header")]
    [InlineData("Cortex", "http://s:9/p/api/v1/push", "Header")]
    [InlineData("Thanos", "http://s:9/p/api/v1/receive", "Header")]
    public async Task A_kind_fills_address_and_isolation(string kind, string url, string isolation)
    {
        await using ForwardHost host = ForwardHost.WithMain(("Kind", kind), ("Url", "http://s:9/p/"));

        Assert.Equal(url, host.Main.TargetOf("7:1").Url.AbsoluteUri);
        Assert.Equal(isolation, host.Main.Isolation.ToString());
    }

    [Fact]
    public async Task Azure_monitor_leaves_as_1_0_within_its_caps_and_takes_the_label_in_any_case()
    {
        await using ForwardHost host = ForwardHost.WithMain(
            ("Kind", "AzureMonitor"), ("Url", "https://x.ingest.monitor.azure.com"),
            ("Path", "/dataCollectionRules/dcr-1/streams/Microsoft-PrometheusMetrics/api/v1/write?api-version=2023-04-24"));

        Assert.Equal(WriteProtocol.V1, host.Main.Protocol.LeavingFor(WriteProtocol.V2));
        Assert.True(host.Main.Stamping.TenantLabelIgnoresCase);
        Assert.Equal((62, 511, 511, 1023), Caps(host.Main));
        Assert.Equal("?api-version=2023-04-24", host.Main.TargetOf("acme").Url.Query);
    }

    [Fact]
    public async Task Caps_of_victoriametrics_leave_a_place_for_the_stamp_and_can_be_changed()
    {
        await using ForwardHost preset = ForwardHost.WithMain(("Kind", "VictoriaMetrics"), ("Url", "http://s"));
        await using ForwardHost cluster = ForwardHost.WithMain(("Kind", "VictoriaMetricsCluster"), ("Url", "http://s"));
        await using ForwardHost own = ForwardHost.WithMain(
            ("Kind", "VictoriaMetrics"), ("Url", "http://s"), ("Caps:MaxLabels", "0"), ("Caps:MaxLabelNameBytes", "100"));

        Assert.Equal((39, 4096, 256, 4096), Caps(preset.Main));
        Assert.Equal((40, 4096, 256, 4096), Caps(cluster.Main));
        Assert.Equal((int.MaxValue, 4096, 100, 4096), Caps(own.Main));
        Assert.True(preset.Main.Stamping.DropExemplars);
    }

    [Fact]
    public async Task The_label_is_stamped_where_it_isolates_or_always_and_metadata_of_tenants_does_not_meet()
    {
        await using ForwardHost label = ForwardHost.WithMain(("Kind", "Prometheus"), ("Url", "http://s"));
        await using ForwardHost header = ForwardHost.WithMain(("Kind", "Mimir"), ("Url", "http://s"));
        await using ForwardHost always = ForwardHost.WithMain(("Kind", "Mimir"), ("Url", "http://s"), ("Stamp", "Always"), ("Metadata", "Drop"));

        Assert.Equal((true, true), (label.Main.Stamping.Stamp, label.Main.Stamping.DropMetadata));
        Assert.Equal((false, false), (header.Main.Stamping.Stamp, header.Main.Stamping.DropMetadata));
        Assert.Equal((true, true), (always.Main.Stamping.Stamp, always.Main.Stamping.DropMetadata));
        Assert.Equal((false, true, false), (label.Main.Outgoing.ForwardMetadata, header.Main.Outgoing.ForwardMetadata, always.Main.Outgoing.ForwardMetadata));
    }

    [Fact]
    public async Task Labels_that_mean_a_tenant_to_a_store_are_reserved()
    {
        await using ForwardHost prometheus = ForwardHost.WithMain(("Kind", "Prometheus"), ("Url", "http://s"));
        await using ForwardHost thanos = ForwardHost.WithMain(("Kind", "Thanos"), ("Url", "http://s"));

        Assert.Equal(["vm_account_id", "vm_project_id", "__tenant_id__"], prometheus.Main.Stamping.ReservedLabels);
        Assert.Equal(["vm_account_id", "vm_project_id", "__tenant_id__", "tenant_id"], thanos.Main.Stamping.ReservedLabels);
    }

    [Fact]
    public async Task Custom_bounds_are_refused_only_where_the_request_would_leave_as_1_0()
    {
        await using ForwardHost v1 = ForwardHost.WithMain(("Kind", "Prometheus"), ("Url", "http://s"), ("Nhcb", "Refuse"), ("Protocol", "V1"));
        await using ForwardHost v2 = ForwardHost.WithMain(("Kind", "Prometheus"), ("Url", "http://s"), ("Nhcb", "Refuse"), ("Protocol", "V2"));
        await using ForwardHost expand = ForwardHost.WithMain(("Kind", "Prometheus"), ("Url", "http://s"), ("Protocol", "V1"));

        Assert.True(v1.Main.RefusesCustomBounds(WriteProtocol.V2));
        Assert.False(v2.Main.RefusesCustomBounds(WriteProtocol.V2));
        Assert.True(v2.Main.RefusesCustomBounds(WriteProtocol.V1));
        Assert.False(expand.Main.RefusesCustomBounds(WriteProtocol.V2));
    }

    [Theory]
    [InlineData("Kind", "AzureCli", "Credential:Kind: AzureCli is somebody's login")]
    [InlineData("ClientId", "me", "Credential:ClientId: \"me\" is not a client id")]
    [InlineData("Secret", "x", "Credential:Secret: there is no such key")]
    public void The_gateways_own_credential_is_checked(string key, string value, string fault) =>
        Assert.Contains(fault, Assert.Single(ForwardHost.StartFaults(Environments.Production, ("Credential:" + key, value))), StringComparison.Ordinal);

    [Fact]
    public void A_developers_login_serves_in_development() =>
        Assert.Empty(ForwardHost.StartFaults(Environments.Development, ("Credential:Kind", "AzureCli")));

    private static (int, int, int, int) Caps(Store store) => (
        store.Stamping.MaxLabelsPerSeries, store.Stamping.MaxMetricNameBytes, store.Stamping.MaxLabelNameBytes, store.Stamping.MaxLabelValueBytes);
}
