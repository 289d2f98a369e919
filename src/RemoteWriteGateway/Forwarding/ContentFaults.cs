using System.Text;

namespace RemoteWriteGateway.Forwarding;

/// <summary>
/// Faults of content that stores dress as 5xx: repeated, they would come back for ever. Each entry is a text as the store writes
/// it, and where it was seen.
/// </summary>
internal static class ContentFaults
{
    private static readonly byte[][] Texts =
    [
        // Prometheus before 3.9 without the feature native-histograms.
        "native histograms are disabled"u8.ToArray(),

        // Prometheus before 3.11, a histogram by 2.0 that is older than the out-of-order window.
        "too old sample"u8.ToArray(),

        // Prometheus before 3.7, histograms that contradict themselves (seen on 2.53.3 and 3.5.3). Ours are checked before; this is for
        // what a store checks and we do not.
        "histogram's observation count should"u8.ToArray(),
        "histogram has a bucket whose observation count is negative"u8.ToArray(),
        "histogram has a span whose offset is negative"u8.ToArray(),
        "histogram spans specify different number of buckets than provided"u8.ToArray(),
        "histogram custom bounds"u8.ToArray(),
        "custom buckets:"u8.ToArray(),
    ];

    /// <summary>All entries.</summary>
    public static IEnumerable<string> All => Texts.Select(Encoding.UTF8.GetString);

    /// <summary>Whether an answer's text is one of content.</summary>
    public static bool Match(ReadOnlySpan<byte> text)
    {
        foreach (byte[] known in Texts)
        {
            if (text.IndexOf(known) >= 0)
            {
                return true;
            }
        }

        return false;
    }
}
