using System.Text;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>
/// Writes random requests byte by byte: mostly of the shape that senders write, so that both ways of the stamper are met,
/// with every oddity that the wire format allows, and faults of every kind, mixed in.
/// </summary>
/// <param name="random">Where the choices come from; the same seed gives the same request.</param>
/// <param name="isReadable">Only what the generated classes read as the gateway does: valid UTF-8, no field of a wrong wire type.</param>
internal sealed class RandomRequests(Random random, bool isReadable)
{
    private const long Now = StampRunner.NowMs;

    private static readonly string[] Names =
    [
        "job", "instance", "le", "container", "container_id", "container_name", "code", "device", "handler", "zone", "Z", "a", "b", "mode", "tenant", "tenan", "tenant_a", "Tenant", "TENANT", "exported_tenant",
        "exported_exported_tenant", "vm_account_id", "__tenant_id__", "__tenant_idx__", "tenant_id", "quantile",
        "\uFF5E", "\U0001F30D", "with space", "9a", "a:b", "", new('n', 127), new('n', 130), new('n', 257),
    ];

    private static readonly string[] Values =
    [
        "a", "b", "0.5", "node:9100", "theirs", "ours", "tenant", "__name__", "", "é", "\U0001F30D", "some value with blanks", new('v', 100), new('v', 127),
        new('v', 128), new('v', 600), new('v', 2049),
    ];

    private static readonly string[] Metrics = ["up", "node_cpu_seconds_total", "a:b", "with.dots", "9", "", "é", new('m', 513)];

    private readonly WriteBuffer _work = new();

    /// <summary>How often something is out of the ordinary: one time in so many. Differs from request to request.</summary>
    private int _oddity = 1;

    public static StampOptions NextOptions(Random random)
    {
        bool isPlain = random.Next(3) == 0;
        return new StampOptions
        {
            TenantLabel = isPlain ? "tenant" : Pick(random, ["tenant", "a", "zzz", "__tenant__", "container_ie", "Z", "\uFF5F"]),
            TenantValue = Pick(random, ["ours", "b", "é"]),
            Stamp = isPlain || random.Next(4) != 0,
            KeepWriterTenant = !isPlain && random.Next(2) == 0,
            TenantLabelIgnoresCase = !isPlain && random.Next(4) == 0,
            RefuseReservedLabels = !isPlain && random.Next(4) == 0,
            ReservedLabels = random.Next(2) == 0 ? ["tenant_id"] : [],
            NameScheme = !isPlain && random.Next(4) == 0 ? NameScheme.Legacy : NameScheme.Utf8,
            MaxLabelsPerSeries = !isPlain && random.Next(4) == 0 ? 4 : 60,
            MaxLabelNameBytes = !isPlain && random.Next(8) == 0 ? random.Next(7, 20) : 256,
            MaxLabelValueBytes = !isPlain && random.Next(8) == 0 ? 20 : 2048,
            MaxMetadataBytes = !isPlain && random.Next(4) == 0 ? 5 : 1024,
            MaxPastMs = random.Next(4) == 0 ? 3_600_000 : 0,
            MaxSeriesPerRequest = random.Next(8) == 0 ? 10 : 50_000,
            MaxSamplesPerRequest = random.Next(8) == 0 ? 10 : 100_000,
            MaxSymbolsPerRequest = random.Next(8) == 0 ? 30 : 500_000,
            MaxExpandedBytes = random.Next(8) == 0 ? 2000 : 128 << 20,
            DropExemplars = random.Next(8) == 0,
            DropMetadata = random.Next(4) == 0,
            AllowHighResolution = random.Next(4) == 0,
            RefuseHistograms = random.Next(16) == 0,
            RefuseCustomBounds = random.Next(8) == 0,
            MaxHistogramBuckets = random.Next(4) == 0 ? 3 : 1000,
        };
    }

    public byte[] Next(WriteProtocol protocol)
    {
        _oddity = Pick([15, 100, 1000, 10_000]);
        return protocol == WriteProtocol.V1 ? NextV1() : NextV2();
    }

    private byte[] NextV1()
    {
        var message = new List<byte>();
        for (int i = random.Next(20); i > 0; i--)
        {
            message.AddRange(random.Next(6) == 0 ? NextMetadataV1() : Field(V1Tags.Series, NextSeriesV1()));
            message.AddRange(NextUnknown());
        }

        return [.. message];
    }

