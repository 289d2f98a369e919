using System.Collections.Immutable;

namespace RemoteWriteGateway.Tenancy;

/// <summary>Whose metrics they are. One instance for each declared tenant of a policy snapshot.</summary>
internal sealed class Tenant(string name, ImmutableArray<object> settings)
{
    /// <summary>The tenant's name: the value of the tenant label.</summary>
    public string Name { get; } = name;

    /// <summary>What a feature's <see cref="ITenantSettingsReader"/> made of this tenant's keys.</summary>
    /// <exception cref="InvalidOperationException">No registered reader gives this type: a bug of ours.</exception>
    public T Settings<T>()
        where T : class
    {
        foreach (object one in settings)
        {
            if (one is T found)
            {
                return found;
            }
        }

        throw new InvalidOperationException($"No feature reads {typeof(T).Name} from the policy.");
    }

    /// <summary>Binds a handler's <see cref="Tenant"/> parameter: such a handler cannot run unscoped.</summary>
    /// <exception cref="InvalidOperationException">Authorization resolved no tenant for this request: a bug of ours, never a default.</exception>
    public static ValueTask<Tenant?> BindAsync(HttpContext http) =>
        ValueTask.FromResult<Tenant?>(http.Features.Get<Access>()?.Tenant
            ?? throw new InvalidOperationException("The route resolved no tenant."));
}
