using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Push;

/// <summary>The labels that the path of a push names: <c>/metrics/job[@base64]/&lt;job&gt;{/&lt;label&gt;[@base64]/&lt;value&gt;}</c>.</summary>
/// <param name="Labels">Each name once, <c>job</c> first, in the order of the path; values may be empty, that of <c>job</c> is not.</param>
internal sealed record PushPath(ImmutableArray<KeyValuePair<string, string>> Labels)
{
    public const string JobInBase64 = "job" + Base64Suffix;

    /// <summary>Longest path, in bytes.</summary>
    public const int MaxPathBytes = 8 * 1024;

    private const string Base64Suffix = "@base64";
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    private const string Suspect = "; if a proxy stands in front, have it pass the path as it is (no decoding, no merging of slashes)";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The job.</summary>
    public string Job => Labels[0].Value;

    /// <summary>Reads the path of a push.</summary>
    /// <param name="target">Of area <see cref="PushArea.Group"/>.</param>
    /// <param name="utf8Names">Whether names of labels may be any UTF-8.</param>
    /// <param name="maxLabels">Most labels, the job included.</param>
    /// <param name="path">What it says, if there is no refusal.</param>
    public static Refusal? TryRead(PushTarget target, bool utf8Names, int maxLabels, out PushPath? path)
    {
        path = null;
        if (target.Path.Length > MaxPathBytes)
        {
            return Bad("path-too-long", string.Create(CultureInfo.InvariantCulture, $"the path has {target.Path.Length} bytes, limit {MaxPathBytes}; use shorter labels"));
        }

        ImmutableArray<string?> segments = [.. target.Segments.Select(PushTarget.Decode)];
        if (segments.Any(static segment => segment is "." or ".."))
        {
            return Bad("path-dot-segment", "a path segment is \".\" or \"..\", which proxies resolve; write it as label@base64/Lg or label@base64/Li4");
        }

        if (segments.Contains(null))
        {
            return Bad("path-bad-encoding", "an escape in the path is cut or wrong, or what it encodes is not UTF-8 without U+0000; encode each segment once");
        }

        int start = PushTarget.Base.Of(target.Segments.AsSpan()).Length;
        string[] rest = [.. segments.Skip(start).Select(static segment => segment!)]; // no null, as seen above
        if (rest is not ["metrics", "job" or JobInBase64, ..])
        {
            return Empty();
        }

        return ReadLabels(rest.AsSpan(1), utf8Names, maxLabels, out path);
    }

