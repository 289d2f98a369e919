namespace RemoteWriteGateway.Audit.Storage;

/// <summary>Reads whole lines of a part of a file; bytes behind the last line end are no line.</summary>
internal sealed class LineReader : IDisposable
{
    private const int FirstBytes = 64 * 1024;

    private readonly FileStream _file;
    private readonly long _end;
    private byte[] _buffer = new byte[FirstBytes];
    private int _start;
    private int _filled;

    public LineReader(FileStream file, long from, long to)
    {
        _file = file;
        _end = to;
        Position = from;
        file.Position = from;
    }

    /// <summary>Behind the last line that was read.</summary>
    public long Position { get; private set; }

    /// <summary>The next line without its end; valid until the next call.</summary>
    public bool TryRead(out ReadOnlyMemory<byte> line)
    {
        int searched = 0;
        while (true)
        {
            int length = _buffer.AsSpan(_start + searched, _filled - _start - searched).IndexOf((byte)'\n');
            if (length >= 0)
            {
                length += searched;
                line = _buffer.AsMemory(_start, length);
                _start += length + 1;
                Position += length + 1;
                return true;
            }

            searched = _filled - _start;
            if (!Fill())
            {
                line = default;
                return false;
            }
        }
    }

    public void Dispose() => _buffer = [];

    private bool Fill()
    {
        long left = _end - _file.Position;
        if (left <= 0)
        {
            return false;
        }

        if (_start > 0)
        {
            _buffer.AsSpan(_start, _filled - _start).CopyTo(_buffer);
            _filled -= _start;
            _start = 0;
        }

        if (_filled == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        int read = _file.Read(_buffer, _filled, (int)Math.Min(left, _buffer.Length - _filled));
        _filled += read;
        return read > 0;
    }
}
