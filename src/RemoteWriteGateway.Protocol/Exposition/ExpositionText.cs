using System.Buffers;
using System.Text;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>The texts of faults, as they stand behind a reason's id in an answer.</summary>
internal static class ExpositionText
{
    /// <summary>Most bytes of the caller's own that a text quotes in one place.</summary>
    private const int MaxExcerptBytes = 64;

    public const string TypeNames = "counter, gauge, summary, untyped, histogram, gaugehistogram";

    public static ExpositionFault TooManySeries(ExpositionOptions options) => new(
        ExpositionReason.TooManySeries,
        $"more than {options.MaxSeriesPerPush} series in one push, limit {options.MaxSeriesPerPush} (push.limits.maxSeriesPerPush); push less at once");

    public static ExpositionFault TooManyFamilies(ExpositionOptions options) => new(
        ExpositionReason.TooManyFamilies,
        $"more than {options.MaxFamiliesPerPush} families in one push, limit {options.MaxFamiliesPerPush} (push.limits.maxFamiliesPerPush); push less at once");

    public static ExpositionFault TooManyRawLabels(ExpositionOptions options, string where) => new(
        ExpositionReason.TooManyLabels,
        $"{where}: more than {options.MaxRawLabels} labels, limit {options.Limits.MaxLabelsPerSeries} (maxLabelsPerSeries)");

    /// <summary>The caller's bytes, 64 at most, without quotes around them: control characters and what is not UTF-8 as <c>\xHH</c>.</summary>
    public static string Excerpt(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        bool isCut = bytes.Length > MaxExcerptBytes;
        ReadOnlySpan<byte> rest = isCut ? bytes[..MaxExcerptBytes] : bytes;
        while (!rest.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf8(rest, out Rune rune, out int consumed);
            if (isCut && status == OperationStatus.NeedMoreData)
            {
                // The cut went through a character.
                break;
            }

            if (status == OperationStatus.Done && !Rune.IsControl(rune) && rune.Value is not (0x2028 or 0x2029))
            {
                text.Append(rune.ToString());
            }
            else
            {
                foreach (byte next in rest[..consumed])
                {
                    text.Append("\\x").Append(Convert.ToHexString([next]));
                }
            }

            rest = rest[consumed..];
        }

        return isCut ? text.Append("...").ToString() : text.ToString();
    }

    /// <summary>The caller's bytes in quotes.</summary>
    public static string Quoted(ReadOnlySpan<byte> bytes) => $"\"{Excerpt(bytes)}\"";
}
