using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using System.Text.Unicode;
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

    // A snappy block cannot unpack to more than so many times its own size: the densest element is a copy of 64 bytes in 3.
    private const int MaxRatio = 22;

    // The last millisecond that a date has.
    private const long MaxTimeMs = 253_402_300_799_999;

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

    /// <summary>Reads a column <c>body</c>: the directory, so that nothing of it need be believed behind this, but not the messages.</summary>
    /// <exception cref="UnreadablePayloadException">It is no payload, or one of a version that this program does not know.</exception>
    public static PayloadBody Parse(ReadOnlyMemory<byte> stored)
    {
        byte version = stored.IsEmpty ? (byte)0 : stored.Span[0];
        return version switch
        {
            Plain => ParsePlain(stored[1..]),
            Packed => ParsePlain(Unpack(stored.Span[1..])),
            0 => throw new UnreadablePayloadException("A stored payload has no version: the row was changed by something else."),
            _ => throw new UnreadablePayloadException($"A stored payload has version {version}; this program knows {Plain} and {Packed}. A newer program has written it: start that one."),
        };
    }

    /// <summary>
    /// Reads all messages, and compares with them what the directory and the hashes say. Payloads have no checksum: nothing else tells that a byte
    /// of a name, a label or a count was changed. It costs what reading a push costs.
    /// </summary>
    /// <param name="families">Is as after <see cref="ReadInto(MetricFamilies)"/>.</param>
    /// <exception cref="UnreadablePayloadException">They cannot be read, or say something else.</exception>
    public void Verify(MetricFamilies families)
    {
        ReadInto(families);
        SeriesLabels labels = new();
        WriteBuffer scratch = new();
        int metric = 0;
        for (int i = 0; i < Families.Length; i++)
        {
            FamilyEntry family = families.Families[i];
            ReadOnlySpan<byte> name = families.Text(family.Name);
            if (family.Type != Families[i].Type || family.Metrics != Families[i].Metrics || !name.SequenceEqual(Encoding.UTF8.GetBytes(Families[i].Name))
                || !Utf8.IsValid(families.Text(family.Help)))
            {
                throw new UnreadablePayloadException("A stored payload has another family than its directory says.");
            }

            foreach (ref readonly MetricEntry entry in families.MetricsOf(family))
            {
                labels.Merge(families, entry, GroupingLabels.Empty);
                if (ContentRules.Hash(name, labels, scratch) != Hash(metric++))
                {
                    throw new UnreadablePayloadException("A stored payload has another series than its hashes say.");
                }
            }
        }
    }

    /// <summary>Why it does not pass <see cref="Verify"/>; null if it does.</summary>
    /// <param name="families">As with it.</param>
    public string? FindFault(MetricFamilies families)
    {
        try
        {
            Verify(families);
            return null;
        }
        catch (UnreadablePayloadException e)
        {
            return e.Message;
        }
    }

    /// <summary>
    /// Reads all messages: family i of <paramref name="families"/> is family i here, and so with metrics. The labels are merged with the group's.
    /// </summary>
    /// <exception cref="UnreadablePayloadException">They cannot be read: the row was changed by something else.</exception>
    public void ReadInto(MetricFamilies families)
    {
        ExpositionFault fault = ExpositionReader.Read(_messages, ExpositionFormat.Protobuf, AsStored, families);
        if (!fault.IsNone || families.Families.Length != Families.Length || families.Metrics.Length != Metrics)
        {
            throw new UnreadablePayloadException($"A stored payload cannot be read: {fault.Reason.Id()}");
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
    /// <exception cref="UnreadablePayloadException">It cannot be read: the row was changed by something else.</exception>
    public void ReadInto(MetricFamilies families, int family)
    {
        ExpositionFault fault = ExpositionReader.Read(Families[family].Message, ExpositionFormat.Protobuf, AsStored, families);
        if (!fault.IsNone || families.Families.Length != 1 || families.Metrics.Length != Families[family].Metrics)
        {
            throw new UnreadablePayloadException($"A stored payload cannot be read: {fault.Reason.Id()}");
        }

        if (Families[family].HasGaugeSuffixes)
        {
            families.MarkGaugeSuffixes(0);
        }
    }

    private static byte[] Unpack(ReadOnlySpan<byte> packed)
    {
        try
        {
            // The length that it states is looked at before it is believed: it would be allocated.
            return Snappy.GetUncompressedLength(packed) is >= 0 and var length && length <= (long)packed.Length * MaxRatio
                ? Snappy.DecompressToArray(packed)
                : throw new UnreadablePayloadException("A stored payload cannot unpack to the length that it states.");
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentException)
        {
            throw new UnreadablePayloadException("A stored payload cannot be unpacked.", e);
        }
    }

    private static PayloadBody ParsePlain(ReadOnlyMemory<byte> bytes)
    {
        DirectoryReader reader = new(bytes);
        int count = reader.Int();
        var families = ImmutableArray.CreateBuilder<PayloadFamily>();
        HashSet<string> names = new(StringComparer.Ordinal);
        List<int> lengths = [];
        long metrics = 0;
        long series = 0;
        for (int i = 0; i < count; i++)
        {
            PayloadFamily family = reader.Family((int)metrics);
            lengths.Add(reader.Int());
            metrics += family.Metrics;
            series += family.Series;
            if (!names.Add(family.Name) || metrics > reader.Rest.Length / HashBytes || series > int.MaxValue)
            {
                throw new UnreadablePayloadException("A stored payload has a directory that cannot be.");
            }

            families.Add(family);
        }

        ReadOnlyMemory<byte> hashes = reader.Take((int)metrics * HashBytes);
        ReadOnlyMemory<byte> starts = reader.Take(((int)metrics + 7) / 8);
        ReadOnlyMemory<byte> messages = reader.Rest;
        for (int i = 0; i < count; i++)
        {
            families[i] = families[i] with { Message = reader.Take(lengths[i]) };
        }

        return reader.Rest.IsEmpty
            ? new PayloadBody(families.DrainToImmutable(), hashes, starts, messages, bytes.Length)
            : throw new UnreadablePayloadException("A stored payload is longer than its directory says.");
    }

    /// <summary>Reads the directory; a row that somebody cut is an error and not a wrong payload.</summary>
    private sealed class DirectoryReader(ReadOnlyMemory<byte> bytes)
    {
        public ReadOnlyMemory<byte> Rest { get; private set; } = bytes;

        /// <summary>A family without its message, whose length follows.</summary>
        public PayloadFamily Family(int firstMetric)
        {
            ReadOnlySpan<byte> name = Take(Int()).Span;
            byte type = Byte();
            byte flags = Byte();
            long pushMs = Long();
            return Utf8.IsValid(name) && Enum.IsDefined((FamilyType)type) && pushMs <= MaxTimeMs
                ? new PayloadFamily
                {
                    Name = Encoding.UTF8.GetString(name),
                    Type = (FamilyType)type,
                    HasGaugeSuffixes = (flags & GaugeSuffixesFlag) != 0,
                    PushMs = pushMs,
                    FirstMetric = firstMetric,
                    Metrics = Int(),
                    Series = Int(),
                    Message = default,
                }
                : throw new UnreadablePayloadException("A stored payload has a family that cannot be.");
        }

        public ReadOnlyMemory<byte> Take(int length)
        {
            if (length > Rest.Length)
            {
                throw new UnreadablePayloadException("A stored payload ends before its directory says.");
            }

            ReadOnlyMemory<byte> taken = Rest[..length];
            Rest = Rest[length..];
            return taken;
        }

        /// <summary>Not negative.</summary>
        public int Int() => Long() is <= int.MaxValue and var value ? (int)value : throw new UnreadablePayloadException("A number in a stored payload is too large.");

        private byte Byte() => Take(1).Span[0];

        private long Long()
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

            throw new UnreadablePayloadException("A number in a stored payload is too long.");
        }
    }
}
