using Prometheus;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Storage;

namespace RemoteWriteGateway.Audit;

/// <summary>The audit's own metrics.</summary>
internal sealed class AuditMetrics
{
    private readonly Counter _records;
    private readonly Gauge _oldestUnwritten;
    private readonly Gauge _spooled;
    private readonly Gauge _available;
    private readonly Counter _damagedFiles;

    public AuditMetrics(IMetricFactory metrics)
    {
        _records = metrics.CreateCounter("rwgateway_audit_records_total", "Audit records that are in the catalog or the spool", ["event", "outcome"]);
        _oldestUnwritten = metrics.CreateGauge(
            "rwgateway_audit_oldest_unwritten_timestamp_seconds", "When the oldest event happened that is in memory only, 0 if there is none");
        _spooled = metrics.CreateGauge("rwgateway_audit_spooled_records", "Audit records in the spool, which wait for the catalog");
        _available = metrics.CreateGauge("rwgateway_audit_available", "0 while the audit cannot be written: reads, pushes and the admin API answer 503");
        _damagedFiles = metrics.CreateCounter("rwgateway_audit_damaged_spool_files_total", "Files of the spool that were set aside because they could not be read");
        foreach (string auditEvent in AuditEvents.All)
        {
            _records.WithLabels(auditEvent, AuditOutcomes.Allow);
        }

        _records.WithLabels(AuditEvents.Refusal, AuditOutcomes.Deny);
        _records.WithLabels(AuditEvents.Refusal, AuditOutcomes.Error);
        _available.Set(1);
    }

    public void CountWritten(AuditBatch batch)
    {
        foreach (ChainedRecord record in batch.Records)
        {
            _records.WithLabels(record.Record.Event, record.Record.Outcome).Inc();
        }
    }

    public void CountDamagedFile() => _damagedFiles.Inc();

    public void Show(bool isAvailable, DateTimeOffset? oldestUnwritten, long spooled)
    {
        _available.Set(isAvailable ? 1 : 0);
        _oldestUnwritten.Set(oldestUnwritten is { } at ? at.ToUnixTimeMilliseconds() / 1000.0 : 0);
        _spooled.Set(spooled);
    }
}
