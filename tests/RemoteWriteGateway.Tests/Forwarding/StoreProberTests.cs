using Microsoft.Extensions.Logging.Abstractions;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Forwarding;

public sealed class StoreProberTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Theory]
    [InlineData(204)]
    [InlineData(400)]
    public async Task Count_headers_in_the_answer_mean_2_0(int status)
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerProbes = new StoreAnswer(status).WithCounts(0, 0, 0);

        TimeSpan next = await Prober(host).ProbeAllAsync(TestContext.Current.CancellationToken);

        Assert.Equal(Hour, next);
        Assert.Equal(WriteProtocol.V2, host.Main.Protocol.Taken);
        ReceivedRequest probe = Assert.Single(store.Probes);
        Assert.Equal([""], probe.AsV2.Symbols);
        Assert.Equal("application/x-protobuf;proto=io.prometheus.write.v2.Request", probe.Header("Content-Type"));
        Assert.Equal("2.0.0", probe.Header("X-Prometheus-Remote-Write-Version"));
        Assert.Equal(0, await host.MetricAsync("""rwgateway_forward_requests_total{store="main",protocol="v2",code="2xx"}"""));
    }

    [Theory]
    [InlineData(200)]
    [InlineData(204)]
    [InlineData(400)]
    [InlineData(415)]
    [InlineData(503)]
    public async Task Nothing_else_proves_anything(int status)
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerProbes = new StoreAnswer(status);
        StoreProber prober = Prober(host);

        Assert.Equal(ProbeResult.Unclear, await prober.ProbeAsync(host.Main, TestContext.Current.CancellationToken));
        Assert.Null(host.Main.Protocol.Taken);

        host.Main.Protocol.Learn(WriteProtocol.V2);
        await prober.ProbeAsync(host.Main, TestContext.Current.CancellationToken);
        Assert.Equal(WriteProtocol.V2, host.Main.Protocol.Taken);
    }

    [Fact]
    public async Task A_store_that_has_learned_2_0_since_is_found_by_the_next_probe()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        store.AnswerNext(StoreAnswer.Swallow, StoreAnswer.Swallow);
        await host.SendAsync(Messages.V2Samples("a"));
        Assert.Equal(WriteProtocol.V1, host.Main.Protocol.Taken);

        store.AnswerProbes = StoreAnswer.Accept;
        await Prober(host).ProbeAllAsync(TestContext.Current.CancellationToken);

        Assert.Equal(WriteProtocol.V2, host.Main.Protocol.Taken);
        Assert.Equal(2, await host.MetricAsync("""rwgateway_forward_protocol_changes_total{store="main"}"""));
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_asked_again_soon()
    {
        RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        await store.DisposeAsync();

        Assert.Equal(TimeSpan.FromSeconds(30), await Prober(host).ProbeAllAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("V1")]
    [InlineData("V2")]
    public async Task A_store_whose_protocol_is_set_is_not_asked(string protocol)
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("Protocol", protocol));

        Assert.Equal(Hour, await Prober(host).ProbeAllAsync(TestContext.Current.CancellationToken));
        Assert.Empty(store.Probes);
    }

    [Fact]
    public async Task Where_a_header_carries_the_tenant_the_probe_is_that_of_a_tenant_of_the_store()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.WithMain(("Kind", "Mimir"), ("Url", store.Url.ToString()));
        await using ForwardHost other = ForwardHost.WithMain(("Kind", "Mimir"), ("Url", store.Url.ToString()));
        store.AnswerProbes = StoreAnswer.Accept;

        ProbeResult without = await Prober(host, At(other, "elsewhere")).ProbeAsync(host.Main, TestContext.Current.CancellationToken);
        ProbeResult with = await Prober(host, At(other, "elsewhere"), new Tenant("none", [new StoreSettings(null)]), At(host, "acme"))
            .ProbeAsync(host.Main, TestContext.Current.CancellationToken);

        Assert.Equal((ProbeResult.NoTenant, ProbeResult.TakesV2), (without, with));
        Assert.Equal("acme", Assert.Single(store.Probes).Header("X-Scope-OrgID"));
    }

    [Fact]
    public async Task Stores_are_asked_when_the_service_starts_and_it_stops_at_once()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store);
        using StoreProber prober = Prober(host);
        store.AnswerProbes = StoreAnswer.Hang;

        await prober.StartAsync(TestContext.Current.CancellationToken);
        await store.NextProbeAsync();
        await prober.StopAsync(TestContext.Current.CancellationToken);

        Assert.True(prober.ExecuteTask?.IsCompleted);
    }

    private static StoreProber Prober(ForwardHost host, params Tenant[] tenants) =>
        new(host.Stores, () => tenants, host.Time, NullLogger<StoreProber>.Instance);

    private static Tenant At(ForwardHost host, string tenant) => new(tenant, [new StoreSettings(host.Main.TargetOf(tenant))]);
}
