using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using Snappier;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>A family as the directory of a payload tells of it, without its message being read.</summary>
internal sealed record PayloadFamily
{
    public required string Name { get; init; }

    public required FamilyType Type { get; init; }

    /// <summary>A gauge histogram whose sum and count are <c>_gsum</c> and <c>_gcount</c>.</summary>
    public bool HasGaugeSuffixes { get; init; }

    /// <summary>The push that brought it, in milliseconds since 1970: exemplars are new in that push's generation only.</summary>
    public required long PushMs { get; init; }

    /// <summary>Its metrics are numbered from here.</summary>
    public required int FirstMetric { get; init; }

    public required int Metrics { get; init; }

    /// <summary>As the store counts them.</summary>
    public required int Series { get; init; }

    /// <summary>The <c>MetricFamily</c> message with its length in front; empty for one without metrics too.</summary>
    public required ReadOnlyMemory<byte> Message { get; init; }
}

/// <summary>
/// A stored payload: a directory of its families, the hash and the start bit of every metric, and a <c>MetricFamily</c> message for each
/// family. Immutable. All names are valid UTF-8, and all labels are merged with the group's.
/// </summary>
/// <remarks>
/// <code>
/// version   1 byte: 1, or 2 = what follows is one snappy block of all that follows here
/// families  varint n, then n times: varint length, name; type and flags, 1 byte each; varints push time, metrics, series, bytes of the message
/// hashes    16 bytes, big endian, for each metric
/// starts    a bit for each metric, least significant first
/// messages  { varint32 length, MetricFamily } for each family
/// </code>
/// </remarks>
internal sealed class PayloadBody
{
    public const byte Plain = 1;
    public const byte Packed = 2;

    /// <summary>Payloads of so many bytes are packed.</summary>
    public const int PackFrom = 1024;

    public const int HashBytes = 16;
    internal const byte GaugeSuffixesFlag = 1;

    // What is stored was checked when it came; what the tenant may push has nothing to do with it any more.
    private static readonly ExpositionOptions AsStored = new()
    {
        Limits = new StampOptions { TenantLabel = "tenant", TenantValue = "any", MaxLabelsPerSeries = 1 << 24, MaxHistogramBuckets = 0 },
        Utf8Names = true,
        MaxSeriesPerPush = int.MaxValue,
        MaxFamiliesPerPush = int.MaxValue,
    };

    private readonly ReadOnlyMemory<byte> _hashes;
    private readonly ReadOnlyMemory<byte> _starts;
    private readonly ReadOnlyMemory<byte> _messages;

    private PayloadBody(
        ImmutableArray<PayloadFamily> families, ReadOnlyMemory<byte> hashes, ReadOnlyMemory<byte> starts, ReadOnlyMemory<byte> messages, int length)
    {
        Families = families;
        _hashes = hashes;
        _starts = starts;
        _messages = messages;
        Length = length;
    }

    /// <summary>The payload of a group that has none.</summary>
    public static PayloadBody Empty { get; } = new([], default, default, default, 0);

    /// <summary>In the order of their messages; each name once.</summary>
    public ImmutableArray<PayloadFamily> Families { get; }

    public int Metrics => _hashes.Length / HashBytes;

    /// <summary>Bytes, unpacked.</summary>
    public int Length { get; }

    /// <summary>Whether any metric has its start bit.</summary>
    public bool HasStarts => _starts.Span.ContainsAnyExcept((byte)0);

    /// <summary>Series as the store counts them, without the two bookkeeping ones.</summary>
    public int Series => Families.Sum(static family => family.Series);

    /// <summary>Hash of a metric, as <see cref="ContentRules.Hash"/> makes it.</summary>
    public UInt128 Hash(int metric) => BinaryPrimitives.ReadUInt128BigEndian(_hashes.Span[(metric * HashBytes)..]);

    /// <summary>The same as it stands in column <c>series</c>.</summary>
    public ReadOnlyMemory<byte> SeriesOf(int metric) => _hashes.Slice(metric * HashBytes, HashBytes);

    /// <summary>Whether a zero belongs in front of the metric (§5.2).</summary>
    public bool IsStart(int metric) => (_starts.Span[metric / 8] & (1 << (metric % 8))) != 0;