    private byte[] NextV2()
    {
        var symbols = new SymbolWriter();
        var fields = new List<byte[]>();
        for (int i = random.Next(20); i > 0; i--)
        {
            fields.Add([.. Field(V2Tags.Series, NextSeriesV2(symbols)), .. NextUnknown()]);
        }

        if (random.Next(4) == 0)
        {
            // Enough for references of two bytes, and some of three.
            symbols.Pad(Pick([100, 127, 128, 129, 300, 16_500]));
        }

        List<byte[]> table = [.. symbols.Texts.Select(text => Field(V2Tags.Symbols, text))];
        if (IsOdd() && table.Count > 0)
        {
            table.Insert(random.Next(table.Count), Field(V2Tags.Symbols, []));
        }

        List<byte[]> all = IsOdd() ? [.. Shuffle([.. table.Skip(1).Reverse(), .. fields])] : [.. table, .. fields];
        return [.. all.SelectMany(static field => field)];
    }

    private byte[] NextSeriesV1()
    {
        List<byte[]> labels = [.. NextLabels().Select(label => Field(V1Tags.Labels, NextLabelV1(label.Name, label.Value)))];
        List<byte[]> items = NextItems(
            V1Tags.Histograms,
            V1Tags.Exemplars,
            () => [.. NextExemplarLabels().SelectMany(label => Field(ItemTags.ExemplarLabels, NextLabelV1(label.Name, label.Value)))]);
        return Join([.. labels, .. items]);
    }

    private byte[] NextSeriesV2(SymbolWriter symbols)
    {
        List<byte[]> fields = [NextRefs(V2Tags.LabelRefs, NextLabels(), symbols)];
        fields.AddRange(NextItems(V2Tags.Histograms, V2Tags.Exemplars, () => NextRefs(ItemTags.ExemplarLabels, NextExemplarLabels(), symbols)));
        if (random.Next(2) == 0)
        {
            fields.Add(Field(V2Tags.Metadata, NextMetadataV2(symbols)));
        }

        if (IsOdd())
        {
            fields.Add(Field(V2Tags.Metadata, NextMetadataV2(symbols)));
        }

        if (random.Next(8) == 0)
        {
            fields.Add([V2Tags.CreatedTimestamp, .. Varint((ulong)NextTimestamp())]);
        }

        return Join(fields);
    }

    private byte[] NextRefs(byte tag, List<(byte[] Name, byte[] Value)> labels, SymbolWriter symbols)
    {
        if (labels.Count == 0 && random.Next(2) == 0)
        {
            return [];
        }

        List<uint> refs = [.. labels.SelectMany(label => new[] { symbols.RefOf(label.Name, random), symbols.RefOf(label.Value, random) })];
        if (IsOdd())
        {
            refs.Add((uint)random.Next(40));
        }

        if (IsOdd() && refs.Count > 0)
        {
            refs[random.Next(refs.Count)] = Pick([0u, 1u, 127u, 128u, 300u, 20_000u, uint.MaxValue]);
        }

        if (IsOdd())
        {
            return [.. refs.SelectMany(reference => new byte[] { (byte)(tag & ~7) }.Concat(Varint(reference)))];
        }

        byte[] packed = [.. refs.SelectMany(reference => Varint(reference))];
        if (!isReadable && packed.Length > 0 && random.Next(_oddity * 4) == 0)
        {
            // A last reference that goes on behind the run.
            packed[^1] |= 0x80;
        }

        return Field(tag, packed);
    }

    private List<(byte[] Name, byte[] Value)> NextLabels()
    {
        var labels = new List<(byte[] Name, byte[] Value)>();
        if (!IsOdd())
        {
            labels.Add(("__name__"u8.ToArray(), Text(IsOdd() ? Metrics : ["up", "node_cpu_seconds_total"])));
        }

        for (int i = random.Next(IsOdd() ? 300 : 12); i > 0; i--)
        {
            labels.Add((Text(IsOdd() || random.Next(20) == 0 ? Names : Names[..14]), Text(IsOdd() ? Values : Values[..7])));
        }

        if (!IsOdd())
        {
            labels = [.. labels.DistinctBy(static label => Convert.ToHexString(label.Name))];
        }

        if (random.Next(5) != 0)
        {
            labels.Sort(static (a, b) => a.Name.AsSpan().SequenceCompareTo(b.Name));
        }

        return labels;
    }

    private List<(byte[] Name, byte[] Value)> NextExemplarLabels() =>
        [.. Enumerable.Range(0, random.Next(3)).Select(i => (Text(IsOdd() ? Names : [i == 0 ? "span_id" : "trace_id"]), Text(IsOdd() ? Values : ["a", "0.5"])))];

    private byte[] NextLabelV1(byte[] name, byte[] value)
    {
        List<byte[]> fields = [name.Length == 0 && !IsOdd() ? [] : Field(V1Tags.LabelName, name), value.Length == 0 && !IsOdd() ? [] : Field(V1Tags.LabelValue, value)];
        if (IsOdd())
        {
            fields.Insert(0, Field(V1Tags.LabelName, "tenant"u8.ToArray()));
        }

        return Join(fields);
    }

