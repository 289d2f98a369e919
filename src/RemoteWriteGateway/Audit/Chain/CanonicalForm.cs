using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace RemoteWriteGateway.Audit.Chain;

/// <summary>
/// The bytes that a hash covers. F(null) = <c>00</c>; else <c>01</c>, the length as a varint, the bytes: text as UTF-8, a UUID as 16 bytes in
/// RFC order, integers and times (µs since 1970) as 8 bytes big-endian, a boolean as 1 byte, an array as a varint count and F of each.
/// </summary>
internal readonly ref struct CanonicalForm(ArrayBufferWriter<byte> output) : IColumnSink
{
    private const int MaxVarint = 10;

    public void Text(string column, string? value) => Text(output, value);

    public void Uuid(string column, Guid? value)
    {
        if (Begin(value is null, 16) && value is { } uuid)
        {
            uuid.TryWriteBytes(output.GetSpan(16), bigEndian: true, out int written);
            output.Advance(written);
        }
    }

    public void Long(string column, long? value)
    {
        if (Begin(value is null, sizeof(long)) && value is { } number)
        {
            BinaryPrimitives.WriteInt64BigEndian(output.GetSpan(sizeof(long)), number);
            output.Advance(sizeof(long));
        }
    }

    public void Short(string column, short? value) => Long(column, value);

    public void Time(string column, long? micros) => Long(column, micros);

    public void Bytes(string column, ReadOnlySpan<byte> value, bool isNull)
    {
        if (Begin(isNull, value.Length))
        {
            output.Write(value);
        }
    }

    public void Boolean(string column, bool? value)
    {
        if (Begin(value is null, 1))
        {
            Byte(output, value == true ? (byte)1 : (byte)0);
        }
    }

    public void Texts(string column, ImmutableArray<string> value)
    {
        if (value.IsDefault)
        {
            Begin(isNull: true, 0);
            return;
        }

        ArrayBufferWriter<byte> items = new();
        Varint(items, (ulong)value.Length);
        foreach (string item in value)
        {
            Text(items, item);
        }

        Bytes(column, items.WrittenSpan, isNull: false);
    }

    public void Uuids(string column, ImmutableArray<Guid> value)
    {
        if (value.IsDefault)
        {
            Begin(isNull: true, 0);
            return;
        }

        ArrayBufferWriter<byte> items = new();
        Varint(items, (ulong)value.Length);
        CanonicalForm each = new(items);
        foreach (Guid item in value)
        {
            each.Uuid(column, item);
        }

        Bytes(column, items.WrittenSpan, isNull: false);
    }

    public void Json(string column, string? value) => Text(output, value);

    private bool Begin(bool isNull, int length)
    {
        Byte(output, isNull ? (byte)0 : (byte)1);
        if (!isNull)
        {
            Varint(output, (ulong)length);
        }

        return !isNull;
    }

    private static void Text(ArrayBufferWriter<byte> output, string? value)
    {
        if (value is null)
        {
            Byte(output, 0);
            return;
        }

        int length = Encoding.UTF8.GetByteCount(value);
        Byte(output, 1);
        Varint(output, (ulong)length);
        Encoding.UTF8.GetBytes(value, output.GetSpan(length));
        output.Advance(length);
    }

    private static void Byte(ArrayBufferWriter<byte> output, byte value)
    {
        output.GetSpan(1)[0] = value;
        output.Advance(1);
    }

    private static void Varint(ArrayBufferWriter<byte> output, ulong value)
    {
        Span<byte> span = output.GetSpan(MaxVarint);
        int length = 0;
        while (value >= 0x80)
        {
            span[length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        span[length++] = (byte)value;
        output.Advance(length);
    }
}