    /// <summary>Reads a column <c>body</c>.</summary>
    /// <exception cref="InvalidDataException">It is no payload, or one of a version that this program does not know.</exception>
    public static PayloadBody Parse(ReadOnlyMemory<byte> stored)
    {
        byte version = stored.IsEmpty ? (byte)0 : stored.Span[0];
        return version switch
        {
            Plain => ParsePlain(stored[1..]),
            Packed => ParsePlain(Snappy.DecompressToArray(stored.Span[1..])),
            _ => throw new InvalidDataException($"A stored payload has version {version}; this program knows {Plain} and {Packed}. A newer program has written it: start that one."),
        };
    }

    /// <summary>
    /// Reads all messages: family i of <paramref name="families"/> is family i here, and so with metrics. The labels are merged with the group's.
    /// </summary>
    /// <exception cref="InvalidDataException">They cannot be read: the row was changed by something else.</exception>
    public void ReadInto(MetricFamilies families)
    {
        ExpositionFault fault = ExpositionReader.Read(_messages, ExpositionFormat.Protobuf, AsStored, families);
        if (!fault.IsNone || families.Families.Length != Families.Length || families.Metrics.Length != Metrics)
        {
            throw new InvalidDataException($"A stored payload cannot be read: {fault.Reason.Id()}");
        }

        for (int i = 0; i < Families.Length; i++)
        {
            if (Families[i].HasGaugeSuffixes)
            {
                families.MarkGaugeSuffixes(i);
            }
        }
    }

    /// <summary>Reads the message of one family: it is the only one of <paramref name="families"/> then.</summary>
    /// <exception cref="InvalidDataException">It cannot be read: the row was changed by something else.</exception>
    public void ReadInto(MetricFamilies families, int family)
    {
        ExpositionFault fault = ExpositionReader.Read(Families[family].Message, ExpositionFormat.Protobuf, AsStored, families);
        if (!fault.IsNone || families.Families.Length != 1 || families.Metrics.Length != Families[family].Metrics)
        {
            throw new InvalidDataException($"A stored payload cannot be read: {fault.Reason.Id()}");
        }

        if (Families[family].HasGaugeSuffixes)
        {
            families.MarkGaugeSuffixes(0);
        }
    }

    private static PayloadBody ParsePlain(ReadOnlyMemory<byte> bytes)
    {
        DirectoryReader reader = new(bytes);
        int count = reader.Int();
        var families = ImmutableArray.CreateBuilder<PayloadFamily>();
        List<int> lengths = [];
        int metrics = 0;
        for (int i = 0; i < count; i++)
        {
            PayloadFamily family = new()
            {
                Name = Encoding.UTF8.GetString(reader.Take(reader.Int()).Span),
                Type = (FamilyType)reader.Byte(),
                HasGaugeSuffixes = (reader.Byte() & GaugeSuffixesFlag) != 0,
                PushMs = reader.Long(),
                FirstMetric = metrics,
                Metrics = reader.Int(),
                Series = reader.Int(),
                Message = default,
            };
            lengths.Add(reader.Int());
            metrics = checked(metrics + family.Metrics);
            families.Add(family);
        }

        ReadOnlyMemory<byte> hashes = reader.Take(checked(metrics * HashBytes));
        ReadOnlyMemory<byte> starts = reader.Take((metrics + 7) / 8);
        ReadOnlyMemory<byte> messages = reader.Rest;
        for (int i = 0; i < count; i++)
        {
            families[i] = families[i] with { Message = reader.Take(lengths[i]) };
        }

        return reader.Rest.IsEmpty
            ? new PayloadBody(families.DrainToImmutable(), hashes, starts, messages, bytes.Length)
            : throw new InvalidDataException("A stored payload is longer than its directory says.");
    }

    /// <summary>Reads the directory; a row that somebody cut is an error and not a wrong payload.</summary>
    private sealed class DirectoryReader(ReadOnlyMemory<byte> bytes)
    {
        public ReadOnlyMemory<byte> Rest { get; private set; } = bytes;

        public ReadOnlyMemory<byte> Take(int length)
        {
            if (length < 0 || length > Rest.Length)
            {
                throw new InvalidDataException("A stored payload ends before its directory says.");
            }

            ReadOnlyMemory<byte> taken = Rest[..length];
            Rest = Rest[length..];
            return taken;
        }

        public byte Byte() => Take(1).Span[0];

        public int Int() => checked((int)Long());

        public long Long()
        {
            long value = 0;
            for (int shift = 0; shift < 63; shift += 7)
            {
                byte next = Byte();
                value |= (long)(next & 0x7F) << shift;
                if (next < 0x80)
                {
                    return value;
                }
            }

            throw new InvalidDataException("A number in a stored payload is too long.");
        }
    }
}
