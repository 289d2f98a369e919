namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Validates a write request and copies it with the tenant's label as the only tenant label of every series.</summary>
public static class SeriesStamper
{
    /// <summary>Reads <see cref="WriteWork.Decoded"/> once, writes <see cref="WriteWork.Stamped"/>, and fills <see cref="WriteWork.Result"/>.</summary>
    /// <param name="protocol">Which of the two messages <see cref="WriteWork.Decoded"/> holds; the output is the same one.</param>
    /// <param name="options">Label, limits and what the store takes.</param>
    /// <param name="nowMs">The time, in milliseconds since 1970, that timestamps are compared with.</param>
    /// <param name="work">Buffers and result. On a fault (<see cref="StampResult.Fault"/>) the output is empty.</param>
    /// <exception cref="ByteBudgetExceededException">A buffer may not grow further; the request can be repeated.</exception>
    public static void Stamp(WriteProtocol protocol, StampOptions options, long nowMs, WriteWork work) =>
        throw new NotImplementedException();
}
