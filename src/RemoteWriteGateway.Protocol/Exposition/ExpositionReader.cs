using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Reads a pushed body of any of the three formats.</summary>
public static class ExpositionReader
{
    /// <summary>Reads <paramref name="body"/> whole into <paramref name="families"/>, bounded by the options while it is read.</summary>
    /// <param name="body">Unpacked. It must stay as it is for as long as <paramref name="families"/> is read.</param>
    /// <param name="format">What the media type said.</param>
    /// <param name="options">The tenant's.</param>
    /// <param name="families">Receives what was found; emptied first. With a fault its contents mean nothing.</param>
    /// <returns>The first fault, or none. Ask <see cref="ContentRules.Check"/> next: what was read may still be what must not be stored.</returns>
    /// <exception cref="ByteBudgetExceededException">The bytes of all requests in flight are used up; the push can be repeated.</exception>
    /// <remarks>An empty body is an empty push in every format. Families of text without samples are left out, those of protobuf stay, empty.</remarks>
    public static ExpositionFault Read(
        ReadOnlyMemory<byte> body, ExpositionFormat format, ExpositionOptions options, MetricFamilies families)
    {
        families.Clear();
        if (body.IsEmpty)
        {
            return default;
        }

        families.Body = body;
        families.Format = format;
        ExpositionFault fault = format switch
        {
            ExpositionFormat.Protobuf => new DelimitedReader(body.Span, options, families).Read(),
            ExpositionFormat.OpenMetrics => new OpenMetricsReader(body.Span, options, families).Read(),
            _ => new TextFormatReader(body.Span, options, families).Read(),
        };
        return fault.IsNone ? families.Builder.Finish(options, keepEmpty: format == ExpositionFormat.Protobuf) : fault;
    }
}
