using System.Text;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Quotes a pushed series as a selector. For answers only, never for logs.</summary>
internal static class SeriesText
{
    // A series is one excerpt of many parts: about as long as the write side quotes one.
    private const int MaxLength = 200;

    public static string Of(ReadOnlySpan<byte> name, SeriesLabels labels)
    {
        var text = new StringBuilder(ExpositionText.Excerpt(name));
        for (int i = 0; i < labels.Count && text.Length < MaxLength; i++)
        {
            text.Append(i == 0 ? '{' : ',');
            text.Append(ExpositionText.Excerpt(labels.Name(i))).Append('=').Append(ExpositionText.Quoted(labels.Value(i)));
        }

        if (text.Length >= MaxLength)
        {
            return text.ToString(0, MaxLength) + "...";
        }

        return labels.Count > 0 ? text.Append('}').ToString() : text.ToString();
    }
}
