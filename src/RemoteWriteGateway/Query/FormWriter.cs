using System.Buffers;
using System.Text;

namespace RemoteWriteGateway.Query;

/// <summary>Writes parameters for a store: only unreserved characters stand for themselves.</summary>
internal sealed class FormWriter
{
    private static readonly SearchValues<byte> Unreserved =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"u8);

    private ArrayBufferWriter<byte> _output = new(1024);

    /// <summary>What was written. Valid until the next <see cref="Reset"/>.</summary>
    public ReadOnlyMemory<byte> Written => _output.WrittenMemory;

    public void Reset()
    {
        if (_output.Capacity > 1 << 20)
        {
            _output = new ArrayBufferWriter<byte>(1024);
        }

        _output.ResetWrittenCount();
    }

    public void Add(string name, ReadOnlySpan<byte> value)
    {
        if (_output.WrittenCount > 0)
        {
            _output.Write("&"u8);
        }

        Encode(Encoding.UTF8.GetBytes(name));
        _output.Write("="u8);
        Encode(value);
    }

    public void Add(string name, string value) => Add(name, Encoding.UTF8.GetBytes(value));

    public override string ToString() => Encoding.ASCII.GetString(_output.WrittenSpan);

    private void Encode(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            int plain = text.IndexOfAnyExcept(Unreserved);
            if (plain < 0)
            {
                _output.Write(text);
                return;
            }

            _output.Write(text[..plain]);
            Span<byte> escape = _output.GetSpan(3);
            escape[0] = (byte)'%';
            escape[1] = Digit(text[plain] >> 4);
            escape[2] = Digit(text[plain] & 15);
            _output.Advance(3);
            text = text[(plain + 1)..];
        }
    }

    private static byte Digit(int value) => (byte)(value < 10 ? '0' + value : 'A' + value - 10);
}
