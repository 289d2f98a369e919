using System.Buffers;
using System.Text;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.RemoteRead;

/// <summary>How a remote read may be answered.</summary>
public enum ReadResponseType : byte
{
    /// <summary>One message, compressed.</summary>
    Samples = 0,

    /// <summary>A stream of frames with chunks.</summary>
    StreamedXorChunks = 1,
}

/// <summary>What a remote-read request asked, or why it is refused. Reused from request to request.</summary>
public sealed class RewrittenRead
{
    private readonly List<ReadResponseType> _types = [];
    private readonly List<(long Start, long End)> _ranges = [];
    private readonly ArrayBufferWriter<byte> _selectors = new();
    private bool _isFirstMatcher;
    private bool _hasTypes;

    /// <summary>The reason's id, or null.</summary>
    public string? Reason { get; private set; }

    /// <summary>What is wrong.</summary>
    public string Fault { get; private set; } = "";

    public bool IsGood => Reason is null;

    public int QueryCount { get; internal set; }

    /// <summary>The known ones, first occurrences in order. Empty if none was given: that means <see cref="ReadResponseType.Samples"/>.</summary>
    public IReadOnlyList<ReadResponseType> AcceptedTypes => _types;

    /// <summary>Start and end of each query, in milliseconds since 1970.</summary>
    public IReadOnlyList<(long Start, long End)> Ranges => _ranges;

    /// <summary>The client's selectors in canonical spelling, joined by line feeds, for the record.</summary>
    public ReadOnlySpan<byte> Selectors => _selectors.WrittenSpan;

    internal bool HasUnknownTypesOnly => _hasTypes && _types.Count == 0;

    internal void Reset()
    {
        _types.Clear();
        _ranges.Clear();
        _selectors.ResetWrittenCount();
        _hasTypes = false;
        Reason = null;
        Fault = "";
        QueryCount = 0;
    }

    internal void Refuse(string reason, string fault)
    {
        if (Reason is null)
        {
            Reason = reason;
            Fault = fault;
        }
    }

    internal void AddType(ulong type)
    {
        _hasTypes = true;
        if (type <= (ulong)ReadResponseType.StreamedXorChunks && !_types.Contains((ReadResponseType)type))
        {
            _types.Add((ReadResponseType)type);
        }
    }

    internal void AddTimes(long start, long end) => _ranges.Add((start, end));

    internal void BeginSelector()
    {
        _selectors.Write(_selectors.WrittenCount == 0 ? "{"u8 : "\n{"u8);
        _isFirstMatcher = true;
    }

    internal void AddMatcher(ReadOnlySpan<byte> name, int type, ReadOnlySpan<byte> value)
    {
        if (!_isFirstMatcher)
        {
            _selectors.Write(","u8);
        }

        _isFirstMatcher = false;
        if (LabelSyntax.IsBare(name))
        {
            _selectors.Write(name);
        }
        else
        {
            WriteString(name);
        }

        _selectors.Write(Encoding.ASCII.GetBytes(type switch { 0 => "=", 1 => "!=", 2 => "=~", _ => "!~" }));
        WriteString(value);
    }

    internal void EndSelector() => _selectors.Write("}"u8);

    private void WriteString(ReadOnlySpan<byte> value)
    {
        Span<byte> to = _selectors.GetSpan((value.Length * 4) + 2);
        _selectors.Advance(StringValue.Encode(value, to));
    }
}
