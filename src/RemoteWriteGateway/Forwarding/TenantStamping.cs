using Microsoft.Extensions.Options;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Forwarding;

/// <summary>What stamping must know of a tenant, whether its series are written or pushed: policy, store and configuration in one.</summary>
internal sealed class TenantStamping(IOptions<IngestOptions> ingest, IOptions<TenancyOptions> tenancy)
{
    /// <summary>Makes the options. Where tenant and store both have a limit, the smaller one holds. Without a store nothing is stamped.</summary>
    /// <param name="tenant">Of the policy snapshot in force.</param>
    /// <param name="store">What its store asks for, or null if there is none.</param>
    /// <param name="refuseCustomBounds">Whether native histograms with custom bounds are refused.</param>
    public StampOptions OptionsOf(Tenant tenant, StoreStamping? store, bool refuseCustomBounds)
    {
        WriteSettings settings = tenant.Settings<WriteSettings>();
        return new StampOptions
        {
            TenantLabel = tenancy.Value.Label,
            TenantValue = tenant.Name,
            Stamp = store?.Stamp ?? true,
            KeepWriterTenant = settings.KeepWriterTenant,
            TenantLabelIgnoresCase = store?.TenantLabelIgnoresCase ?? false,
            ReservedLabels = [.. store?.ReservedLabels ?? [], .. ingest.Value.ReservedLabels],
            RefuseReservedLabels = settings.RefuseReservedLabels,
            NameScheme = settings.NameScheme,
            MaxSeriesPerRequest = settings.MaxSeriesPerRequest,
            MaxSamplesPerRequest = settings.MaxSamplesPerRequest,
            MaxSymbolsPerRequest = ingest.Value.MaxSymbolsPerRequest,
            MaxExpandedBytes = settings.MaxExpandedBytes,
            MaxLabelsPerSeries = Math.Min(settings.MaxLabelsPerSeries, store?.MaxLabelsPerSeries ?? int.MaxValue),
            MaxMetricNameBytes = Math.Min(settings.MaxMetricNameBytes, store?.MaxMetricNameBytes ?? int.MaxValue),
            MaxLabelNameBytes = Math.Min(settings.MaxLabelNameBytes, store?.MaxLabelNameBytes ?? int.MaxValue),
            MaxLabelValueBytes = Math.Min(settings.MaxLabelValueBytes, store?.MaxLabelValueBytes ?? int.MaxValue),
            MaxMetadataBytes = settings.MaxMetadataBytes,
            MaxHistogramBuckets = settings.MaxHistogramBuckets,
            MaxFutureMs = (long)settings.MaxFuture.TotalMilliseconds,
            MaxPastMs = (long)settings.MaxPast.TotalMilliseconds,
            RefuseHistograms = store?.RefuseHistograms ?? false,
            RefuseCustomBounds = refuseCustomBounds,
            AllowHighResolution = store?.AllowHighResolution ?? false,
            DropExemplars = store?.DropExemplars ?? false,
            DropMetadata = store?.DropMetadata ?? false,
        };
    }
}
