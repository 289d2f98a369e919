using System.Collections.Immutable;
using System.Text;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>The matcher that keeps a read to its tenants: <c>tenant=~"a|b"</c>. Encoded once for a set of tenants; immutable.</summary>
/// <remarks>
/// It is a regular expression even for one tenant: <c>absent()</c> copies equality matchers into its result, and remote read gives them a
/// second meaning. Stores turn a regular expression of literals into a set of values.
/// </remarks>
public sealed class TenantMatcher
{
    private readonly byte[] _utf8;
    private readonly byte[] _label;
    private readonly ImmutableArray<byte[]> _ids;

    /// <summary>Encodes a matcher.</summary>
    /// <param name="label">The tenant label: <c>[a-zA-Z_][a-zA-Z0-9_]*</c>, not <c>__name__</c> and no keyword.</param>
    /// <param name="ids">The tenants' ids, at least one, in any order: not empty, without <c>|</c>, quotes, control characters.</param>
    /// <exception cref="ArgumentException">A label or an id that could match something else than the tenants: a bug of the caller.</exception>
    public TenantMatcher(string label, IEnumerable<string> ids)
        : this(label, ids, isEquality: false)
    {
    }

    private TenantMatcher(string label, IEnumerable<string> ids, bool isEquality)
    {
        ArgumentNullException.ThrowIfNull(label);
        ArgumentNullException.ThrowIfNull(ids);
        Label = label;
        Ids = [.. ids.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        _label = CheckedLabel(label);
        _ids = [.. Ids.Select(CheckedId)];
        if (Ids.IsEmpty)
        {
            throw new ArgumentException("A read has at least one tenant: a matcher of none would match series without the label.", nameof(ids));
        }

        Pattern = string.Join('|', Ids.Select(Quote));
        byte[] pattern = Encoding.UTF8.GetBytes(isEquality ? Ids[0] : Pattern);
        Span<byte> value = new byte[(pattern.Length * 4) + 2];
        value = value[..StringValue.Encode(pattern, value)];
        _utf8 = [.. _label, .. isEquality ? "="u8 : "=~"u8, .. value];
    }

    /// <summary>
    /// A matcher of one tenant by equality, <c>tenant="a"</c>: only for selectors that are asked for series, at stores that take no regular
    /// expression there. In expressions and in remote read an equality has a second meaning.
    /// </summary>
    /// <param name="label">As for the constructor.</param>
    /// <param name="id">The tenant's id.</param>
    /// <exception cref="ArgumentException">A label or an id that could match something else than the tenant: a bug of the caller.</exception>
    public static TenantMatcher Equality(string label, string id) => new(label, [id], isEquality: true);

    /// <summary>Name of the tenant label.</summary>
    public string Label { get; }

    /// <summary>The tenants' ids, sorted by their UTF-16 code units, without repeats.</summary>
    public ImmutableArray<string> Ids { get; }

    /// <summary>The regular expression, for example <c>a|r\.d</c>: the value of the matcher, for remote read and the like.</summary>
    public string Pattern { get; }

    /// <summary>The matcher as it is written in a selector.</summary>
    public ReadOnlySpan<byte> Utf8 => _utf8;

    /// <summary>The label's bytes.</summary>
    internal ReadOnlySpan<byte> Utf8Label => _label;

    /// <summary>A selector of all series of the tenants: the matcher alone, in braces.</summary>
    public string Selector() => "{" + Encoding.UTF8.GetString(_utf8) + "}";

    /// <summary>Whether an id is one of the tenants'.</summary>
    internal bool Contains(ReadOnlySpan<byte> id)
    {
        foreach (byte[] one in _ids)
        {
            if (id.SequenceEqual(one))
            {
                return true;
            }
        }

        return false;
    }

    public override string ToString() => Encoding.UTF8.GetString(_utf8);

    private static byte[] CheckedLabel(string label)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(label);
        return LabelSyntax.IsBare(utf8) && label != "__name__" && !Keywords.TryFind(utf8, out _)
            ? utf8
            : throw new ArgumentException($"\"{label}\" cannot be the tenant label: it must be [a-zA-Z_][a-zA-Z0-9_]*, not __name__ and no keyword.", nameof(label));
    }

    private static byte[] CheckedId(string id)
    {
        bool isBad = id.Length == 0 || id.AsSpan().IndexOfAny("|\"'`\uFFFD") >= 0 || id.Any(char.IsControl);
        return !isBad
            ? new UTF8Encoding(false, throwOnInvalidBytes: true).GetBytes(id)
            : throw new ArgumentException($"\"{id}\" cannot be a tenant's id in a matcher: it is empty, or has \"|\", a quote or a control character.", nameof(id));
    }

    /// <summary>An id as a regular expression of RE2 that matches it only.</summary>
    private static string Quote(string id)
    {
        StringBuilder quoted = new();
        foreach (char next in id)
        {
            if (@"\.+*?()|[]{}^$".Contains(next, StringComparison.Ordinal))
            {
                quoted.Append('\\');
            }

            quoted.Append(next);
        }

        return quoted.ToString();
    }
}
