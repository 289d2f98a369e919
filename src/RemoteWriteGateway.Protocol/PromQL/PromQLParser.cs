namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>
/// Reads PromQL as Prometheus 3.14 does: every rule of its grammar, its types, functions and checks. It makes no tree; it says of each
/// token what it means and where the selectors stand (<see cref="ParsedQuery"/>), which is all that enforcement needs.
/// </summary>
/// <remarks>
/// It is stricter than Prometheus where a store might read a text in another way: strings and comments are UTF-8 without NUL, a matcher's
/// label is not empty, an offset is not NaN. It takes time and memory in proportion to the text.
/// </remarks>
public static class PromQLParser
{
    /// <summary>Parses and checks a text.</summary>
    /// <param name="text">UTF-8. Not kept; but who reads the tokens' texts needs it beside <paramref name="query"/>.</param>
    /// <param name="entry">What the text must be.</param>
    /// <param name="options">The limits.</param>
    /// <param name="query">Receives tokens, selectors and type, or <see cref="ParsedQuery.Error"/>. What it held is gone.</param>
    /// <returns>Whether the text is valid and within the limits.</returns>
    public static bool TryParse(ReadOnlySpan<byte> text, PromQLEntry entry, ParseOptions options, ParsedQuery query)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(query);
        query.Reset(entry);
        if (text.Length > options.MaxBytes)
        {
            query.Refuse(PromQLError.WithoutPlace(
                PromQLFault.QueryTooLong,
                $"the text has {text.Length} bytes, limit {options.MaxBytes} (maxQueryBytes); shorten it or split it into several"));
            return false;
        }

        Lexer.Read(text, query);
        new QueryReader(text, query, options).Read();
        if (query.SelectorCount > options.MaxSelectors)
        {
            query.Refuse(PromQLError.WithoutPlace(
                PromQLFault.TooManySelectors,
                $"the text has {query.SelectorCount} selectors, limit {options.MaxSelectors} (maxSelectors); ask for fewer at a time"));
        }

        return query.IsValid;
    }
}
