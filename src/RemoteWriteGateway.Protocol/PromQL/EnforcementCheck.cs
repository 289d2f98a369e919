namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>
/// Reads what the emitter wrote as if it came from a stranger, and compares it token by token with what the caller sent. It runs for
/// every text and cannot be switched off: should emitter or parser have a fault, nothing is sent.
/// </summary>
internal static class EnforcementCheck
{
    /// <summary>Compares the emitted text with the caller's.</summary>
    /// <param name="text">The caller's text.</param>
    /// <param name="query">What the parser made of it.</param>
    /// <param name="emitted">What the emitter wrote.</param>
    /// <param name="matcher">The tenant matcher that each selector must have, if any.</param>
    /// <param name="options">The limits of the caller's text, with room for the emitted one.</param>
    /// <param name="again">Receives what the parser makes of <paramref name="emitted"/>.</param>
    /// <returns>The first difference, or null.</returns>
    public static string? FindDifference(
        ReadOnlySpan<byte> text, ParsedQuery query, ReadOnlySpan<byte> emitted, TenantMatcher? matcher, ParseOptions options, ParsedQuery again)
    {
        if (!PromQLParser.TryParse(emitted, query.Entry, options, again))
        {
            return "the emitted text is not valid: " + again.Error.Fault;
        }

        if (again.Type != query.Type || again.Selectors.Length != query.Selectors.Length)
        {
            return "the emitted text has another type or another number of selectors";
        }

        return FindStrayByte(emitted, again) ?? FindOtherToken(text, query, emitted, again) ?? FindOtherSelector(text, query, emitted, again, matcher);
    }

    /// <summary>Between tokens stands one blank or nothing, strings have double quotes, and each brace belongs to a selector.</summary>
    private static string? FindStrayByte(ReadOnlySpan<byte> emitted, ParsedQuery again)
    {
        int end = 0;
        int braces = 0;
        foreach (ref readonly Token token in again.Tokens)
        {
            int gap = token.Start - end;
            if (gap > 1 || (gap == 1 && emitted[end] != ' '))
            {
                return "the emitted text has something between its tokens";
            }

            if (token.Kind == TokenKind.String && emitted[token.Start] != '"')
            {
                return "the emitted text has a string in other quotes";
            }

            braces += token.Kind == TokenKind.LeftBrace ? 1 : 0;
            end = token.EndPosition;
        }

        return braces == again.Selectors.Length ? null : "the emitted text has braces that are no selector";
    }

    /// <summary>Outside selectors each token means what the caller's does.</summary>
    private static string? FindOtherToken(ReadOnlySpan<byte> text, ParsedQuery query, ReadOnlySpan<byte> emitted, ParsedQuery again)
    {
        TokenWalk ours = new(again);
        TokenWalk theirs = new(query);
        while (true)
        {
            int one = ours.Next();
            int other = theirs.Next();
            if (!MeansTheSame(again, one, emitted, query, other, text))
            {
                return "the emitted text has another token than the caller's";
            }

            if (again.Tokens[one].Kind == TokenKind.End)
            {
                return null;
            }
        }
    }

    private static bool MeansTheSame(ParsedQuery again, int one, ReadOnlySpan<byte> emitted, ParsedQuery query, int other, ReadOnlySpan<byte> text)
    {
        ref readonly Token ours = ref again.Tokens[one];
        ref readonly Token theirs = ref query.Tokens[other];
        if (IsSelectorStart(ours) || IsSelectorStart(theirs))
        {
            // Selectors are compared matcher by matcher; a name may have moved into the braces.
            return IsSelectorStart(ours) && IsSelectorStart(theirs);
        }

        return ours.Role == theirs.Role && ours.Role switch
        {
            TokenRole.Function or TokenRole.Aggregation => ours.Function == theirs.Function,
            TokenRole.Number => NumberValue.Of(ours, emitted, again).Equals(NumberValue.Of(theirs, text, query)),
            TokenRole.Duration => ours.Of(emitted).SequenceEqual(theirs.Of(text)),
            TokenRole.String or TokenRole.GroupingLabel => HasSameValue(again, one, emitted, query, other, text),
            _ => ours.Kind == theirs.Kind,
        };
    }

    private static bool IsSelectorStart(in Token token) => token.Role is TokenRole.MetricName or TokenRole.LeftBrace;

