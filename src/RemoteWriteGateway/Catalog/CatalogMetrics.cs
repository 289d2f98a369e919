using Prometheus;

namespace RemoteWriteGateway.Catalog;

/// <summary>What operators see of the catalog.</summary>
internal sealed class CatalogMetrics
{
    private readonly Gauge _up;
    private readonly Gauge _read;
    private readonly Gauge _schema;
    private readonly Gauge _liveReplicas;
    private readonly Counter.Child _succeeded;
    private readonly Counter.Child _failed;
    private readonly Counter _hints;
    private readonly Counter _subscriberErrors;

    public CatalogMetrics(IMetricFactory metrics)
    {
        _up = metrics.CreateGauge("rwgateway_catalog_up", "1 while the catalog answers");
        _read = metrics.CreateGauge("rwgateway_catalog_read_timestamp_seconds", "When the catalog was last asked what has changed, and answered; 0 = never yet");
        _schema = metrics.CreateGauge("rwgateway_catalog_schema_version", "Version of the catalog's schema, 0 = not known yet");
        _liveReplicas = metrics.CreateGauge("rwgateway_catalog_live_replicas", "Gateways that share the catalog and were seen within 15 s, this one included");
        Counter polls = metrics.CreateCounter("rwgateway_catalog_polls_total", "Questions to the catalog for what has changed, by result", ["result"]);
        _succeeded = polls.WithLabels("success");
        _failed = polls.WithLabels("failure");
        _hints = metrics.CreateCounter("rwgateway_catalog_notifications_total", "Changes that PostgreSQL told of before they were asked for");
        _subscriberErrors = metrics.CreateCounter("rwgateway_catalog_subscriber_errors_total", "Changes that a part of the gateway could not take over at first");
    }

    public void SetSchema(int version) => _schema.Set(version);

    public void SetLiveReplicas(int count) => _liveReplicas.Set(count);

    public void CountRead(DateTimeOffset at)
    {
        _up.Set(1);
        _read.Set(at.ToUnixTimeMilliseconds() / 1000.0);
        _succeeded.Inc();
    }

    public void CountFailure()
    {
        _up.Set(0);
        _failed.Inc();
    }

    public void CountHint() => _hints.Inc();

    public void CountSubscriberError() => _subscriberErrors.Inc();
}