    /// <summary>Undoes the form <c>U__…</c>, in which names that are no plain ones are written: <c>__</c> is an underscore, <c>_hex_</c> a code point.</summary>
    /// <returns>The name as it is if it is not in that form, or not valid in it.</returns>
    public static string Unescape(string name)
    {
        if (!name.StartsWith("U__", StringComparison.Ordinal))
        {
            return name;
        }

        StringBuilder text = new(name.Length);
        for (int i = 3; i < name.Length; i++)
        {
            if (name[i] != '_')
            {
                text.Append(name[i]);
                continue;
            }

            int end = name.IndexOf('_', i + 1);
            if (end < 0)
            {
                return name;
            }

            if (end == i + 1)
            {
                text.Append('_');
            }
            else if (end - i - 1 <= 6
                && int.TryParse(name.AsSpan(i + 1, end - i - 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
                && Rune.IsValid(code) && code != 0)
            {
                text.Append(new Rune(code).ToString());
            }
            else
            {
                return name;
            }

            i = end;
        }

        return text.ToString();
    }

    private static Refusal? ReadLabels(ReadOnlySpan<string> rest, bool utf8Names, int maxLabels, out PushPath? path)
    {
        path = null;

        // The last segment is a value, which may be empty, or the slash behind the job's name.
        if (rest.Length == 3 && rest[2].Length == 0)
        {
            rest = rest[..2];
        }

        if (rest.Length % 2 != 0)
        {
            return rest[^1].Length == 0 && !Contains(rest[..^1], "")
                ? Bad("path-odd-segments", "the path ends with a slash behind a value; end it with the value" + Suspect)
                : Contains(rest, "") ? Empty()
                : Bad("path-odd-segments", "the path ends with the name of a label; write /<label>/<value>, and a slash within a value as label@base64/<value>" + Suspect);
        }

        if (Contains(rest[..^1], ""))
        {
            return Empty();
        }

        OrderedDictionary<string, string> labels = new(StringComparer.Ordinal);
        for (int i = 0; i < rest.Length; i += 2)
        {
            if (Label(rest[i], rest[i + 1], utf8Names, labels) is { } refusal)
            {
                return refusal;
            }
        }

        if (labels["job"].Length == 0)
        {
            return Bad("path-missing-job", "the job's name is empty; write /metrics/job/<job>" + Suspect);
        }

        if (labels.Count > maxLabels)
        {
            return Bad("too-many-grouping-labels", string.Create(
                CultureInfo.InvariantCulture, $"the path has {labels.Count} labels, limit {maxLabels} (push.limits.maxGroupingLabels); group by fewer"));
        }

        path = new PushPath([.. labels]);
        return null;
    }

    /// <summary>Adds a label: of one that comes twice the last value holds, of <c>job</c> the first.</summary>
    private static Refusal? Label(string named, string value, bool utf8Names, OrderedDictionary<string, string> labels)
    {
        bool isEncoded = named.EndsWith(Base64Suffix, StringComparison.Ordinal);
        string name = isEncoded ? named[..^Base64Suffix.Length] : named;
        name = utf8Names ? Unescape(name) : name;
        if (!IsName(name, utf8Names))
        {
            return Bad("path-bad-label-name", $"\"{Excerpt(name)}\" is no name for a label in a path; {Rule(utf8Names)}" + Suspect);
        }

        if (isEncoded && !TryDecodeBase64(value, out value))
        {
            return Bad("path-bad-base64", $"the value of {Excerpt(named)} is not base64 with the URL-safe alphabet, or not UTF-8 without U+0000" + Suspect);
        }

        if (name != "job" || !labels.ContainsKey(name))
        {
            labels[name] = value;
        }

        return null;
    }

    private static bool IsName(string name, bool utf8Names) =>
        name.Length > 0
        && !name.StartsWith("__", StringComparison.Ordinal)
        && (utf8Names || (!char.IsAsciiDigit(name[0]) && name.All(static one => char.IsAsciiLetterOrDigit(one) || one == '_')));

    private static string Rule(bool utf8Names) => utf8Names
        ? "it is not empty and does not begin with two underscores"
        : "take letters, digits and underscores, not a digit in front and not two underscores (others with push.utf8Names)";

    /// <summary>Padding is optional, however much of it there is, and what bits are left over mean nothing: as in a Pushgateway.</summary>
    private static bool TryDecodeBase64(string encoded, out string value)
    {
        value = "";
        ReadOnlySpan<char> text = encoded.AsSpan().TrimEnd('=');
        if (text.IsEmpty)
        {
            return true;
        }

        char[] clean = text.ToArray();
        int spare = (text.Length % 4) switch { 2 => 4, 3 => 2, _ => 0 };
        int last = Alphabet.IndexOf(clean[^1]);
        if (last < 0 || text.Length % 4 == 1)
        {
            return false;
        }

        clean[^1] = Alphabet[last >> spare << spare];
        byte[] bytes = new byte[Base64Url.GetMaxDecodedLength(clean.Length)];
        if (text.ContainsAny(" \t\r\n")
            || Base64Url.DecodeFromChars(clean, bytes, out _, out int length) != OperationStatus.Done
            || bytes.AsSpan(0, length).Contains((byte)0))
        {
            return false;
        }

        try
        {
            value = Strict.GetString(bytes, 0, length);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static bool Contains(ReadOnlySpan<string> segments, string one) => segments.IndexOf(one) >= 0;

    /// <summary>The caller's own characters, 64 at most, for the answer alone.</summary>
    private static string Excerpt(string text) =>
        string.Concat(text.Take(64).Select(static one => char.IsControl(one) || char.IsSurrogate(one) || one is '\u2028' or '\u2029' ? '?' : one));

    private static Refusal Empty() => Bad(
        "path-empty-segment", "an empty path segment; write an empty value as label@base64/=, and no slash at the end of the base URL" + Suspect);

    private static Refusal Bad(string reason, string text) => new(reason, StatusCodes.Status400BadRequest, text);
}
