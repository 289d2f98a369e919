using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>Where a tenant's groups go, and how they are stamped: made once for each tenant of a policy snapshot.</summary>
/// <param name="Tenant">Of the snapshot in force.</param>
/// <param name="Store">Never null: a tenant without one has no target.</param>
/// <param name="Stamping">As for the tenant's writes, without what limits senders.</param>
/// <param name="WithoutCustomBounds">The same where the store cannot be given histograms with custom bounds.</param>
internal sealed record EmissionTarget(Tenant Tenant, Store Store, StampOptions Stamping, StampOptions WithoutCustomBounds)
{
    /// <summary>For what leaves now: what is known of the store's protocol may change.</summary>
    public StampOptions OptionsNow() => Store.RefusesCustomBounds(WriteProtocol.V2) ? WithoutCustomBounds : Stamping;

    public bool TakesNative => !Store.Stamping.RefuseHistograms;
}

/// <summary>Finds the <see cref="EmissionTarget"/> of each tenant.</summary>
internal sealed class EmissionTargets(PolicySource policy, TenantStamping stamping)
{
    private readonly ConditionalWeakTable<Tenant, EmissionTarget> _targets = [];

    /// <summary>Of all tenants of the policy in force that have a store, by their names.</summary>
    public ImmutableDictionary<string, EmissionTarget> All()
    {
        var all = ImmutableDictionary.CreateBuilder<string, EmissionTarget>(StringComparer.Ordinal);
        foreach (Tenant tenant in policy.Current.Tenants)
        {
            if (Forwarder.StoreOf(tenant) is { } store)
            {
                all.Add(tenant.Name, _targets.GetValue(tenant, one => Make(one, store)));
            }
        }

        return all.ToImmutable();
    }

    private EmissionTarget Make(Tenant tenant, Store store) =>
        new(
        tenant,
        store,
        Unlimited(stamping.OptionsOf(tenant, store.Stamping, refuseCustomBounds: false)),
        Unlimited(stamping.OptionsOf(tenant, store.Stamping, refuseCustomBounds: true)));

    // How much a tenant may push was looked at when it was pushed. Limits on labels stay, as some are the store's.
    private static StampOptions Unlimited(StampOptions options) => options with
    {
        RefuseReservedLabels = false,
        NameScheme = NameScheme.Utf8,
        MaxSeriesPerRequest = int.MaxValue,
        MaxSamplesPerRequest = int.MaxValue,
        MaxSymbolsPerRequest = int.MaxValue,
        MaxExpandedBytes = long.MaxValue,
        MaxHistogramBuckets = 0,
        MaxFutureMs = long.MaxValue,
        MaxPastMs = 0,
    };
}
