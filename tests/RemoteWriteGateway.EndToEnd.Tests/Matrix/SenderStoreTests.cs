using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Matrix;

/// <summary>What real senders send through the gateway, as real stores return it.</summary>
public sealed class SenderStoreTests(SenderStoreMatrix matrix) : IClassFixture<SenderStoreMatrix>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Pairs() => Cases(_ => true, _ => true);

    public static TheoryData<string, string> PrometheusPairs() => Cases(sender => sender.IsPrometheus, IsPrometheusStore);

    public static TheoryData<string, string> PrometheusSendersToVictoriaMetrics() => Cases(sender => sender.IsPrometheus, store => !IsPrometheusStore(store));

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Every_sample_exposed_is_read_back_equal_with_the_writers_tenant(string senderName, string store)
    {
        Sender sender = Named(senderName);
        StoredSeries expected = matrix.Target.Expected(sender.Program, "scripted", sender.TenantAt(store));

        // VictoriaMetrics keeps decimals, not doubles: what has no short decimal is its own matter.
        string notCompared = IsPrometheusStore(store) ? "e2e_fleeting" : "e2e_fleeting|e2e_special";
        StoredSeries stored = await matrix.Stores[store].ReadAsync(
            SenderStoreMatrix.Selector(sender, store, "__name__=~\"e2e_.+\"", $"__name__!~\"{notCompared}\""), Cancellation);

        Assert.Equal(expected.Without(IsPrometheusStore(store) ? null : "e2e_special").ToText(), stored.ToText());
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Nothing_of_a_sender_is_refused(string senderName, string store)
    {
        Sender sender = Named(senderName);
        string tenant = $"tenant=\"{sender.TenantAt(store)}\"";

        double items = await matrix.Gateway.MetricAsync("rwgateway_ingest_refused_items_total", Cancellation, tenant);
        Assert.True(items == 0, $"{items} items were refused\n{matrix.LogOf(sender)}");
        double refused = await matrix.Gateway.MetricAsync("rwgateway_ingest_refused_requests_total", Cancellation, tenant);
        double zstd = await matrix.Gateway.MetricAsync(
            "rwgateway_ingest_refused_requests_total", Cancellation, tenant, "reason=\"unsupported-encoding\"");
        Assert.Equal(refused, zstd);
    }

    [Fact]
    public async Task No_store_holds_a_series_of_the_tenant_that_the_target_claimed()
    {
        foreach (IStore store in matrix.Stores.Values)
        {
            Assert.Empty(await store.ReadAsync($"{{tenant=\"{ScriptedTarget.ClaimedTenant}\"}}", Cancellation));
            Assert.Empty(await store.ReadAsync("{exported_tenant=~\".+\"}", Cancellation));
            Assert.Empty(await store.ReadAsync("{__name__=~\"e2e_.+\",tenant=\"\"}", Cancellation));
        }
    }

    [Theory]
    [MemberData(nameof(PrometheusPairs))]
    public async Task Native_histograms_are_read_back_equal_to_the_senders(string senderName, string store)
    {
        Sender sender = Named(senderName);
        StoredSeries stored = await matrix.Stores[store].ReadAsync($"{{job=\"self\",tenant=\"{sender.TenantAt(store)}\"}}", Cancellation);
        StoredSeries sent = await matrix.Prometheuses[sender.Program].ReadAsync("{job=\"self\"}", Cancellation);

        StoredSeries histograms = stored.Where(value => value.StartsWith('{'));
        Assert.True(histograms.SampleCount >= ScriptedTarget.Scrapes, $"only {histograms.SampleCount} histograms of {stored.SampleCount} samples");
        foreach ((string key, SortedDictionary<long, string> samples) in histograms)
        {
            // The sender goes on while this is read: both are compared over the time that the store has.
            string sentKey = key.Replace($",tenant=\"{sender.TenantAt(store)}\"", "");
            long first = samples.Keys.First(), last = samples.Keys.Last();
            Assert.Equal(sent[sentKey].Where(sample => sample.Key >= first && sample.Key <= last), samples);
        }
    }

    [Theory]
    [MemberData(nameof(PrometheusSendersToVictoriaMetrics))]
    public async Task Native_histograms_become_ranges_in_VictoriaMetrics(string senderName, string store)
    {
        StoredSeries buckets = await matrix.Stores[store].ReadAsync(
            $"{{job=\"self\",tenant=\"{Named(senderName).TenantAt(store)}\",vmrange!=\"\"}}", Cancellation);

        Assert.NotEmpty(buckets);
    }

    [Theory]
    [MemberData(nameof(PrometheusPairs))]
    public async Task Exemplars_are_read_back_equal(string senderName, string store)
    {
        Sender sender = Named(senderName);
        IReadOnlyList<string> expected = matrix.Target.ExpectedExemplars(sender.Program, "scripted", sender.TenantAt(store));
        PrometheusServer prometheus = (PrometheusServer)matrix.Stores[store];

        IReadOnlyList<string> stored = await prometheus.ReadExemplarsAsync(
            SenderStoreMatrix.Selector(sender, store, "__name__=\"e2e_requests_total\""), Cancellation);

        Assert.Equal(ScriptedTarget.Scrapes, expected.Count);
        Assert.Equal(expected, stored);
    }

    [Theory]
    [MemberData(nameof(PrometheusPairs))]
    public async Task A_series_that_ends_is_stale_in_the_store(string senderName, string store)
    {
        PrometheusServer prometheus = (PrometheusServer)matrix.Stores[store];
        string fleeting = SenderStoreMatrix.Selector(Named(senderName), store, "__name__=\"e2e_fleeting\"");

        // Its samples are there, younger than the five minutes for which a series without a stale marker would still be shown.
        Assert.Equal(ScriptedTarget.FleetingScrapes, await prometheus.ValueAsync($"count_over_time({fleeting}[4m])", Cancellation));
        Assert.Equal(0, await prometheus.ValueAsync($"count({fleeting})", Cancellation));
    }

    [Theory]
    [InlineData(Sender.Prometheus3)]
    [InlineData(Sender.Prometheus2)]
    public async Task A_Prometheus_reports_nothing_that_it_sent_as_failed(string program)
    {
        PrometheusServer sender = matrix.Prometheuses[program];
        foreach (string kind in new[] { "samples", "histograms", "exemplars" })
        {
            Assert.Equal(0, await sender.OwnMetricAsync($"prometheus_remote_storage_{kind}_failed_total", Cancellation));
            Assert.Equal(0, await sender.OwnMetricAsync($"prometheus_remote_storage_{kind}_dropped_total", Cancellation));
        }

        Assert.True(await sender.OwnMetricAsync("prometheus_remote_storage_samples_total", Cancellation) > 0);
    }

    [Fact]
    public async Task Vmagent_begins_with_zstd_and_goes_on_with_snappy()
    {
        foreach (string store in SenderStoreMatrix.StoreNames)
        {
            string tenant = $"tenant=\"{Named("vmagent-v1").TenantAt(store)}\"";
            double zstd = await matrix.Gateway.MetricAsync(
                "rwgateway_ingest_refused_requests_total", Cancellation, tenant, "reason=\"unsupported-encoding\"");
            double written = await matrix.Gateway.MetricAsync("rwgateway_ingest_requests_total", Cancellation, tenant, "code=\"2xx\"");
            Assert.True(zstd >= 1, $"vmagent sent no zstd to {store}");
            Assert.True(written > zstd, $"vmagent did not stay with snappy: {zstd} zstd, {written} written");
        }
    }

    [Theory]
    [InlineData(SenderStoreMatrix.Prometheus3, 1)]
    [InlineData(SenderStoreMatrix.Prometheus2, 0)]
    [InlineData(SenderStoreMatrix.VictoriaMetrics, 0)]
    public async Task A_store_is_sent_2_0_only_if_it_takes_it(string store, int takesV2)
    {
        double isV2 = await matrix.Gateway.MetricAsync("rwgateway_forward_protocol", Cancellation, $"store=\"{store}\"", "protocol=\"v2\"");

        Assert.Equal(takesV2, isV2);
    }

    private static bool IsPrometheusStore(string store) => store != SenderStoreMatrix.VictoriaMetrics;

    private static Sender Named(string name) => Sender.All.Single(sender => sender.Name == name);

    private static TheoryData<string, string> Cases(Func<Sender, bool> isSender, Func<string, bool> isStore)
    {
        TheoryData<string, string> cases = [];
        foreach (Sender sender in Sender.All.Where(isSender))
        {
            foreach (string store in SenderStoreMatrix.StoreNames.Where(isStore))
            {
                cases.Add(sender.Name, store);
            }
        }

        return cases;
    }
}
