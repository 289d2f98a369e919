namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>First bytes of the fields of <c>prometheus.WriteRequest</c> and its messages (<c>proto/remote.proto</c>, <c>proto/types.proto</c>).</summary>
internal static class V1Tags
{
    public const byte Series = (1 << 3) | 2;
    public const byte Metadata = (3 << 3) | 2;

    public const byte Labels = (1 << 3) | 2;
    public const byte Samples = (2 << 3) | 2;
    public const byte Exemplars = (3 << 3) | 2;
    public const byte Histograms = (4 << 3) | 2;

    public const byte LabelName = (1 << 3) | 2;
    public const byte LabelValue = (2 << 3) | 2;

    public const byte MetadataType = 1 << 3;
    public const byte MetadataName = (2 << 3) | 2;
    public const byte MetadataHelp = (4 << 3) | 2;
    public const byte MetadataUnit = (5 << 3) | 2;
}

/// <summary>First bytes of the fields of <c>io.prometheus.write.v2.Request</c> and its messages (<c>proto/write_v2.proto</c>).</summary>
internal static class V2Tags
{
    public const byte Symbols = (4 << 3) | 2;
    public const byte Series = (5 << 3) | 2;

    public const byte LabelRefs = (1 << 3) | 2;
    public const byte Samples = (2 << 3) | 2;
    public const byte Histograms = (3 << 3) | 2;
    public const byte Exemplars = (4 << 3) | 2;
    public const byte Metadata = (5 << 3) | 2;
    public const byte CreatedTimestamp = 6 << 3;

    public const byte MetadataType = 1 << 3;
    public const byte MetadataHelp = 3 << 3;
    public const byte MetadataUnit = 4 << 3;
}

/// <summary>First bytes of the fields that samples and exemplars share in both protocols.</summary>
internal static class ItemTags
{
    public const byte SampleValue = (1 << 3) | 1;
    public const byte SampleTimestamp = 2 << 3;

    public const byte ExemplarLabels = (1 << 3) | 2;
    public const byte ExemplarValue = (2 << 3) | 1;
    public const byte ExemplarTimestamp = 3 << 3;
}
