namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>The three forms in which metric families are pushed.</summary>
public enum ExpositionFormat
{
    /// <summary>Prometheus' text format 0.0.4.</summary>
    Text,

    /// <summary>OpenMetrics 1.0 as text.</summary>
    OpenMetrics,

    /// <summary><c>io.prometheus.client.MetricFamily</c> messages, each behind its length as a varint.</summary>
    Protobuf,
}
