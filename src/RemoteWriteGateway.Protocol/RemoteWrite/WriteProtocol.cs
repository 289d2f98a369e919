namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>The version of the remote write protocol that a body is written in.</summary>
public enum WriteProtocol
{
    /// <summary>Remote Write 1.0: <c>prometheus.WriteRequest</c>.</summary>
    V1 = 1,

    /// <summary>Remote Write 2.0: <c>io.prometheus.write.v2.Request</c>.</summary>
    V2 = 2,
}
