namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Binary operators and how they match the series of both sides.</summary>
internal ref partial struct QueryReader
{
    private bool ReadBinary(int level, ref Operand left)
    {
        int operatorToken = _index;
        TokenKind kind = Current.Kind;
        Take(TokenRole.Operator);
        if (!ReadMatching(operatorToken, out Matching matching))
        {
            return false;
        }

        // All associate to the left but "^".
        if (!ReadExpression(kind == TokenKind.Power ? level : level + 1, out Operand right)
            || !CheckOperands(operatorToken, matching, left, right))
        {
            return false;
        }

        bool isScalar = left.Type == PromQLType.Scalar && right.Type == PromQLType.Scalar;
        left = new Operand(isScalar ? PromQLType.Scalar : PromQLType.Vector, Shape.Other, left.Token);
        return true;
    }

    /// <summary>Reads <c>bool</c>, <c>on</c> or <c>ignoring</c>, <c>group_left</c> or <c>group_right</c>, and fill values.</summary>
    private bool ReadMatching(int operatorToken, out Matching matching)
    {
        matching = default;
        if (Current.Kind == TokenKind.Bool)
        {
            matching.IsBool = true;
            Take(TokenRole.Keyword);
            if (!IsComparison(_tokens[operatorToken].Kind))
            {
                return Fail(operatorToken, $"bool follows == != < <= > >= only, not {Quote(operatorToken)}; remove it");
            }
        }

        if (Current.Kind is TokenKind.On or TokenKind.Ignoring)
        {
            bool isOn = Current.Kind == TokenKind.On;
            Take(TokenRole.Keyword);
            if (!ReadLabels(out LabelList labels) || !ReadGroup(operatorToken, isOn, labels, ref matching))
            {
                return false;
            }

            matching.HasLabels = labels.Count > 0;
        }

        return ReadFill(ref matching);
    }

    private bool ReadGroup(int operatorToken, bool isOn, LabelList labels, ref Matching matching)
    {
        if (Current.Kind is not (TokenKind.GroupLeft or TokenKind.GroupRight))
        {
            return true;
        }

        matching.HasGroup = true;
        Take(TokenRole.Keyword);
        if (Current.Kind != TokenKind.LeftParen)
        {
            return true;
        }

        if (!ReadLabels(out LabelList included))
        {
            return false;
        }

        int shared = isOn ? FindShared(labels, included) : -1;
        return shared < 0
            || Fail(operatorToken, $"label {Quote(shared)} stands both in on (…) and in the group's list; name it in on (…) only");
    }

    private bool ReadFill(ref Matching matching)
    {
        TokenKind first = Current.Kind;
        if (!IsFill())
        {
            return true;
        }

        matching.HasFill = true;
        if (!ReadFillValue())
        {
            return false;
        }

        TokenKind second = first switch
        {
            TokenKind.FillLeft => TokenKind.FillRight,
            TokenKind.FillRight => TokenKind.FillLeft,
            _ => TokenKind.End,
        };
        return Current.Kind != second || !IsFill() || ReadFillValue();
    }

    private readonly bool IsFill() =>
        Current.Kind is TokenKind.Fill or TokenKind.FillLeft or TokenKind.FillRight && Next == TokenKind.LeftParen;

    private bool ReadFillValue()
    {
        Take(TokenRole.Fill);
        Take(TokenRole.LeftParen);
        if (Current.Kind is TokenKind.Add or TokenKind.Subtract)
        {
            Take(TokenRole.Sign);
        }

        return ReadLiteral(out _, "in the parentheses of fill stands one number")
            && Expect(TokenKind.RightParen, TokenRole.ListEnd, "in the parentheses of fill stands one number");
    }

    private readonly bool CheckOperands(int operatorToken, in Matching matching, in Operand left, in Operand right)
    {
        TokenKind kind = _tokens[operatorToken].Kind;
        foreach (ref readonly Operand operand in (ReadOnlySpan<Operand>)[left, right])
        {
            if (operand.Type is not (PromQLType.Scalar or PromQLType.Vector))
            {
                return Fail(operand.Token, $"{Quote(operatorToken)} takes scalars and instant vectors, not {operand.Type.WithArticle()}"
                    + (operand.Type == PromQLType.Matrix ? "; wrap the range in a function such as rate()" : ""));
            }
        }

        bool areVectors = left.Type == PromQLType.Vector && right.Type == PromQLType.Vector;
        bool areScalars = left.Type == PromQLType.Scalar && right.Type == PromQLType.Scalar;
        if (areScalars && IsComparison(kind) && !matching.IsBool)
        {
            return Fail(operatorToken, $"a comparison of two scalars needs bool; write {KeywordText(operatorToken)} bool");
        }

        if (kind is TokenKind.And or TokenKind.Or or TokenKind.Unless)
        {
            return !areVectors ? Fail(left.Token, $"{KeywordText(operatorToken)} takes instant vectors on both sides; make a vector of a scalar with vector()")
                : matching.HasGroup ? Fail(left.Token, $"{KeywordText(operatorToken)} takes no group_left or group_right; remove it")
                : !matching.HasFill || Fail(left.Token, $"{KeywordText(operatorToken)} takes no fill values; remove them");
        }

        return areVectors || (!matching.HasLabels && !matching.HasFill)
            || Fail(left.Token, "labels to match on and fill values need instant vectors on both sides; remove them");
    }

    private readonly string KeywordText(int token) => System.Text.Encoding.ASCII.GetString(_tokens[token].Of(_text)).ToLowerInvariant();

    private static bool IsComparison(TokenKind kind) => kind is >= TokenKind.EqualEqual and <= TokenKind.GreaterOrEqual;

    private struct Matching
    {
        public bool IsBool;

        /// <summary>Whether <c>on</c> or <c>ignoring</c> names a label.</summary>
        public bool HasLabels;
        public bool HasGroup;
        public bool HasFill;
    }
}
