using System.Globalization;
using System.Text;

namespace RemoteWriteGateway.Query;

/// <summary>The label's name in a path: Prometheus' way to carry any name in a segment, <c>U__…</c>.</summary>
internal static class LabelNames
{
    private const string Prefix = "U__";

    /// <summary>Reads the segment: escapes undone once, then the prefix.</summary>
    /// <returns>False for an empty name, a NUL, a bad escape or bytes that are not UTF-8.</returns>
    public static bool TryRead(ReadOnlySpan<char> segment, out string name)
    {
        name = "";
        byte[] encoded = Encoding.UTF8.GetBytes(segment.ToString());

        // In a path a plus is a plus.
        byte[] kept = [.. encoded.SelectMany(one => one == '+' ? "%2B"u8.ToArray() : [one])];
        byte[] decoded = new byte[kept.Length];
        if (!RawPairs.TryDecode(kept, decoded, out int length) || length == 0)
        {
            return false;
        }

        name = Unescape(Encoding.UTF8.GetString(decoded, 0, length));
        return name.Length > 0 && !name.Contains('\0', StringComparison.Ordinal);
    }

    /// <summary>The segment for a store: the name as it is if it is a plain one, else <c>U__…</c>. Never with a percent escape.</summary>
    public static string Segment(string name)
    {
        if (IsPlain(name))
        {
            return name;
        }

        StringBuilder segment = new(Prefix);
        bool isFirst = true;
        foreach (Rune rune in name.EnumerateRunes())
        {
            if (rune.Value == '_')
            {
                segment.Append("__");
            }
            else if (rune.IsAscii && (char.IsAsciiLetter((char)rune.Value) || (char.IsAsciiDigit((char)rune.Value) && !isFirst)))
            {
                segment.Append((char)rune.Value);
            }
            else
            {
                segment.Append(CultureInfo.InvariantCulture, $"_{rune.Value:x}_");
            }

            isFirst = false;
        }

        return segment.ToString();
    }

    /// <summary>Whether a name, which is not empty, is written as it is in paths and texts.</summary>
    public static bool IsPlain(string name) =>
        (char.IsAsciiLetter(name[0]) || name[0] == '_') && name.All(one => char.IsAsciiLetterOrDigit(one) || one == '_')

        // The store would unescape a name that looks like an escaped one.
        && !name.StartsWith(Prefix, StringComparison.Ordinal);

    // One sequence that is none leaves the whole name as it is.
    private static string Unescape(string name)
    {
        if (!name.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return name;
        }

        StringBuilder plain = new();
        for (int i = Prefix.Length; i < name.Length; i++)
        {
            if (name[i] != '_')
            {
                plain.Append(name[i]);
                continue;
            }

            int end = name.IndexOf('_', i + 1);
            if (end == i + 1)
            {
                plain.Append('_');
            }
            else if (end > i && end - i <= 7
                && int.TryParse(name.AsSpan(i + 1, end - i - 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
                && Rune.TryCreate(value, out Rune rune))
            {
                plain.Append(rune.ToString());
            }
            else
            {
                return name;
            }

            i = end;
        }

        return plain.ToString();
    }
}
