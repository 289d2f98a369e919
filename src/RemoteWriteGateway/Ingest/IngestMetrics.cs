using System.Collections.Concurrent;
using Prometheus;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Ingest;

/// <summary>What is counted of writes. Label values are closed sets: the policy's tenants, reason ids, configured stores.</summary>
internal sealed class IngestMetrics(IMetricFactory metrics)
{
    /// <summary>Tenants with label values of their own; the rest share <c>_other</c>.</summary>
    private const int MaxTenants = 1000;

    private readonly ConcurrentDictionary<string, TenantMetrics> _tenants = new(StringComparer.Ordinal);

    public Counter Requests { get; } = metrics.CreateCounter(
        "rwgateway_ingest_requests_total", "Write requests answered", ["tenant", "protocol", "code"]);

    public Histogram Duration { get; } = metrics.CreateHistogram(
        "rwgateway_ingest_request_duration_seconds", "From the request's first byte to the answer", ["protocol"],
        new HistogramConfiguration { Buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] });

    public Counter BodyBytes { get; } = metrics.CreateCounter(
        "rwgateway_ingest_body_bytes_total", "Bytes of bodies read", ["tenant", "protocol"]);

    public Counter DecodedBytes { get; } = metrics.CreateCounter(
        "rwgateway_ingest_decoded_bytes_total", "Bytes after decompression", ["tenant", "protocol"]);

    public Counter Series { get; } = metrics.CreateCounter(
        "rwgateway_ingest_series_total", "Series entries read", ["tenant", "protocol"]);

    public Counter Samples { get; } = metrics.CreateCounter(
        "rwgateway_ingest_samples_total", "Samples read, before any refusal", ["tenant"]);

    public Counter Histograms { get; } = metrics.CreateCounter(
        "rwgateway_ingest_histograms_total", "Native histograms read, before any refusal", ["tenant"]);

    public Counter Exemplars { get; } = metrics.CreateCounter(
        "rwgateway_ingest_exemplars_total", "Exemplars read, before any refusal", ["tenant"]);

    public Counter WrittenItems { get; } = metrics.CreateCounter(
        "rwgateway_ingest_written_items_total", "Items counted as written", ["tenant", "store", "kind"]);

    public Counter StaleMarkers { get; } = metrics.CreateCounter(
        "rwgateway_ingest_stale_markers_total", "Stale samples and histograms accepted", ["tenant"]);

    public Counter RefusedRequests { get; } = metrics.CreateCounter(
        "rwgateway_ingest_refused_requests_total", "Requests refused whole", ["tenant", "reason"]);

    public Counter RefusedItems { get; } = metrics.CreateCounter(
        "rwgateway_ingest_refused_items_total", "Items refused, and series refused as a whole", ["tenant", "reason", "kind"]);

    public Counter MetadataDropped { get; } = metrics.CreateCounter(
        "rwgateway_ingest_metadata_dropped_total", "Metadata not passed on", ["tenant", "reason"]);

    public Counter RemovedLabels { get; } = metrics.CreateCounter(
        "rwgateway_stamp_removed_labels_total", "Labels removed from series", ["tenant", "kind"]);

    public Gauge NewestTimestamp { get; } = metrics.CreateGauge(
        "rwgateway_ingest_latest_sample_timestamp_seconds", "Newest sample timestamp accepted", ["tenant"]);

    public Gauge LimitValue { get; } = metrics.CreateGauge(
        "rwgateway_limit_value", "Configured limits", ["tenant", "limit"]);

    /// <summary>Shows a tenant's limits as they are configured: bytes, numbers, and times in seconds.</summary>
    public void ShowLimits(string tenant, WriteSettings settings)
    {
        string label = Of(tenant).Tenant;
        if (label != tenant)
        {
            return;
        }

        Show("maxBodyBytes", settings.MaxBodyBytes);
        Show("maxDecodedBytes", settings.MaxDecodedBytes);
        Show("maxExpandedBytes", settings.MaxExpandedBytes);
        Show("maxSeriesPerRequest", settings.MaxSeriesPerRequest);
        Show("maxSamplesPerRequest", settings.MaxSamplesPerRequest);
        Show("maxLabelsPerSeries", settings.MaxLabelsPerSeries);
        Show("maxMetricNameBytes", settings.MaxMetricNameBytes);
        Show("maxLabelNameBytes", settings.MaxLabelNameBytes);
        Show("maxLabelValueBytes", settings.MaxLabelValueBytes);
        Show("maxMetadataBytes", settings.MaxMetadataBytes);
        Show("maxHistogramBuckets", settings.MaxHistogramBuckets);
        Show("maxFuture", settings.MaxFuture.TotalSeconds);
        Show("maxPast", settings.MaxPast.TotalSeconds);
        Show("maxInflightRequests", settings.MaxInflightRequests);

        void Show(string limit, double value) => LimitValue.WithLabels(label, limit).Set(value);
    }

    /// <summary>The metrics of a declared tenant, at zero when first asked for.</summary>
    public TenantMetrics Of(string tenant) => _tenants.TryGetValue(tenant, out TenantMetrics? known)
        ? known
        : _tenants.Count < MaxTenants ? _tenants.GetOrAdd(tenant, name => new TenantMetrics(this, name))
        : _tenants.GetOrAdd("_other", name => new TenantMetrics(this, name));
}

