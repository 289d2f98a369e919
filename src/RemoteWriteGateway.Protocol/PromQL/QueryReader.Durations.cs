namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Ranges, steps and offsets: durations, numbers of seconds, and arithmetic with both.</summary>
internal ref partial struct QueryReader
{
    private const int LowestDurationLevel = 1;
    private const int DurationPowerLevel = 3;

    /// <summary>2⁶³ nanoseconds in seconds: the longest duration, about 292 years.</summary>
    private const double MaxDurationSeconds = 9_223_372_036.854775807;

    private const string DurationExpected = "here stands a duration such as 5m or 1h30m, or a number of seconds";

    private static int DurationLevelOf(TokenKind kind) => kind switch
    {
        TokenKind.Add or TokenKind.Subtract => 1,
        TokenKind.Multiply or TokenKind.Divide or TokenKind.Modulo => 2,
        TokenKind.Power => DurationPowerLevel,
        _ => 0,
    };

    private bool ReadDuration(int minLevel, out DurationOperand duration)
    {
        if (!Enter())
        {
            duration = default;
            return false;
        }

        bool isRead = ReadSignedDuration(out duration);
        while (isRead && DurationLevelOf(Current.Kind) is int level && level >= minLevel)
        {
            TokenKind kind = Current.Kind;
            Take(TokenRole.Operator);
            isRead = ReadDuration(kind == TokenKind.Power ? level : level + 1, out DurationOperand right);
            if (isRead && kind is TokenKind.Divide or TokenKind.Modulo && right is { IsLiteral: true, Seconds: 0 })
            {
                isRead = Fail(right.Token, $"a division by zero{(kind == TokenKind.Modulo ? ", as \"%\" divides" : "")}");
            }

            // What arithmetic comes to is for the store to say: it knows the step and the range.
            duration.IsLiteral = false;
        }

        _depth--;
        return isRead;
    }

    private bool ReadSignedDuration(out DurationOperand duration)
    {
        if (Current.Kind is not (TokenKind.Add or TokenKind.Subtract))
        {
            return ReadPrimaryDuration(out duration);
        }

        int sign = _index;
        bool isNegative = Current.Kind == TokenKind.Subtract;
        Take(TokenRole.Sign);

        // A sign binds like "*": its operand is everything from "^" up.
        bool isRead = ReadDuration(DurationPowerLevel, out duration);
        duration.Seconds = isNegative ? -duration.Seconds : duration.Seconds;
        duration.Token = sign;
        return isRead;
    }

    private bool ReadPrimaryDuration(out DurationOperand duration)
    {
        duration = new DurationOperand { Token = _index };
        switch (Current.Kind)
        {
            case TokenKind.LeftParen:
                int token = _index;
                Take(TokenRole.LeftParen);
                bool isRead = ReadDuration(LowestDurationLevel, out duration)
                    && Expect(TokenKind.RightParen, TokenRole.RightParen, "the parenthesis that was opened before is closed with \")\"");
                duration.Token = token;
                return isRead;
            case TokenKind.Step or TokenKind.Range when Next == TokenKind.LeftParen:
                Take(TokenRole.Preprocessor);
                Take(TokenRole.LeftParen);
                return Expect(TokenKind.RightParen, TokenRole.RightParen, "step() and range() take no arguments");
            case TokenKind.MinOf or TokenKind.MaxOf when Next == TokenKind.LeftParen:
                Take(TokenRole.Preprocessor);
                Take(TokenRole.LeftParen);
                return ReadDuration(LowestDurationLevel, out _)
                    && Expect(TokenKind.Comma, TokenRole.Comma, "min_of() and max_of() take two durations with a comma between them")
                    && ReadDuration(LowestDurationLevel, out _)
                    && Expect(TokenKind.RightParen, TokenRole.RightParen, "min_of() and max_of() take two durations with a comma between them");
            default:
                duration.IsLiteral = true;
                return ReadLiteral(out duration.Seconds, DurationExpected) && CheckBounds(duration.Token, duration.Seconds);
        }
    }

    /// <summary>The duration behind <c>offset</c>: arithmetic only in parentheses, or behind two signs.</summary>
    private bool ReadOffsetDuration(out DurationOperand duration)
    {
        bool isSign = Current.Kind is TokenKind.Add or TokenKind.Subtract;
        if (Current.Kind == TokenKind.LeftParen || (isSign && Next is TokenKind.Add or TokenKind.Subtract))
        {
            return ReadDuration(LowestDurationLevel, out duration);
        }

        if (!isSign)
        {
            return ReadPrimaryDuration(out duration);
        }

        bool isNegative = Current.Kind == TokenKind.Subtract;
        Take(TokenRole.Sign);
        bool isRead = ReadPrimaryDuration(out duration);
        duration.Seconds = isNegative ? -duration.Seconds : duration.Seconds;
        return isRead;
    }

    /// <summary>Reads a number or a duration and gives its seconds.</summary>
    private bool ReadLiteral(out double seconds, string expected)
    {
        seconds = 0;
        switch (Current.Kind)
        {
            case TokenKind.Number:
                seconds = NumberValue.Of(Current, _text, _query);
                return Take(TokenRole.Number);
            case TokenKind.Duration:
                return CheckDuration(out seconds) && Take(TokenRole.Duration);
            default:
                return Unexpected(expected);
        }
    }

    /// <summary>Checks that the current token is a duration that can be held.</summary>
    private readonly bool CheckDuration(out double seconds) =>
        DurationValue.TryGetSeconds(Current.Of(_text), out seconds) || FailTooLong(_index);

    private readonly bool CheckBounds(int token, double seconds) =>
        double.IsNaN(seconds) ? Fail(token, "NaN is no duration; write a duration such as 5m")
            : Math.Abs(seconds) <= MaxDurationSeconds || FailTooLong(token);

    private readonly bool FailTooLong(int token) => Fail(token, $"{Quote(token)} is longer than a duration can be, about 292 years");

    /// <summary>Checks that a range or a step is more than nothing, where its text alone says it.</summary>
    private readonly bool CheckPositive(in DurationOperand duration, string what) =>
        !duration.IsLiteral || duration.Seconds > 0 || Fail(duration.Token, $"the {what} must be longer than 0");

    private struct DurationOperand
    {
        /// <summary>Whether it is a literal, with signs and parentheses or without.</summary>
        public bool IsLiteral;

        /// <summary>Of a literal.</summary>
        public double Seconds;

        /// <summary>Index of the first token.</summary>
        public int Token;
    }
}
