using System.Diagnostics.CodeAnalysis;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>What a series carries: the three kinds that are counted.</summary>
internal enum ItemKind
{
    None,
    Sample,
    Histogram,
    Exemplar,
}

/// <summary>Where the parts of one series stand in a stamped request.</summary>
internal struct StampedSeries
{
    /// <summary>1.0: the Label fields, with their tags. 2.0: the packed references, without tag and length.</summary>
    public WireRange Labels;

    /// <summary>All that stands behind the labels: items, and in 2.0 metadata and created timestamp around them.</summary>
    public WireRange Items;

    /// <summary>2.0: the contents of the metadata message, empty if there is none.</summary>
    public WireRange Metadata;

    /// <summary>2.0: field 6, in milliseconds since 1970; 0 is unset.</summary>
    public long CreatedTimestamp;

    /// <summary>Whether a histogram among the items has custom bounds. Only looked for on request.</summary>
    public bool HasCustomBounds;

    /// <summary>Finds the parts of the series at <paramref name="range"/>.</summary>
    /// <exception cref="InvalidDataException">It was not written by the stamper: a bug of ours.</exception>
    public static StampedSeries Read(ReadOnlySpan<byte> stamped, WireRange range, WriteProtocol protocol, bool findCustomBounds)
    {
        var series = new StampedSeries { Items = range };
        bool isV1 = protocol == WriteProtocol.V1;
        WireReader reader = WireReader.Within(stamped, range);
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Raw)
            {
                // The tag of labels is the same in both; 1.0 repeats it for each label, 2.0 has one run of references.
                case V2Tags.LabelRefs:
                    WireRange contents = reader.ReadBytes(tag);
                    series.Labels = isV1 ? new WireRange(range.Start, reader.Position - range.Start) : contents;
                    series.Items = new WireRange(reader.Position, range.End - reader.Position);
                    break;
                case V2Tags.Metadata when !isV1:
                    series.Metadata = reader.ReadBytes(tag);
                    break;
                case V2Tags.CreatedTimestamp when !isV1:
                    series.CreatedTimestamp = (long)reader.ReadVarint(tag);
                    break;
                case V1Tags.Histograms when isV1 && findCustomBounds:
                case V2Tags.Histograms when !isV1 && findCustomBounds:
                    series.HasCustomBounds |= CustomBoundsHistogram.IsOne(stamped, reader.ReadBytes(tag));
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        ThrowIfFaulty(reader);
        return series;
    }

    /// <summary>A stamped request has no faults, or the stamper has.</summary>
    /// <exception cref="InvalidDataException">The reader met one.</exception>
    public static void ThrowIfFaulty(in WireReader reader)
    {
        if (reader.HasFault)
        {
            Throw(reader.Fault, reader.FaultPosition);
        }
    }

    [DoesNotReturn]
    private static void Throw(WireFault fault, int position) =>
        throw new InvalidDataException($"The stamped request is not well formed at byte {position}: {fault}.");
}

/// <summary>Walks over the items of a stamped series, in their order.</summary>
internal ref struct StampedItems
{
    private readonly bool _isV1;
    private WireReader _reader;

    /// <param name="stamped">The request.</param>
    /// <param name="series">The series.</param>
    /// <param name="from">Where to begin: 0, or the <see cref="Next"/> of an earlier walk.</param>
    /// <param name="protocol">The request's protocol.</param>
    public StampedItems(ReadOnlySpan<byte> stamped, in StampedSeries series, int from, WriteProtocol protocol)
    {
        int start = Math.Max(from, series.Items.Start);
        _reader = WireReader.Within(stamped, new WireRange(start, series.Items.End - start));
        _isV1 = protocol == WriteProtocol.V1;
    }

    public ItemKind Kind { get; private set; }

    /// <summary>The item, without tag and length.</summary>
    public WireRange Contents { get; private set; }

    /// <summary>Where the field behind the item begins.</summary>
    public readonly int Next => _reader.Position;

    public bool MoveNext()
    {
        while (_reader.TryReadTag(out WireTag tag))
        {
            Kind = KindOf(tag);
            if (Kind != ItemKind.None)
            {
                Contents = _reader.ReadBytes(tag);
                return !_reader.HasFault;
            }

            _reader.Skip(tag);
        }

        StampedSeries.ThrowIfFaulty(_reader);
        return false;
    }

    private readonly ItemKind KindOf(WireTag tag) => tag.Raw switch
    {
        V1Tags.Samples => ItemKind.Sample,
        V1Tags.Exemplars => _isV1 ? ItemKind.Exemplar : ItemKind.Histogram,
        V1Tags.Histograms => _isV1 ? ItemKind.Histogram : ItemKind.Exemplar,
        _ => ItemKind.None,
    };
}
