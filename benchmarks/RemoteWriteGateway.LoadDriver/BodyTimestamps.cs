namespace RemoteWriteGateway.LoadDriver;

/// <summary>
/// The timestamps in an uncompressed message, so that a recorded body can be sent again as if it came later: a real store takes the
/// same samples only once.
/// </summary>
internal sealed class BodyTimestamps
{
    /// <summary>Milliseconds of our decades need 41 bits, which are six groups of seven.</summary>
    private const int VarintBytes = 6;

    private readonly byte[] _message;
    private readonly List<(int Position, long Value)> _found = [];

    /// <summary>Finds the timestamps of samples, histograms and exemplars.</summary>
    /// <param name="message">Kept, and changed by <see cref="Shift"/>.</param>
    /// <param name="isV2">Which of the two messages it is.</param>
    /// <exception cref="InvalidDataException">It is no such message, or a timestamp is not of our decades.</exception>
    public BodyTimestamps(byte[] message, bool isV2)
    {
        _message = message;
        foreach ((int field, int start, int end) in Fields(0, message.Length))
        {
            if (field != (isV2 ? 5 : 1))
            {
                continue;
            }

            foreach ((int kind, int itemStart, int itemEnd) in Fields(start, end))
            {
                int timestampField = kind switch
                {
                    2 => 2,
                    3 => isV2 ? 15 : 3,
                    4 => isV2 ? 3 : 15,
                    _ => -1,
                };
                foreach ((int inner, int position, _) in timestampField < 0 ? [] : Fields(itemStart, itemEnd))
                {
                    if (inner == timestampField)
                    {
                        _found.Add((position, ReadTimestamp(position)));
                    }
                }
            }
        }
    }

    /// <summary>The message, with the timestamps of the last shift.</summary>
    public ReadOnlySpan<byte> Message => _message;

    public long Earliest => _found.Count == 0 ? long.MaxValue : _found.Min(one => one.Value);

    public long Latest => _found.Count == 0 ? long.MinValue : _found.Max(one => one.Value);

    /// <summary>Moves every timestamp, from where it was recorded.</summary>
    public void Shift(long milliseconds)
    {
        foreach ((int position, long recorded) in _found)
        {
            ulong value = (ulong)(recorded + milliseconds);
            for (int i = 0; i < VarintBytes; i++)
            {
                _message[position + i] = (byte)((value & 0x7f) | (i < VarintBytes - 1 ? 0x80u : 0));
                value >>= 7;
            }
        }
    }

    private long ReadTimestamp(int position)
    {
        int end = position;
        long value = (long)ReadVarint(ref end);
        return end - position == VarintBytes
            ? value
            : throw new InvalidDataException($"timestamp {value} has {end - position} bytes, so that it cannot be replaced in its place");
    }

    /// <summary>The fields between two positions: number, where the value begins behind its length, where it ends.</summary>
    private IEnumerable<(int Field, int Start, int End)> Fields(int position, int end)
    {
        while (position < end)
        {
            ulong tag = ReadVarint(ref position);
            int start = position;
            switch (tag & 7)
            {
                case 0: ReadVarint(ref position); break;
                case 1: position += sizeof(ulong); break;
                case 5: position += sizeof(uint); break;
                case 2:
                    int length = (int)ReadVarint(ref position);
                    start = position;
                    position += length;
                    break;
                default: throw new InvalidDataException($"wire type {tag & 7} has no place in a remote write body");
            }

            yield return ((int)(tag >> 3), start, position);
        }
    }

    private ulong ReadVarint(ref int position)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = _message[position++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
