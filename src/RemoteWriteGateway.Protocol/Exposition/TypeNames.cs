using System.Text;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>How the types of families are written.</summary>
public static class TypeNames
{
    /// <summary>The type as a TYPE line of text 0.0.4 has it, in any case.</summary>
    public static bool TryParseText(ReadOnlySpan<byte> text, out FamilyType type)
    {
        for (type = FamilyType.Counter; type <= FamilyType.GaugeHistogram; type++)
        {
            if (Ascii.EqualsIgnoreCase(text, Of(type)))
            {
                return true;
            }
        }

        type = FamilyType.GaugeHistogram;
        return Ascii.EqualsIgnoreCase(text, "gauge_histogram"u8);
    }

    /// <summary>The type as it is written in text 0.0.4.</summary>
    public static ReadOnlySpan<byte> Of(FamilyType type) => type switch
    {
        FamilyType.Counter => "counter"u8,
        FamilyType.Gauge => "gauge"u8,
        FamilyType.Summary => "summary"u8,
        FamilyType.Histogram => "histogram"u8,
        FamilyType.GaugeHistogram => "gaugehistogram"u8,
        _ => "untyped"u8,
    };
}
