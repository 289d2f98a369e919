using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Numerics;
using System.Text;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.RemoteRead;

/// <summary>What a look at a remote read's answer has found.</summary>
public enum ReadAnswerVerdict
{
    Good,

    /// <summary>A series without the tenant label, with it twice, or with another tenant's.</summary>
    Violation,

    /// <summary>Not a message of this protocol.</summary>
    Invalid,
}

/// <summary>Looks at remote reads' answers: every series carries the tenant label exactly once, with one of the read's tenants.</summary>
/// <param name="label">The tenant label; null for stores that keep tenants apart themselves, where only the form is looked at.</param>
/// <param name="ids">Values of the label that are the read's.</param>
public sealed class ReadAnswerCheck(string? label, IEnumerable<string> ids)
{
    private readonly byte[] _label = Encoding.UTF8.GetBytes(label ?? "");
    private readonly ImmutableArray<byte[]> _ids = [.. ids.Select(Encoding.UTF8.GetBytes)];

    /// <summary>Looks at a <c>prometheus.ReadResponse</c>, uncompressed and whole.</summary>
    /// <param name="message">The message.</param>
    /// <param name="queries">How many results it must have.</param>
    /// <param name="series">How many series it has.</param>
    public ReadAnswerVerdict LookAtSamples(ReadOnlySpan<byte> message, int queries, out long series)
    {
        series = 0;
        int results = 0;
        WireReader reader = new(message);
        while (reader.TryReadTag(out WireTag tag))
        {
            if (tag.Field != 1)
            {
                reader.Skip(tag);
                continue;
            }

            results++;
            int outer = reader.Enter(tag);
            while (reader.TryReadTag(out WireTag inner))
            {
                if (inner.Field != 1)
                {
                    reader.Skip(inner);
                    continue;
                }

                series++;
                ReadAnswerVerdict verdict = LookAtSeries(message, reader.ReadBytes(inner));
                if (verdict != ReadAnswerVerdict.Good && !reader.HasFault)
                {
                    return verdict;
                }
            }

            reader.Leave(outer);
        }

        return reader.HasFault || results != queries ? ReadAnswerVerdict.Invalid : ReadAnswerVerdict.Good;
    }

    /// <summary>Looks at the <c>prometheus.ChunkedReadResponse</c> of one frame. Chunks are not opened.</summary>
    /// <param name="message">The frame's message.</param>
    /// <param name="queries">How many queries were asked.</param>
    /// <param name="series">How many series are in it.</param>
    public ReadAnswerVerdict LookAtFrame(ReadOnlySpan<byte> message, int queries, out long series)
    {
        series = 0;
        ulong query = 0;
        WireReader reader = new(message);
        while (reader.TryReadTag(out WireTag tag))
        {
            if (tag.Field == 2)
            {
                query = reader.ReadVarint(tag);
                continue;
            }

            if (tag.Field != 1)
            {
                reader.Skip(tag);
                continue;
            }

            series++;
            ReadAnswerVerdict verdict = LookAtSeries(message, reader.ReadBytes(tag));
            if (verdict != ReadAnswerVerdict.Good && !reader.HasFault)
            {
                return verdict;
            }
        }

        return reader.HasFault || query >= (ulong)queries ? ReadAnswerVerdict.Invalid : ReadAnswerVerdict.Good;
    }

    /// <summary>CRC-32C, by which frames are protected.</summary>
    public static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        while (bytes.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (byte one in bytes)
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return ~crc;
    }

    // Of TimeSeries and ChunkedSeries alike the labels are field 1.
    private ReadAnswerVerdict LookAtSeries(ReadOnlySpan<byte> message, WireRange range)
    {
        int found = 0;
        WireReader reader = WireReader.Within(message, range);
        while (reader.TryReadTag(out WireTag tag))
        {
            if (tag.Field != 1)
            {
                reader.Skip(tag);
                continue;
            }

            WireRange one = reader.ReadBytes(tag);
            if (reader.HasFault || !TryReadLabel(message, one, out WireRange name, out WireRange value))
            {
                return ReadAnswerVerdict.Invalid;
            }

            if (label is not null && reader.Slice(name).SequenceEqual(_label) && (++found > 1 || !IsOurs(reader.Slice(value))))
            {
                return ReadAnswerVerdict.Violation;
            }
        }

        return reader.HasFault ? ReadAnswerVerdict.Invalid
            : label is null || found == 1 ? ReadAnswerVerdict.Good
            : ReadAnswerVerdict.Violation;
    }

    // A name or value that stands there twice is read in two ways.
    private static bool TryReadLabel(ReadOnlySpan<byte> message, WireRange range, out WireRange name, out WireRange value)
    {
        name = value = default;
        int names = 0;
        int values = 0;
        WireReader reader = WireReader.Within(message, range);
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    name = reader.ReadBytes(tag);
                    names++;
                    break;
                case 2:
                    value = reader.ReadBytes(tag);
                    values++;
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        return !reader.HasFault && names == 1 && values <= 1;
    }

    private bool IsOurs(ReadOnlySpan<byte> value)
    {
        foreach (byte[] id in _ids)
        {
            if (value.SequenceEqual(id))
            {
                return true;
            }
        }

        return false;
    }
}