    /// <summary>Each selector has the caller's matchers in their order, and the tenant matcher as its last one.</summary>
    private static string? FindOtherSelector(
        ReadOnlySpan<byte> text, ParsedQuery query, ReadOnlySpan<byte> emitted, ParsedQuery again, TenantMatcher? matcher)
    {
        for (int i = 0; i < query.Selectors.Length; i++)
        {
            MatcherWalk theirs = new(query, query.Selectors[i]);
            MatcherWalk ours = new(again, again.Selectors[i]);
            while (theirs.MoveNext())
            {
                if (!ours.MoveNext() || !IsSameMatcher(again, ours, emitted, query, theirs, text))
                {
                    return "the emitted text has another matcher than the caller's";
                }
            }

            if (matcher is not null && (!ours.MoveNext() || !IsTenantMatcher(again, ours, emitted, again.Selectors[i], matcher)))
            {
                return "a selector of the emitted text lacks the tenant matcher";
            }

            if (ours.MoveNext())
            {
                return "a selector of the emitted text has a matcher of nobody's";
            }
        }

        return null;
    }

    private static bool IsTenantMatcher(ParsedQuery again, MatcherWalk found, ReadOnlySpan<byte> emitted, SelectorMark selector, TenantMatcher matcher)
    {
        int start = again.Tokens[found.Label].Start;
        int end = again.Tokens[selector.RightBrace].Start;
        return !found.IsMetricName && emitted[start..end].SequenceEqual(matcher.Utf8);
    }

    private static bool IsSameMatcher(
        ParsedQuery again, MatcherWalk ours, ReadOnlySpan<byte> emitted, ParsedQuery query, MatcherWalk theirs, ReadOnlySpan<byte> text)
    {
        if (!theirs.IsMetricName)
        {
            return !ours.IsMetricName
                && again.Tokens[ours.Operator].Kind == query.Tokens[theirs.Operator].Kind
                && HasSameValue(again, ours.Label, emitted, query, theirs.Label, text)
                && HasSameValue(again, ours.Value, emitted, query, theirs.Value, text);
        }

        // A name may have moved into the braces.
        bool isMoved = !ours.IsMetricName
            && again.Tokens[ours.Operator].Kind == TokenKind.Equal
            && again.Tokens[ours.Label].Of(emitted).SequenceEqual("__name__"u8);
        return (ours.IsMetricName || isMoved) && HasSameValue(again, ours.Value, emitted, query, theirs.Value, text);
    }

    /// <summary>Whether two names or strings have the same value, however they are written.</summary>
    private static bool HasSameValue(ParsedQuery again, int one, ReadOnlySpan<byte> emitted, ParsedQuery query, int other, ReadOnlySpan<byte> text) =>
        ValueOf(again, one, emitted).SequenceEqual(ValueOf(query, other, text));

    private static ReadOnlySpan<byte> ValueOf(ParsedQuery query, int index, ReadOnlySpan<byte> text)
    {
        ref readonly Token token = ref query.Tokens[index];
        return token.Kind == TokenKind.String ? StringValue.Decode(token.Of(text), query.Scratch(token.Length)) : token.Of(text);
    }

    /// <summary>The tokens outside selectors, a selector counting as one, without trailing commas.</summary>
    private ref struct TokenWalk(ParsedQuery query)
    {
        private readonly ReadOnlySpan<Token> _tokens = query.Tokens;
        private readonly ReadOnlySpan<SelectorMark> _selectors = query.Selectors;
        private int _selector;
        private int _next;

        /// <summary>Index of the next token; at the end that of the last one, for ever.</summary>
        public int Next()
        {
            while (_tokens[_next].Role == TokenRole.TrailingComma)
            {
                _next++;
            }

            int current = _next;
            if (_selector < _selectors.Length && _selectors[_selector].First == current)
            {
                _next = _selectors[_selector++].Last + 1;
            }
            else if (_tokens[current].Kind != TokenKind.End)
            {
                _next++;
            }

            return current;
        }
    }

    /// <summary>The matchers of one selector, the name outside the braces as the first one.</summary>
    private ref struct MatcherWalk(ParsedQuery query, SelectorMark selector)
    {
        private readonly ReadOnlySpan<Token> _tokens = query.Tokens;
        private int _next = selector.Name >= 0 ? selector.Name : selector.LeftBrace + 1;

        /// <summary>Whether it is a name alone, bare or as a string; then only <see cref="Value"/> is set.</summary>
        public bool IsMetricName { get; private set; }

        public int Label { get; private set; }

        public int Operator { get; private set; }

        public int Value { get; private set; }

        public bool MoveNext()
        {
            while (_next < _tokens.Length && _tokens[_next].Role is TokenRole.MatcherComma or TokenRole.LeftBrace)
            {
                _next++;
            }

            if (_next > selector.Last || _tokens[_next].Role == TokenRole.RightBrace)
            {
                return false;
            }

            IsMetricName = _tokens[_next].Role is TokenRole.MetricName or TokenRole.QuotedMetricName;
            Label = _next;
            Operator = IsMetricName ? -1 : _next + 1;
            Value = IsMetricName ? _next : _next + 2;
            _next = Value + 1;
            return true;
        }
    }
}
