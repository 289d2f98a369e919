using System.Buffers;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>
/// Writes a parsed text anew, in one spelling of all that mean the same, and puts the tenant matcher on every selector. No byte of the
/// client's blanks, comments, quotes, escapes or number forms is left; order, parentheses and matchers stay the client's.
/// </summary>
public static class PromQLEmitter
{
    // More than any token grows by, strings aside (ParsedQuery.ExtraBytes): two blanks, or the digits of a hexadecimal number.
    private const int BytesPerToken = 4;

    // {__name__="",} around a name that was bare.
    private const int BytesPerSelector = 16;

    /// <summary>Writes a valid text.</summary>
    /// <param name="text">The text that was parsed.</param>
    /// <param name="query">What the parser made of it.</param>
    /// <param name="matcher">What each selector gets as its last matcher; null where the store keeps tenants apart by itself.</param>
    /// <param name="output">Receives the UTF-8 text.</param>
    /// <returns>How many selectors were written.</returns>
    /// <exception cref="ArgumentException">The text was found invalid: there is nothing to write.</exception>
    public static int Emit(ReadOnlySpan<byte> text, ParsedQuery query, TenantMatcher? matcher, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(output);
        if (!query.IsValid)
        {
            throw new ArgumentException("The text is not valid: " + query.Error, nameof(query));
        }

        Emission emission = new(text, query, matcher, output.GetSpan((int)MaxLength(text.Length, query, matcher)));
        emission.WriteAll();
        output.Advance(emission.Written);
        return emission.Selectors;
    }

    /// <summary>Most bytes that the text written anew can have.</summary>
    /// <exception cref="OverflowException">More than an array can hold: whoever calls has to bound text, selectors and tenants.</exception>
    internal static long MaxLength(int textLength, ParsedQuery query, TenantMatcher? matcher) => checked((int)(
        textLength + query.ExtraBytes + ((long)query.Tokens.Length * BytesPerToken)
        + (query.Selectors.Length * (long)(BytesPerSelector + (matcher?.Utf8.Length ?? 0)))));
}
