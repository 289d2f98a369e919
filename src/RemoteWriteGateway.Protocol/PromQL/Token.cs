namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>What the lexer saw. Words that are keywords somewhere have a kind of their own; what they mean where they stand is <see cref="TokenRole"/>.</summary>
public enum TokenKind : byte
{
    /// <summary>Past the last token.</summary>
    End,

    /// <summary>The lexer could go no further here; it is always the last token but <see cref="End"/>.</summary>
    Fault,

    Number,
    Duration,
    String,

    /// <summary><c>[a-zA-Z_][a-zA-Z0-9_]*</c> that is no keyword, or any such word inside braces.</summary>
    Word,

    /// <summary>A word with a colon in it, outside braces and brackets.</summary>
    MetricWord,

    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,

    /// <summary><c>=</c>, only for matchers.</summary>
    Equal,

    /// <summary><c>=~</c>.</summary>
    MatchRegex,

    /// <summary><c>!~</c>.</summary>
    NotMatchRegex,

    // Binary operators, NotEqual also for matchers.
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    EqualEqual,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,

    /// <summary><c>&lt;/</c>, since Prometheus 3.11.</summary>
    TrimUpper,

    /// <summary><c>&gt;/</c>, since Prometheus 3.11.</summary>
    TrimLower,

    And,
    Or,
    Unless,
    Atan2,

    // Aggregations share one kind; Token.Function says which.
    Aggregation,

    By,
    Without,
    Offset,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Bool,
    Anchored,
    Smoothed,
    Fill,
    FillLeft,
    FillRight,
    Start,
    EndWord,
    Step,
    Range,
    MinOf,
    MaxOf,
}

/// <summary>What a token means where it stands: given by the parser, read by the emitter.</summary>
public enum TokenRole : byte
{
    /// <summary>The parser has not come so far.</summary>
    None,

    Number,
    Duration,

    /// <summary>A string that is an operand or an argument.</summary>
    String,

    /// <summary>A binary operator, of expressions or durations.</summary>
    Operator,

    /// <summary><c>+</c> or <c>-</c> before an operand.</summary>
    Sign,

    /// <summary>A modifier: <c>by on offset @</c> and so on.</summary>
    Keyword,

    /// <summary><c>fill fill_left fill_right</c>.</summary>
    Fill,

    Function,
    Aggregation,

    /// <summary>A word followed by parentheses that is no function of expressions: <c>start end</c> after <c>@</c>, <c>step range min_of max_of</c> in durations.</summary>
    Preprocessor,

    /// <summary>A metric name outside braces.</summary>
    MetricName,

    /// <summary>A metric name given as a string inside braces.</summary>
    QuotedMetricName,

    MatcherLabel,
    MatcherOperator,
    MatcherValue,

    /// <summary>A label of <c>by without on ignoring group_left group_right</c>.</summary>
    GroupingLabel,

    LeftParen,
    RightParen,

    /// <summary>The parentheses of a label list.</summary>
    ListStart,

    /// <summary>The parentheses of a label list or of a fill value: a blank follows.</summary>
    ListEnd,

    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Colon,

    /// <summary>A comma between arguments or labels.</summary>
    Comma,

    /// <summary>A comma between matchers.</summary>
    MatcherComma,

    /// <summary>A comma that means nothing and is not written: the last one of a list.</summary>
    TrailingComma,
}

/// <summary>What the lexer found out about a token on its way.</summary>
[Flags]
public enum TokenMarks : byte
{
    None = 0,

    /// <summary>A string with a backslash that protects: its value is not its text.</summary>
    Escaped = 1,

    /// <summary>A string that cannot be written as it stands; or a number with underscores or leading zeros.</summary>
    Rewritten = 2,

    /// <summary>A word that a store's language may take for something else than a name.</summary>
    Reserved = 4,

    /// <summary>A hexadecimal integer.</summary>
    Hexadecimal = 8,

    /// <summary>An octal integer.</summary>
    Octal = 16,
}

/// <summary>A piece of the text, 12 bytes.</summary>
public struct Token
{
    /// <summary>Position of the first byte in the text.</summary>
    public int Start { get; internal set; }

    /// <summary>Bytes, the quotes of a string included.</summary>
    public int Length { get; internal set; }

    public TokenKind Kind { get; internal set; }

    public TokenRole Role { get; internal set; }

    public TokenMarks Marks { get; internal set; }

    /// <summary>For <see cref="TokenRole.Function"/> and <see cref="TokenRole.Aggregation"/> the index in <see cref="PromQLFunctions.All"/>.</summary>
    public byte Function { get; internal set; }

    /// <summary>Position behind the last byte.</summary>
    public readonly int EndPosition => Start + Length;

    /// <summary>The token's bytes in <paramref name="text"/>.</summary>
    public readonly ReadOnlySpan<byte> Of(ReadOnlySpan<byte> text) => text.Slice(Start, Length);
}
