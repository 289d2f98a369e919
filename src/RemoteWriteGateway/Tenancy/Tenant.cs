using System.Collections.Immutable;

namespace RemoteWriteGateway.Tenancy;

/// <summary>Whose metrics they are. One instance for each declared tenant of a policy snapshot.</summary>
internal sealed class Tenant
{
    private readonly ImmutableArray<object> _settings;

    public Tenant(string name, ImmutableArray<object> settings)
    {
        Name = name;
        Alone = [this];
        _settings = settings;
    }

    /// <summary>The tenant's name: the value of the tenant label.</summary>
    public string Name { get; }

    /// <summary>For operators: what the policy says about it.</summary>
    public string? Description { get; init; }

    /// <summary>For operators: who answers for it.</summary>
    public string? Owner { get; init; }

    /// <summary>Place among the snapshot's tenants, which are sorted by name: the tenant's bit in a <see cref="BitSpan"/>.</summary>
    public int Ordinal { get; init; }

    /// <summary>This tenant and no other, made once.</summary>
    public ImmutableArray<Tenant> Alone { get; }

    /// <summary>What a feature's <see cref="ITenantSettingsReader"/> made of this tenant's keys.</summary>
    /// <exception cref="InvalidOperationException">No registered reader gives this type: a bug of ours.</exception>
    public T Settings<T>()
        where T : class
    {
        foreach (object one in _settings)
        {
            if (one is T found)
            {
                return found;
            }
        }

        throw new InvalidOperationException($"No feature reads {typeof(T).Name} from the policy.");
    }

    /// <summary>The tenant that authorization resolved for a request. A handler that asks for it cannot run unscoped.</summary>
    /// <exception cref="InvalidOperationException">None was resolved: a bug of ours, never a default.</exception>
    public static Tenant Of(HttpContext http) =>
        http.Features.Get<Access>()?.Tenant ?? throw new InvalidOperationException("The route resolved no tenant.");

    /// <summary>Binds a handler's parameter; see <see cref="Of"/>.</summary>
    public static ValueTask<Tenant?> BindAsync(HttpContext http) => ValueTask.FromResult<Tenant?>(Of(http));
}
