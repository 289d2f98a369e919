using System.Runtime.CompilerServices;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push;

/// <summary>What a tenant's pushes need, made once for each tenant of a policy snapshot.</summary>
internal sealed class PushTenant
{
    public PushTenant(Tenant tenant, StampOptions stamping)
    {
        Tenant = tenant;
        Stamping = stamping;
        Settings = tenant.Settings<PushSettings>();
        Writes = tenant.Settings<WriteSettings>();
        Exposition = new ExpositionOptions
        {
            Limits = stamping,
            Utf8Names = Settings.Utf8Names && stamping.NameScheme == NameScheme.Utf8,
            MaxSeriesPerPush = Settings.MaxSeriesPerPush,
            MaxFamiliesPerPush = Settings.MaxFamiliesPerPush,
        };
        Limits = new PushStoreLimits($"tenants.{tenant.Name}.push.limits", Settings.MaxGroups, Settings.MaxSeries, Settings.MaxStoredBytes);
    }

    public Tenant Tenant { get; }

    public string Name => Tenant.Name;

    /// <summary>As for its writes: limits on labels, and which of them leave.</summary>
    public StampOptions Stamping { get; }

    public PushSettings Settings { get; }

    public WriteSettings Writes { get; }

    public ExpositionOptions Exposition { get; }

    public PushStoreLimits Limits { get; }
}

/// <summary>Finds a tenant's <see cref="PushTenant"/>.</summary>
internal sealed class PushTenants(TenantStamping stamping)
{
    // By instance: a new policy snapshot has new tenants.
    private readonly ConditionalWeakTable<Tenant, PushTenant> _tenants = [];

    public PushTenant Of(Tenant tenant) => _tenants.TryGetValue(tenant, out PushTenant? found) ? found : _tenants.GetValue(tenant, Make);

    private PushTenant Make(Tenant tenant) =>
        new(tenant, stamping.OptionsOf(tenant, Forwarder.StoreOf(tenant)?.Stamping, refuseCustomBounds: false));
}