    private List<byte[]> NextItems(byte histograms, byte exemplars, Func<byte[]> exemplarLabels)
    {
        var items = new List<byte[]>();
        int kind = random.Next(10);
        for (int i = kind < 8 ? random.Next(1, 3) : 0; i > 0; i--)
        {
            items.Add(Field(V1Tags.Samples, NextSample()));
        }

        List<byte[]> histogramFields = kind is 8 || IsOdd() ? [Field(histograms, NextHistogram())] : [];
        List<byte[]> exemplarFields = kind is 9 || IsOdd() ? [.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => Field(exemplars, NextExemplar(exemplarLabels)))] : [];
        items.AddRange(histograms < exemplars ? [.. histogramFields, .. exemplarFields] : [.. exemplarFields, .. histogramFields]);
        return items;
    }

    private byte[] NextSample()
    {
        ulong bits = Pick<ulong>([0, BitConverter.DoubleToUInt64Bits(1.5), 0x8000_0000_0000_0000, ItemRules.StaleMarkerBits, 0x7ff8_0000_0000_0001]);
        byte[] value = bits == 0 && !IsOdd() ? [] : [ItemTags.SampleValue, .. BitConverter.GetBytes(bits)];
        byte[] start = IsOdd() ? [3 << 3, .. Varint((ulong)NextTimestamp())] : [];
        return Join([value, [ItemTags.SampleTimestamp, .. Varint((ulong)NextTimestamp())], start]);
    }

    private byte[] NextExemplar(Func<byte[]> labels)
    {
        byte[] value = random.Next(3) == 0 ? [] : [ItemTags.ExemplarValue, .. BitConverter.GetBytes(IsOdd() ? 0 : 0.25)];
        byte[] timestamp = IsOdd() ? [] : [ItemTags.ExemplarTimestamp, .. Varint((ulong)NextTimestamp())];
        return Join([labels(), value, timestamp]);
    }

    private byte[] NextHistogram()
    {
        int schema = Pick([0, 3, 8, -53, -53, IsOdd() ? 9 : -4, IsOdd() ? -5 : 1]);
        bool isFloat = random.Next(3) == 0;
        int buckets = random.Next(4);
        byte[] count = isFloat
            ? [(2 << 3) | 1, .. BitConverter.GetBytes((double)buckets)]
            : [1 << 3, .. Varint((ulong)(buckets + (IsOdd() ? 1 : 0)))];
        byte[] sum = IsOdd() ? [] : [(3 << 3) | 1, .. BitConverter.GetBytes(Pick([1.5, double.NaN, BitConverter.UInt64BitsToDouble(ItemRules.StaleMarkerBits)]))];
        byte[] zero = IsOdd() ? [6 << 3, 1] : [];
        byte[] span = Field((11 << 3) | 2, Join([[1 << 3, .. Varint(ZigZag(IsOdd() ? -1 : 0))], [2 << 3, .. Varint((ulong)(buckets + (IsOdd() ? 1 : 0)))]]));
        // One observation in each bucket.
        byte[] filled = isFloat != IsOdd()
            ? Field((13 << 3) | 2, [.. Enumerable.Repeat(BitConverter.GetBytes(1.0), buckets).SelectMany(static bytes => bytes)])
            : Field((12 << 3) | 2, [.. Enumerable.Range(0, buckets).SelectMany(i => Varint(ZigZag(i == 0 ? 1 : 0)))]);
        // Field 16 has a tag of two bytes.
        byte[] bounds = schema == -53 || IsOdd()
            ? [0x82, .. Field(0x01, [.. Enumerable.Range(0, buckets).SelectMany(i => BitConverter.GetBytes(IsOdd() ? 0.0 : i))])]
            : [];
        byte[] timestamp = [15 << 3, .. Varint((ulong)NextTimestamp())];
        return Join([count, sum, [4 << 3, .. Varint(ZigZag(schema))], zero, span, filled, timestamp, bounds]);
    }

    private byte[] NextMetadataV1() => Field(V1Tags.Metadata, Join(
    [
        random.Next(2) == 0 ? [] : [V1Tags.MetadataType, .. Varint(Pick<ulong>([1, 7, 200, IsOdd() ? ulong.MaxValue : 2]))],
        random.Next(8) == 0 ? [] : Field(V1Tags.MetadataName, Text(["up", "é", new string('m', 1025)])),
        random.Next(2) == 0 ? [] : Field(V1Tags.MetadataHelp, Text(["Help.", "ééééé", new string('é', 600)])),
        random.Next(2) == 0 ? [] : Field(V1Tags.MetadataUnit, Text(["s", "sixsix", new string('u', 1025)])),
    ]));

    private byte[] NextMetadataV2(SymbolWriter symbols) => Join(
    [
        random.Next(2) == 0 ? [] : [V2Tags.MetadataType, .. Varint(Pick<ulong>([1, 7, 200, IsOdd() ? ulong.MaxValue : 2]))],
        random.Next(2) == 0 ? [] : [V2Tags.MetadataHelp, .. Varint(IsOdd() ? 9999 : symbols.RefOf(Text(["Help.", "ééééé", IsOdd() ? new string('é', 600) : "x"]), random))],
        random.Next(2) == 0 ? [] : [V2Tags.MetadataUnit, .. Varint(IsOdd() ? 9999 : symbols.RefOf(Text(["s", "sixsix", IsOdd() ? new string('u', 1025) : "y"]), random))],
    ]);

    private long NextTimestamp() => IsOdd()
        ? Pick<long>([0, -1, 1, Now + 600_000, Now + 600_001, Now - 3_600_001, long.MaxValue, long.MinValue, 1L << 35])
        : Now - random.Next(1_000_000);

    /// <summary>Puts fields together, now and then in another order or with an unknown one.</summary>
    private byte[] Join(List<byte[]> fields) =>
        [.. (IsOdd() ? Shuffle(fields) : fields).SelectMany(static field => field), .. NextUnknown(), .. NextWrongType()];

    private byte[] NextUnknown() => IsOdd()
        ? Pick<byte[]>([[0xFA, 0x01, 0x01, 0x63], [0xF8, 0x01, 0x05], [0xF9, 0x01, 1, 2, 3, 4, 5, 6, 7, 8], [0xFD, 0x01, 1, 2, 3, 4]])
        : [];

    private byte[] NextWrongType() => !isReadable && IsOdd() && IsOdd()
        ? Pick<byte[]>([[0x09, 1, 2, 3, 4, 5, 6, 7, 8], [0x10], [0x0B], [0x0F], [0x00], [0x12, 0x05], [0x20, 0x01]])
        : [];

    private byte[] Field(byte tag, byte[] contents)
    {
        _work.Clear();
        _work.AppendBytes(tag, contents);
        if (!IsOdd())
        {
            return _work.Span.ToArray();
        }

        // The same length with a byte more than it needs.
        byte[] length = new byte[WireWriter.VarintSize((uint)contents.Length) + 1];
        WireWriter.WriteVarint(length, 0, (uint)contents.Length);
        length[^2] |= 0x80;
        return [tag, .. length, .. contents];
    }

    private byte[] Varint(ulong value)
    {
        byte[] bytes = new byte[WireWriter.VarintSize(value)];
        WireWriter.WriteVarint(bytes, 0, value);
        if (IsOdd() && bytes.Length < WireWriter.MaxVarintBytes)
        {
            bytes[^1] |= 0x80;
            return [.. bytes, 0];
        }

        return bytes;
    }

    private static ulong ZigZag(int value) => (ulong)(uint)((value << 1) ^ (value >> 31));

    private byte[] Text(string[] pool)
    {
        byte[] text = Encoding.UTF8.GetBytes(Pick(pool));
        return !isReadable && IsOdd() ? [.. text, 0xC3] : text;
    }

    private bool IsOdd() => random.Next(_oddity) == 0;

    private T Pick<T>(T[] from) => Pick(random, from);

    private static T Pick<T>(Random random, T[] from) => from[random.Next(from.Length)];

    private List<byte[]> Shuffle(List<byte[]> fields)
    {
        byte[][] shuffled = [.. fields];
        random.Shuffle(shuffled);
        return [.. shuffled];
    }

    /// <summary>The symbols of a 2.0 request, in the order of their first use; now and then one is there twice.</summary>
    private sealed class SymbolWriter
    {
        private readonly Dictionary<string, uint> _known = [];

        public List<byte[]> Texts { get; } = [[]];

        public uint RefOf(byte[] text, Random random)
        {
            string key = Convert.ToHexString(text);
            if (text.Length == 0 || (_known.TryGetValue(key, out uint reference) && random.Next(50) != 0))
            {
                return text.Length == 0 ? 0 : _known[key];
            }

            Texts.Add(text);
            _known[key] = (uint)Texts.Count - 1;
            return (uint)Texts.Count - 1;
        }

        /// <summary>Puts symbols that nothing refers to behind the others.</summary>
        public void Pad(int count)
        {
            while (Texts.Count < count)
            {
                Texts.Add([(byte)'p', (byte)('0' + (Texts.Count % 10))]);
            }
        }
    }
}