/// <summary>The children of <see cref="IngestMetrics.WrittenItems"/> for one tenant and store.</summary>
internal sealed class WrittenMetrics(IngestMetrics metrics, string tenant, string store)
{
    private readonly Counter.Child _samples = metrics.WrittenItems.WithLabels(tenant, store, "sample");
    private readonly Counter.Child _histograms = metrics.WrittenItems.WithLabels(tenant, store, "histogram");
    private readonly Counter.Child _exemplars = metrics.WrittenItems.WithLabels(tenant, store, "exemplar");

    public void Count(ItemCounts written)
    {
        _samples.Inc(written.Samples);
        _histograms.Inc(written.Histograms);
        _exemplars.Inc(written.Exemplars);
    }
}

/// <summary>The children of <see cref="IngestMetrics"/> for one tenant and both protocols, so that a request looks nothing up.</summary>
internal sealed class TenantMetrics
{
    private readonly IngestMetrics _metrics;
    private readonly ProtocolMetrics _v1;
    private readonly ProtocolMetrics _v2;
    private readonly Counter.Child _samples;
    private readonly Counter.Child _histograms;
    private readonly Counter.Child _exemplars;
    private readonly Counter.Child _staleMarkers;
    private readonly Counter.Child _removedTenant;
    private readonly Counter.Child _removedReserved;
    private readonly Counter.Child _removedEmpty;
    private readonly Gauge.Child _newest;

    public TenantMetrics(IngestMetrics metrics, string tenant)
    {
        _metrics = metrics;
        Tenant = tenant;
        _v1 = new ProtocolMetrics(metrics, tenant, "v1");
        _v2 = new ProtocolMetrics(metrics, tenant, "v2");
        _samples = metrics.Samples.WithLabels(tenant);
        _histograms = metrics.Histograms.WithLabels(tenant);
        _exemplars = metrics.Exemplars.WithLabels(tenant);
        _staleMarkers = metrics.StaleMarkers.WithLabels(tenant);
        _removedTenant = metrics.RemovedLabels.WithLabels(tenant, "tenant");
        _removedReserved = metrics.RemovedLabels.WithLabels(tenant, "reserved");
        _removedEmpty = metrics.RemovedLabels.WithLabels(tenant, "empty");
        _newest = metrics.NewestTimestamp.WithLabels(tenant);
    }

    /// <summary>The label's value: the tenant's name, or <c>_other</c>.</summary>
    public string Tenant { get; }

    public ProtocolMetrics Of(WriteProtocol protocol) => protocol == WriteProtocol.V2 ? _v2 : _v1;

    /// <summary>Counts what stamping found.</summary>
    public void Observe(WriteProtocol protocol, StampResult result)
    {
        Of(protocol).Series.Inc(result.SeriesRead);
        _samples.Inc(result.Read.Samples);
        _histograms.Inc(result.Read.Histograms);
        _exemplars.Inc(result.Read.Exemplars);
        _staleMarkers.Inc(result.StaleMarkers);
        _removedTenant.Inc(result.RemovedTenantLabels);
        _removedReserved.Inc(result.RemovedReservedLabels);
        _removedEmpty.Inc(result.RemovedEmptyLabels);
        if (result.NewestTimestampMs != long.MinValue)
        {
            _newest.IncTo(result.NewestTimestampMs / 1000.0);
        }

        for (StampReason reason = StampReason.MetadataInvalid; reason <= StampReason.MetadataPolicy; reason++)
        {
            if (result.MetadataDropped(reason) is > 0 and long dropped)
            {
                _metrics.MetadataDropped.WithLabels(Tenant, reason.Id()).Inc(dropped);
            }
        }
    }

    public void CountRefusedItems(string reason, long series, ItemCounts items)
    {
        Add("series", series);
        Add("sample", items.Samples);
        Add("histogram", items.Histograms);
        Add("exemplar", items.Exemplars);

        void Add(string kind, long count)
        {
            if (count > 0)
            {
                _metrics.RefusedItems.WithLabels(Tenant, reason, kind).Inc(count);
            }
        }
    }
}

/// <summary>The children for one tenant and protocol.</summary>
internal sealed class ProtocolMetrics(IngestMetrics metrics, string tenant, string protocol)
{
    public Counter.Child BodyBytes { get; } = metrics.BodyBytes.WithLabels(tenant, protocol);

    public Counter.Child DecodedBytes { get; } = metrics.DecodedBytes.WithLabels(tenant, protocol);

    public Counter.Child Series { get; } = metrics.Series.WithLabels(tenant, protocol);

    public Counter.Child Succeeded { get; } = metrics.Requests.WithLabels(tenant, protocol, "2xx");

    public Histogram.Child Duration { get; } = metrics.Duration.WithLabels(protocol);

    /// <summary>Counts one answered request.</summary>
    public void CountAnswer(int statusCode)
    {
        if (statusCode is >= 200 and < 300)
        {
            Succeeded.Inc();
        }
        else
        {
            metrics.Requests.WithLabels(tenant, protocol, CodeOf(statusCode)).Inc();
        }
    }

    private static string CodeOf(int statusCode) => statusCode switch
    {
        429 => "429",
        >= 500 => "5xx",
        >= 400 => "4xx",
        >= 300 => "3xx",
        _ => "2xx",
    };
}
