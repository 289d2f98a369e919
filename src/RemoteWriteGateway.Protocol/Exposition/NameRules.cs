using System.Buffers;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Which names may be written without quotes.</summary>
internal static class NameRules
{
    private static readonly SearchValues<byte> LabelBytes =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"u8);

    private static readonly SearchValues<byte> MetricBytes =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:"u8);

    /// <summary><c>[a-zA-Z_:][a-zA-Z0-9_:]*</c>, for labels without the colon.</summary>
    public static bool IsLegacy(ReadOnlySpan<byte> name, bool isMetric) =>
        !name.IsEmpty && name[0] is < (byte)'0' or > (byte)'9' && !name.ContainsAnyExcept(isMetric ? MetricBytes : LabelBytes);
}
