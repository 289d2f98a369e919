namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Selectors and their matchers.</summary>
internal ref partial struct QueryReader
{
    private static ReadOnlySpan<byte> MetricNameLabel => "__name__"u8;

    private static bool IsMetricName(TokenKind kind) => kind switch
    {
        TokenKind.Word or TokenKind.MetricWord or TokenKind.Aggregation => true,
        TokenKind.And or TokenKind.Or or TokenKind.Unless or TokenKind.By or TokenKind.Without or TokenKind.Offset => true,
        >= TokenKind.Anchored and <= TokenKind.MaxOf => true,
        _ => false,
    };

    /// <summary>Reads the whole text as one selector.</summary>
    private void ReadOnlySelector()
    {
        const string Expected = "this parameter is one selector such as up{job=\"api\"}, without functions, ranges, modifiers or operators";
        Operand operand = new(PromQLType.None, Shape.Other, 0);
        if (Current.Kind != TokenKind.LeftBrace && !IsMetricName(Current.Kind))
        {
            Unexpected(Expected);
        }
        else if (ReadSelector(ref operand) && Current.Kind != TokenKind.End)
        {
            Unexpected(Expected);
        }

        _query.Type = operand.Type;
    }

    private bool ReadSelector(ref Operand operand)
    {
        int name = -1;
        if (Current.Kind != TokenKind.LeftBrace)
        {
            name = _index;
            Take(TokenRole.MetricName);
        }

        SelectorMark selector = new(name, -1, -1);
        if (Current.Kind == TokenKind.LeftBrace)
        {
            int brace = _index;
            Take(TokenRole.LeftBrace);
            if (!ReadMatchers(out MatcherSummary summary))
            {
                return false;
            }

            selector = new SelectorMark(name, brace, _index - 1);
            if (name >= 0 && summary.Name >= 0)
            {
                return Fail(selector.First, $"the metric is named {Quote(name)} and once more in the braces; name it once");
            }

            if (name < 0 && !summary.RejectsEmpty && brace != _infoSelector)
            {
                return Fail(selector.First, "a selector needs a matcher that rejects the empty value, or it would select every series; "
                    + "name a metric, or add a matcher such as job=~\".+\"");
            }
        }

        _query.AddSelector(selector, _options.MaxSelectors);
        operand.Type = PromQLType.Vector;
        operand.Shape = Shape.Selector;
        return true;
    }

    private bool ReadMatchers(out MatcherSummary summary)
    {
        summary = new MatcherSummary { Name = -1 };
        while (Current.Kind != TokenKind.RightBrace)
        {
            if (!ReadMatcher(ref summary))
            {
                return false;
            }

            if (Current.Kind == TokenKind.Comma)
            {
                Take(TokenRole.MatcherComma);
            }
            else if (Current.Kind != TokenKind.RightBrace)
            {
                return Unexpected("between matchers stands a comma, behind the last one \"}\"");
            }
        }

        return Take(TokenRole.RightBrace);
    }

    private bool ReadMatcher(ref MatcherSummary summary)
    {
        int label = _index;
        if (Current.Kind is not (TokenKind.Word or TokenKind.String))
        {
            return Unexpected("here stands a matcher such as job=\"api\", or \"}\"");
        }

        if (Current.Kind == TokenKind.String && Next is TokenKind.Comma or TokenKind.RightBrace)
        {
            // A string alone is the metric's name.
            summary.Name = label;
            summary.RejectsEmpty |= Current.Length > 2;
            return Take(TokenRole.QuotedMetricName);
        }

        if (Current.Kind == TokenKind.String && Current.Length == 2)
        {
            return Fail(label, "an empty label name; name a label");
        }

        if (NameOf(label, _query.Scratch(Current.Length)).SequenceEqual(MetricNameLabel))
        {
            summary.Name = label;
        }

        Take(TokenRole.MatcherLabel);
        TokenKind kind = Current.Kind;
        if (kind is not (TokenKind.Equal or TokenKind.NotEqual or TokenKind.MatchRegex or TokenKind.NotMatchRegex))
        {
            return Unexpected("behind a label stands = or != or =~ or !~");
        }

        Take(TokenRole.MatcherOperator);
        return ReadMatcherValue(label, kind, ref summary);
    }

    private bool ReadMatcherValue(int label, TokenKind kind, ref MatcherSummary summary)
    {
        if (Current.Kind != TokenKind.String)
        {
            return Unexpected("a matcher's value is a string, such as \"api\"");
        }

        bool matchesEmpty = Current.Length == 2;
        if (kind is TokenKind.MatchRegex or TokenKind.NotMatchRegex)
        {
            ReadOnlySpan<byte> pattern = StringValue.Decode(Current.Of(_text), _query.Scratch(Current.Length));
            RegexVerdict verdict = RegexSyntax.Check(pattern);
            if (verdict.Fault.Length > 0)
            {
                _query.Refuse(PromQLError.At(
                    verdict.IsTooDeep ? PromQLFault.QueryTooDeep : PromQLFault.Invalid,
                    _text,
                    _tokens[label].Start,
                    $"regular expression {ErrorText.Quote(pattern)}: {verdict.Fault}"));
                return false;
            }

            matchesEmpty = verdict.MatchesEmpty;
        }

        summary.RejectsEmpty |= matchesEmpty == (kind is TokenKind.NotEqual or TokenKind.NotMatchRegex);
        return Take(TokenRole.MatcherValue);
    }

    private struct MatcherSummary
    {
        /// <summary>Index of a token that names the metric, or −1.</summary>
        public int Name;

        /// <summary>Whether a matcher rejects the empty value.</summary>
        public bool RejectsEmpty;
    }
}
