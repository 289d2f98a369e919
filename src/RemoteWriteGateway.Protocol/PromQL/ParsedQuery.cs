namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>
/// What the parser made of a text: its tokens with what each one means, its selectors, its type; or the fault that refuses it. There is
/// no tree. Reused from text to text, for one caller at a time; everything it gives is valid until the next text is parsed into it.
/// </summary>
public sealed class ParsedQuery
{
    private const int FirstTokens = 128;
    private const int FirstSelectors = 16;

    private Token[] _tokens = new Token[FirstTokens];
    private SelectorMark[] _selectors = new SelectorMark[FirstSelectors];
    private byte[] _scratch = [];
    private LabelKey[] _labelKeys = [];
    private string? _lexicalFault;
    private int _tokenCount;
    private int _recordedSelectors;

    /// <summary>All tokens in the order of the text, the last one of kind <see cref="TokenKind.End"/>. Comments and blanks are none.</summary>
    public ReadOnlySpan<Token> Tokens => _tokens.AsSpan(0, _tokenCount);

    /// <summary>Every selector, wherever it stands, in the order of the text.</summary>
    public ReadOnlySpan<SelectorMark> Selectors => _selectors.AsSpan(0, _recordedSelectors);

    /// <summary>What the text was parsed as.</summary>
    public PromQLEntry Entry { get; private set; }

    /// <summary>Type of the whole expression.</summary>
    public PromQLType Type { get; internal set; }

    /// <summary>Most levels that were open at once: parentheses, calls, signs, operands of operands.</summary>
    public int Depth { get; internal set; }

    /// <summary>The functions and aggregations in it.</summary>
    public FunctionSet Functions { get; private set; }

    /// <summary>The refusal; <see cref="PromQLFault.None"/> if the text is valid.</summary>
    public PromQLError Error { get; private set; }

    /// <summary>Whether the text is valid.</summary>
    public bool IsValid => Error.Fault == PromQLFault.None;

    /// <summary>Whether <c>info()</c> stands somewhere with one argument only.</summary>
    internal bool HasBareInfo { get; set; }

    /// <summary>Selectors met, those past the limit included, which are not recorded.</summary>
    internal int SelectorCount { get; private set; }

    /// <summary>By how much the strings may grow when they are written, in bytes.</summary>
    internal long ExtraBytes { get; set; }

    /// <summary>The tokens, for the parser to say what they mean.</summary>
    internal Span<Token> WritableTokens => _tokens.AsSpan(0, _tokenCount);

    /// <summary>Bytes held for the next text.</summary>
    internal long HeldBytes =>
        (_tokens.Length * 12L) + (_selectors.Length * 12L) + _scratch.Length + (_labelKeys.Length * 8L);

    internal void Reset(PromQLEntry entry)
    {
        Entry = entry;
        _tokenCount = 0;
        _recordedSelectors = 0;
        _lexicalFault = null;
        SelectorCount = 0;
        ExtraBytes = 0;
        Type = PromQLType.None;
        Depth = 0;
        Functions = default;
        HasBareInfo = false;
        Error = default;
    }

    internal void AddToken(in Token token)
    {
        if (_tokenCount == _tokens.Length)
        {
            Array.Resize(ref _tokens, _tokenCount * 2);
        }

        _tokens[_tokenCount++] = token;
    }

    internal void AddSelector(SelectorMark selector, int max)
    {
        SelectorCount++;
        if (SelectorCount > max)
        {
            return;
        }

        if (_recordedSelectors == _selectors.Length)
        {
            Array.Resize(ref _selectors, _recordedSelectors * 2);
        }

        _selectors[_recordedSelectors++] = selector;
    }

    internal void AddFunction(int function) => Functions = Functions.With(function);

    /// <summary>Keeps the text of the fault where the lexer stopped.</summary>
    internal void SetLexicalFault(string text) => _lexicalFault = text;

    /// <summary>Sets the error, unless there is one already: the first one is told.</summary>
    internal void Refuse(PromQLError error)
    {
        if (IsValid)
        {
            Error = error;
        }
    }

    /// <summary>The text of the lexer's fault.</summary>
    internal string LexicalFault => _lexicalFault ?? throw new InvalidOperationException("There is no lexical fault.");

    /// <summary>Working memory for one value at a time.</summary>
    internal Span<byte> Scratch(int length)
    {
        if (length > _scratch.Length)
        {
            _scratch = new byte[Math.Max(length, 256)];
        }

        return _scratch;
    }

    /// <summary>Working memory for the labels of one list.</summary>
    internal Span<LabelKey> LabelKeys(int count)
    {
        if (count > _labelKeys.Length)
        {
            _labelKeys = new LabelKey[Math.Max(count, 16)];
        }

        return _labelKeys.AsSpan(0, count);
    }

    /// <summary>Lets go of memory if there is more than <paramref name="maxBytes"/> of it, so that one large text does not stay for ever.</summary>
    internal void Trim(long maxBytes)
    {
        if (HeldBytes > maxBytes)
        {
            Reset(Entry);
            _tokens = new Token[FirstTokens];
            _selectors = new SelectorMark[FirstSelectors];
            _scratch = [];
            _labelKeys = [];
        }
    }
}

/// <summary>A label of a list by the hash of its value, to find it again without comparing each with each.</summary>
internal readonly record struct LabelKey(int Hash, int Token) : IComparable<LabelKey>
{
    public int CompareTo(LabelKey other) => Hash.CompareTo(other.Hash);
}
