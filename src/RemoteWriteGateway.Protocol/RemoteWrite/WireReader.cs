using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>How a protobuf field's value is laid out. The groups (3, 4) and 6, 7 are in no message of ours and are faults.</summary>
internal enum WireType
{
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

/// <summary>Why bytes are no protobuf message.</summary>
internal enum WireFault
{
    None,

    /// <summary>A value or a length goes past the end of the message that it stands in.</summary>
    PastEnd,

    /// <summary>A varint of more than ten bytes.</summary>
    VarintTooLong,

    /// <summary>Field number 0, or one larger than protobuf has.</summary>
    FieldNumber,

    /// <summary>A wire type that does not exist, or a group.</summary>
    UnknownWireType,

    /// <summary>A field that we know, with a wire type that it cannot have.</summary>
    WrongWireType,
}

/// <summary>Field number and wire type, as they stand before each value.</summary>
internal readonly record struct WireTag(uint Raw)
{
    public int Field => (int)(Raw >> 3);

    public WireType Type => (WireType)(Raw & 7);

    /// <summary>The byte that <paramref name="field"/>, 15 at most, begins with.</summary>
    public static byte Of(int field, WireType type) => (byte)((field << 3) | (int)type);
}

/// <summary>A stretch of the message that is read: the contents of a string, or of a message.</summary>
internal readonly record struct WireRange(int Start, int Length)
{
    public int End => Start + Length;
}

/// <summary>State of <see cref="WireReader.BeginRun"/>.</summary>
internal struct WireRun
{
    public int OuterEnd;
    public bool IsPacked;
    public bool IsDone;
}

/// <summary>
/// Reads a protobuf message field by field without copying or allocating. Positions are those of the outermost message,
/// also within nested ones.
/// </summary>
/// <remarks>
/// The first fault sticks: from then on <see cref="TryReadTag"/> and <see cref="MoveNext"/> return false and values are zero, so that loops end by themselves and
/// <see cref="Fault"/> is looked at once, behind them. Rules: <c>encoding</c> of the Protocol Buffers documentation;
/// unknown fields are skipped, known ones with another wire type are faults.
/// </remarks>
internal ref struct WireReader(ReadOnlySpan<byte> message)
{
    private readonly ReadOnlySpan<byte> _message = message;

    /// <summary>The next byte to read.</summary>
    public int Position { get; private set; }

    /// <summary>The end of the innermost message or run that is being read.</summary>
    public int End { get; private set; } = message.Length;

    public WireFault Fault { get; private set; }

    /// <summary>Where the value began that is at fault.</summary>
    public int FaultPosition { get; private set; }

    public readonly bool HasFault => Fault != WireFault.None;

    /// <summary>A reader for a part of a message that was found earlier.</summary>
    public static WireReader Within(ReadOnlySpan<byte> message, WireRange range) =>
        new(message) { Position = range.Start, End = range.End };

    public readonly ReadOnlySpan<byte> Slice(WireRange range) => _message.Slice(range.Start, range.Length);

    /// <summary>Goes on at <paramref name="position"/>, to which fields of the message that is being read were passed over.</summary>
    public void MoveTo(int position) => Position = position;

    /// <summary>The next field's tag. False at the end of the message, and after a fault.</summary>
    public bool TryReadTag(out WireTag tag)
    {
        if (Position >= End)
        {
            tag = default;
            return false;
        }

        int start = Position;
        ulong raw = ReadVarint();
        tag = new WireTag((uint)raw);
        if (HasFault)
        {
            return false;
        }

        if (raw > uint.MaxValue || tag.Field == 0)
        {
            Fail(WireFault.FieldNumber, start);
            return false;
        }

        return true;
    }

    /// <summary>The value of a varint field.</summary>
    public ulong ReadVarint(WireTag tag) => Expect(tag, WireType.Varint) ? ReadVarint() : 0;

    /// <summary>The eight bytes of a field of fixed width, as they are: the bits of a double.</summary>
    public ulong ReadFixed64(WireTag tag) => Expect(tag, WireType.Fixed64) ? ReadFixed64() : 0;

    /// <summary>Where the contents of a string or message are; reading goes on behind them.</summary>
    public WireRange ReadBytes(WireTag tag) => Expect(tag, WireType.Bytes) ? ReadBytes() : default;

    /// <summary>Goes into a nested message: it becomes what <see cref="TryReadTag"/> reads. Give the result to <see cref="Leave"/>.</summary>
    public int Enter(WireTag tag)
    {
        int outerEnd = End;
        WireRange range = ReadBytes(tag);
        if (!HasFault)
        {
            Position = range.Start;
            End = range.End;
        }

        return outerEnd;
    }

    /// <summary>Goes on behind the nested message, whether it was read to its end or not.</summary>
    public void Leave(int outerEnd)
    {
        if (!HasFault)
        {
            Position = End;
            End = outerEnd;
        }
    }

    /// <summary>Begins to read a repeated scalar, which may be packed (many elements behind one tag) or not (one element).</summary>
    /// <example><c>WireRun run = reader.BeginRun(tag, WireType.Varint); while (reader.MoveNext(ref run)) { use(reader.ReadVarint()); }</c></example>
    public WireRun BeginRun(WireTag tag, WireType element)
    {
        if (tag.Type == WireType.Bytes)
        {
            return new WireRun { IsPacked = true, OuterEnd = Enter(tag) };
        }

        return new WireRun { IsDone = !Expect(tag, element) };
    }

    /// <summary>Whether there is one more element, which must then be read.</summary>
    public bool MoveNext(ref WireRun run)
    {
        if (run.IsDone || HasFault)
        {
            return false;
        }

        if (!run.IsPacked)
        {
            run.IsDone = true;
            return true;
        }

        if (Position < End)
        {
            return true;
        }

        run.IsDone = true;
        Leave(run.OuterEnd);
        return false;
    }

    /// <summary>Passes over fields until one has the tag <paramref name="wanted"/>, of a string or message, and reads that.</summary>
    public bool TryFind(byte wanted, out WireRange range)
    {
        while (TryReadTag(out WireTag tag))
        {
            if (tag.Raw == wanted)
            {
                range = ReadBytes(tag);
                return !HasFault;
            }

            Skip(tag);
        }

        range = default;
        return false;
    }

    /// <summary>Takes over the fault of a reader of a part of this message.</summary>
    public void FailAs(in WireReader part) => Fail(part.Fault, part.FaultPosition);

    /// <summary>Reads the next field if it has the tag <paramref name="wanted"/>, of a string or message. False before any other one, at the end, and after a fault.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFindNext(byte wanted, out WireRange range)
    {
        if (Position >= End || _message[Position] != wanted)
        {
            range = default;
            return false;
        }

        Position++;
        range = ReadBytes();
        return !HasFault;
    }

    /// <summary>Passes over a field that is not known.</summary>
    public void Skip(WireTag tag)
    {
        int start = Position;
        switch (tag.Type)
        {
            case WireType.Varint:
                ReadVarint();
                break;
            case WireType.Fixed64:
                Take(8, start);
                break;
            case WireType.Bytes:
                ReadBytes();
                break;
            case WireType.Fixed32:
                Take(4, start);
                break;
            default:
                Fail(WireFault.UnknownWireType, start);
                break;
        }
    }

    /// <summary>A varint without a tag: an element of a run.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ReadVarint()
    {
        if (Position < End)
        {
            byte first = _message[Position];
            if (first < 0x80)
            {
                Position++;
                return first;
            }
        }

        return ReadLongVarint();
    }

    /// <summary>Eight bytes without a tag: an element of a run.</summary>
    public ulong ReadFixed64()
    {
        int start = Position;
        return Take(8, start) ? BinaryPrimitives.ReadUInt64LittleEndian(_message[start..]) : 0;
    }

    private ulong ReadLongVarint()
    {
        int start = Position;
        ulong value = 0;
        for (int i = 0; i < 10; i++)
        {
            if (start + i >= End)
            {
                Fail(WireFault.PastEnd, start);
                return 0;
            }

            byte next = _message[start + i];
            // The tenth byte has room for one bit; the rest of it is cut off, as everywhere in protobuf.
            value |= (ulong)(next & 0x7F) << (7 * i);
            if (next < 0x80)
            {
                Position = start + i + 1;
                return value;
            }
        }

        Fail(WireFault.VarintTooLong, start);
        return 0;
    }

    private WireRange ReadBytes()
    {
        int start = Position;
        ulong length = ReadVarint();
        if (HasFault)
        {
            return default;
        }

        // Compared unsigned and before anything is added: a length of 2^64 − 1 must not wrap.
        if (length > (ulong)(End - Position))
        {
            Fail(WireFault.PastEnd, start);
            return default;
        }

        var range = new WireRange(Position, (int)length);
        Position = range.End;
        return range;
    }

    private bool Take(int bytes, int start)
    {
        if (bytes > End - Position)
        {
            Fail(WireFault.PastEnd, start);
            return false;
        }

        Position += bytes;
        return true;
    }

    private bool Expect(WireTag tag, WireType type)
    {
        if (tag.Type == type)
        {
            return true;
        }

        bool exists = tag.Type is WireType.Varint or WireType.Fixed64 or WireType.Bytes or WireType.Fixed32;
        Fail(exists ? WireFault.WrongWireType : WireFault.UnknownWireType, Position);
        return false;
    }

    private void Fail(WireFault fault, int position)
    {
        if (!HasFault)
        {
            Fault = fault;
            FaultPosition = position;
        }

        // An empty rest: whoever reads on finds the end.
        Position = End = 0;
    }
}
