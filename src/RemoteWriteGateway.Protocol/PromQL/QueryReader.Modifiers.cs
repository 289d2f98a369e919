namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>What stands behind an operand: ranges, subqueries, <c>offset</c>, <c>@</c>, <c>anchored</c> and <c>smoothed</c>.</summary>
internal ref partial struct QueryReader
{
    /// <summary>2⁶³ seconds: times must be nearer.</summary>
    private const double TimeBound = 9_223_372_036_854_775_808.0;

    private bool ReadModified(out Operand operand)
    {
        bool isRead = ReadPrimary(out operand);
        while (isRead)
        {
            switch (Current.Kind)
            {
                case TokenKind.LeftBracket:
                    isRead = ReadBrackets(ref operand);
                    break;
                case TokenKind.Offset:
                    isRead = ReadOffset(ref operand);
                    break;
                case TokenKind.At:
                    isRead = ReadAt(ref operand);
                    break;
                case TokenKind.Anchored or TokenKind.Smoothed:
                    isRead = ReadExtension(ref operand);
                    break;
                default:
                    return true;
            }
        }

        return false;
    }

    private bool ReadBrackets(ref Operand operand)
    {
        int bracket = _index;
        Take(TokenRole.LeftBracket);
        if (!ReadDuration(LowestDurationLevel, out DurationOperand range) || !CheckPositive(range, "range"))
        {
            return false;
        }

        bool isSubquery = Current.Kind == TokenKind.Colon;
        if (isSubquery)
        {
            Take(TokenRole.Colon);
            if (Current.Kind != TokenKind.RightBracket
                && (!ReadDuration(LowestDurationLevel, out DurationOperand step) || !CheckPositive(step, "step")))
            {
                return false;
            }
        }

        return Expect(TokenKind.RightBracket, TokenRole.RightBracket, "a range is closed with \"]\"; a subquery has a colon in it, as [1h:5m]")
            && (isSubquery ? MakeSubquery(ref operand) : MakeRange(bracket, ref operand));
    }

    private readonly bool MakeSubquery(ref Operand operand)
    {
        if (operand.Type != PromQLType.Vector)
        {
            return Fail(operand.Token, $"a subquery stands behind an instant vector, not behind {operand.Type.WithArticle()}; "
                + "wrap the operand in a function that gives one");
        }

        operand = new Operand(PromQLType.Matrix, Shape.Subquery, operand.Token);
        return true;
    }

    private readonly bool MakeRange(int bracket, ref Operand operand)
    {
        if (operand.Shape != Shape.Selector)
        {
            return Fail(bracket, "a range stands directly behind a selector; behind any other instant vector write a subquery, as [5m:]");
        }

        if (operand.HasOffset || operand.HasAt)
        {
            return Fail(bracket, "a range stands before offset and @; write it directly behind the selector, as up[5m] offset 1h");
        }

        operand.Type = PromQLType.Matrix;
        operand.Shape = Shape.Range;
        return true;
    }

    private bool ReadOffset(ref Operand operand)
    {
        Take(TokenRole.Keyword);
        if (!ReadOffsetDuration(out DurationOperand offset) || !CheckModifiable(operand, "offset"))
        {
            return false;
        }

        if (operand.HasOffset)
        {
            return Fail(operand.Token, "offset stands twice behind one operand; remove one");
        }

        // Less than half a nanosecond is an offset of zero, which another one may follow.
        operand.HasOffset = !offset.IsLiteral || Math.Round(offset.Seconds * 1e9) != 0;
        return true;
    }

    private bool ReadAt(ref Operand operand)
    {
        const string Expected = "behind @ stands a time in seconds, start() or end()";
        Take(TokenRole.Keyword);
        int time = _index;
        if (Current.Kind is TokenKind.Start or TokenKind.EndWord)
        {
            Take(TokenRole.Preprocessor);
            if (!Expect(TokenKind.LeftParen, TokenRole.LeftParen, Expected) || !Expect(TokenKind.RightParen, TokenRole.RightParen, Expected))
            {
                return false;
            }
        }
        else
        {
            if (Current.Kind is TokenKind.Add or TokenKind.Subtract)
            {
                Take(TokenRole.Sign);
            }

            if (!ReadLiteral(out double seconds, Expected))
            {
                return false;
            }

            if (!(Math.Abs(seconds) < TimeBound))
            {
                return Fail(operand.Token, $"@ takes a time in seconds between -2^63 and 2^63, not {Quote(_index - 1)}");
            }
        }

        if (!CheckModifiable(operand, "@"))
        {
            return false;
        }

        if (operand.HasAt)
        {
            return Fail(operand.Token, "@ stands twice behind one operand; remove one");
        }

        operand.HasAt = true;
        return true;
    }

    private bool ReadExtension(ref Operand operand)
    {
        bool isAnchored = Current.Kind == TokenKind.Anchored;
        Take(TokenRole.Keyword);
        if (operand.Shape is not (Shape.Selector or Shape.Range))
        {
            return Fail(operand.Token, "anchored and smoothed stand behind a selector or its range only");
        }

        operand.IsAnchored |= isAnchored;
        operand.IsSmoothed |= !isAnchored;
        return !(operand.IsAnchored && operand.IsSmoothed)
            || Fail(operand.Token, "anchored and smoothed exclude each other; remove one");
    }

    private readonly bool CheckModifiable(in Operand operand, string modifier) =>
        operand.Shape != Shape.Other
            || Fail(operand.Token, $"{modifier} stands behind a selector, its range or a subquery; put it behind each selector inside");
}
