using Microsoft.Extensions.Options;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Forwarding;

/// <summary>What the policy says of one tenant's writes.</summary>
internal sealed record WriteSettings
{
    public NameScheme NameScheme { get; init; }

    /// <summary>Keep a writer's own tenant label as <c>exported_…</c>.</summary>
    public bool KeepWriterTenant { get; init; }

    /// <summary>Refuse series with a reserved label instead of removing the label.</summary>
    public bool RefuseReservedLabels { get; init; }

    public required int MaxBodyBytes { get; init; }

    public required int MaxDecodedBytes { get; init; }

    public required long MaxExpandedBytes { get; init; }

    public required int MaxSeriesPerRequest { get; init; }

    public required int MaxSamplesPerRequest { get; init; }

    public required int MaxLabelsPerSeries { get; init; }

    public required int MaxMetricNameBytes { get; init; }

    public required int MaxLabelNameBytes { get; init; }

    public required int MaxLabelValueBytes { get; init; }

    public required int MaxMetadataBytes { get; init; }

    /// <summary>0 is no limit.</summary>
    public required int MaxHistogramBuckets { get; init; }

    public required TimeSpan MaxFuture { get; init; }

    /// <summary>Zero is no limit.</summary>
    public required TimeSpan MaxPast { get; init; }

    public required int MaxInflightRequests { get; init; }

    /// <summary>Status of an answer that means "this tenant is over its limit": 429, 503 or 400.</summary>
    public required int LimitStatus { get; init; }
}

/// <summary>Reads the keys of a tenant that concern its writes.</summary>
/// <param name="stores">The configured stores, or null where a document is read without a configuration (the command line).</param>
/// <param name="bounds">The bounds of the replica, or null there too.</param>
internal sealed class WriteSettingsReader(StoreDirectory? stores, IOptions<IngestOptions>? bounds) : ITenantSettingsReader
{
    /// <summary>Buffers of a request, in sizes of what it unpacks to: unpacked, stamped and packed again, each with room to grow.</summary>
    private const int BuffersOfDecoded = 4;

    // Azure Monitor refuses what is older: a limit above would be none. Other stores take a late batch of an hour.
    private static readonly TimeSpan AzureMonitorWindow = TimeSpan.FromMinutes(20);
    private static readonly TimeSpan LeastPast = TimeSpan.FromHours(1);

    private const long MiB = 1L << 20;
    private const long GiB = 1L << 30;

    public IReadOnlyList<string> Keys { get; } = ["nameScheme", "keepWriterTenant", "reservedLabels"];

    public IReadOnlyList<string> LimitKeys { get; } =
    [
        "maxBodyBytes", "maxDecodedBytes", "maxExpandedBytes", "maxSeriesPerRequest", "maxSamplesPerRequest", "maxLabelsPerSeries",
        "maxMetricNameBytes", "maxLabelNameBytes", "maxLabelValueBytes", "maxMetadataBytes", "maxHistogramBuckets", "maxFuture",
        "maxPast", "maxInflightRequests", "limitStatus",
    ];

    public object Read(ITenantSettingsSource source)
    {
        var settings = new WriteSettings
        {
            NameScheme = source.OneOf("nameScheme", "utf8", "legacy") == "legacy" ? NameScheme.Legacy : NameScheme.Utf8,
            KeepWriterTenant = source.Flag("keepWriterTenant") ?? false,
            RefuseReservedLabels = source.OneOf("reservedLabels", "remove", "refuse") == "refuse",
            MaxBodyBytes = (int)source.Bytes("maxBodyBytes", 16 * MiB, 1024, GiB),
            MaxDecodedBytes = (int)source.Bytes("maxDecodedBytes", 32 * MiB, 1024, GiB),
            MaxExpandedBytes = source.Bytes("maxExpandedBytes", 128 * MiB, 1024, 64 * GiB),
            MaxSeriesPerRequest = (int)source.Number("maxSeriesPerRequest", 50_000, 1, 10_000_000),
            MaxSamplesPerRequest = (int)source.Number("maxSamplesPerRequest", 100_000, 1, 10_000_000),
            MaxLabelsPerSeries = (int)source.Number("maxLabelsPerSeries", 60, 1, 10_000),
            MaxMetricNameBytes = (int)source.Bytes("maxMetricNameBytes", 512, 1, MiB),
            MaxLabelNameBytes = (int)source.Bytes("maxLabelNameBytes", 256, 1, MiB),
            MaxLabelValueBytes = (int)source.Bytes("maxLabelValueBytes", 2048, 1, 16 * MiB),
            MaxMetadataBytes = (int)source.Bytes("maxMetadataBytes", 1024, 1, MiB),
            MaxHistogramBuckets = (int)source.Number("maxHistogramBuckets", 1000, 0, 1_000_000),
            MaxFuture = source.Duration("maxFuture", TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(1), TimeSpan.FromDays(3650)),
            MaxPast = source.Duration("maxPast", TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromDays(3650)),
            MaxInflightRequests = (int)source.Number("maxInflightRequests", 64, 1, 100_000),
            LimitStatus = (int)source.Number("limitStatus", StatusCodes.Status429TooManyRequests, 400, 503),
        };
        if (settings.LimitStatus is not (400 or 429 or 503))
        {
            source.Fault("limits.limitStatus", $"{settings.LimitStatus} is not a status for limits; expected 429, 503 or 400");
        }

        TimeSpan least = StoreOf(source) is { Kind: not StoreKind.AzureMonitor } ? LeastPast : AzureMonitorWindow;
        if (settings.MaxPast != TimeSpan.Zero && settings.MaxPast < least)
        {
            source.Fault("limits.maxPast", $"is under {least.TotalMinutes} min: senders that catch up after an outage would lose their data; expected 0 (off) or more");
        }

        CheckBounds(source, settings);
        return settings;
    }

    /// <summary>A request that is within its tenant's limits must be within the replica's, or it would be answered 503 for ever.</summary>
    private void CheckBounds(ITenantSettingsSource source, WriteSettings settings)
    {
        long needed = settings.MaxBodyBytes + ((long)BuffersOfDecoded * settings.MaxDecodedBytes);
        if (bounds?.Value.MaxInflightBytes is { } most && needed > most)
        {
            source.Fault(
                "limits.maxDecodedBytes",
                $"a request of {settings.MaxBodyBytes} bytes (maxBodyBytes) that unpacks to {settings.MaxDecodedBytes} needs buffers of {needed} bytes, "
                + $"Ingest:MaxInflightBytes is {most}; lower these limits or raise it");
        }
    }

    private Store? StoreOf(ITenantSettingsSource source) => source.Text("store") is { } name ? stores?.Find(name) : stores?.Only;
}
