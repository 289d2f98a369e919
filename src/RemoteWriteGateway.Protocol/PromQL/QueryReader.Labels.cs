namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Label lists: <c>by without on ignoring group_left group_right</c>.</summary>
internal ref partial struct QueryReader
{
    // Below so many comparisons each is compared with each.
    private const int FewComparisons = 64;

    private bool ReadLabels(out LabelList labels)
    {
        labels = new LabelList(_index);
        if (!Expect(TokenKind.LeftParen, TokenRole.ListStart, "here stands a list of labels in parentheses, such as (job, instance)"))
        {
            return false;
        }

        while (Current.Kind != TokenKind.RightParen)
        {
            if (!IsGroupingLabel(Current.Kind))
            {
                return Unexpected("here stands a label, such as job, or \")\"; other names are quoted");
            }

            if (Current.Kind == TokenKind.String && Current.Length == 2)
            {
                return Fail(_index, "an empty label name; name a label, or remove it");
            }

            labels.Count++;
            Take(TokenRole.GroupingLabel);
            if (Current.Kind == TokenKind.Comma)
            {
                Take(Next == TokenKind.RightParen ? TokenRole.TrailingComma : TokenRole.Comma);
            }
            else if (Current.Kind != TokenKind.RightParen)
            {
                return Unexpected("between labels stands a comma");
            }
        }

        labels.End = _index;
        return Take(TokenRole.ListEnd);
    }

    private static bool IsGroupingLabel(TokenKind kind) =>
        kind is TokenKind.Word or TokenKind.MetricWord or TokenKind.String or (>= TokenKind.And and <= TokenKind.MaxOf and not TokenKind.Without);

    /// <summary>Index of a label that stands in both lists, or −1.</summary>
    private readonly int FindShared(LabelList labels, LabelList others) =>
        (long)labels.Count * others.Count <= FewComparisons ? FindSharedAmongFew(labels, others) : FindSharedByHash(labels, others);

    private readonly int FindSharedAmongFew(LabelList labels, LabelList others)
    {
        for (int i = labels.Start; i < labels.End; i++)
        {
            for (int j = others.Start; j < others.End && _tokens[i].Role == TokenRole.GroupingLabel; j++)
            {
                if (_tokens[j].Role == TokenRole.GroupingLabel && IsSameLabel(i, j))
                {
                    return i;
                }
            }
        }

        return -1;
    }

    private readonly int FindSharedByHash(LabelList labels, LabelList others)
    {
        Span<LabelKey> keys = _query.LabelKeys(labels.Count);
        int count = 0;
        for (int i = labels.Start; i < labels.End; i++)
        {
            if (_tokens[i].Role == TokenRole.GroupingLabel)
            {
                keys[count++] = new LabelKey(HashOf(i), i);
            }
        }

        keys.Sort();
        for (int j = others.Start; j < others.End; j++)
        {
            if (_tokens[j].Role != TokenRole.GroupingLabel)
            {
                continue;
            }

            int hash = HashOf(j);
            int found = keys.BinarySearch(new LabelKey(hash, 0));
            while (found > 0 && keys[found - 1].Hash == hash)
            {
                found--;
            }

            for (; found >= 0 && found < count && keys[found].Hash == hash; found++)
            {
                if (IsSameLabel(keys[found].Token, j))
                {
                    return keys[found].Token;
                }
            }
        }

        return -1;
    }

    private readonly bool IsSameLabel(int one, int other)
    {
        Span<byte> scratch = _query.Scratch(_tokens[one].Length + _tokens[other].Length);
        return NameOf(one, scratch).SequenceEqual(NameOf(other, scratch[_tokens[one].Length..]));
    }

    private readonly int HashOf(int token)
    {
        // Seeded anew in each process, so nobody can choose labels that collide.
        HashCode hash = default;
        hash.AddBytes(NameOf(token, _query.Scratch(_tokens[token].Length)));
        return hash.ToHashCode();
    }

    /// <summary>A label's or metric's name: a word as it stands, a string by its value.</summary>
    private readonly ReadOnlySpan<byte> NameOf(int token, Span<byte> scratch)
    {
        ReadOnlySpan<byte> text = _tokens[token].Of(_text);
        return _tokens[token].Kind == TokenKind.String ? StringValue.Decode(text, scratch) : text;
    }

    /// <summary>The tokens of a list, parentheses included.</summary>
    private struct LabelList(int start)
    {
        public readonly int Start = start;
        public int End;
        public int Count;
    }
}
