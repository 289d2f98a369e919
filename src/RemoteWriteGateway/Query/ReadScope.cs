using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.PromQL;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Query;

/// <summary>What one read may see, and where: its tenants at one store, and all that is derived from them. Immutable.</summary>
internal sealed class ReadScope
{
    private readonly EnforceOptions _enforce;

    public ReadScope(Store store, StoreReadSide side, ImmutableArray<Tenant> tenants, ImmutableArray<string> storeIds, ReadLimits limits, QueryOptions options)
    {
        Store = store;
        Side = side;
        Tenants = tenants;
        StoreIds = [.. storeIds.Order(StringComparer.Ordinal)];
        Limits = limits;
        if (side.Isolation == StoreIsolation.Label)
        {
            Ids = side.LabelIsStamped ? [.. tenants.Select(tenant => tenant.Name)] : StoreIds;
            Matcher = new TenantMatcher(side.Label, Ids);
            SeriesMatchers = side.SeriesByEquality ? [.. Ids.Select(id => TenantMatcher.Equality(side.Label, id))] : [Matcher];
        }

        _enforce = new EnforceOptions
        {
            Parse = new ParseOptions
            {
                MaxBytes = limits.MaxQueryBytes,
                MaxDepth = limits.MaxQueryDepth,
                MaxSelectors = limits.MaxSelectors,
                LegacyFunctions = side.LegacyFunctions,
            },
            MaxRewrittenBytes = limits.MaxRewrittenBytes,
            InfoFunction = Matcher is null ? InfoFunction.Allow : InfoFunction.Refuse,
            OtherTenants = options.OtherTenants,
            ForbiddenFunctions = limits.ForbiddenFunctions,
            ForbiddenLabels = options.ForbiddenLabels,
        };
        EnforceWithInfo = side.InfoFunction == InfoRule.Scope && Matcher is not null ? _enforce with { InfoFunction = InfoFunction.Scope } : _enforce;
        UrlParameters = Parameters(side, Matcher);
        UrlConstants = Parameters(side, null);
        TenantHeader = side.Header is null ? null : string.Join('|', StoreIds);
    }

    public Store Store { get; }

    public StoreReadSide Side { get; }

    public ImmutableArray<Tenant> Tenants { get; }

    /// <summary>What header and path carry, sorted.</summary>
    public ImmutableArray<string> StoreIds { get; }

    /// <summary>The values of the tenant label, with isolation by label.</summary>
    public ImmutableArray<string> Ids { get; } = [];

    public ReadLimits Limits { get; }

    /// <summary>What every selector is kept to; null where the store keeps tenants apart by header or path.</summary>
    public TenantMatcher? Matcher { get; }

    /// <summary>Isolation by label: what the selectors of <c>/series</c> are kept to, one copy of each for each of these.</summary>
    public ImmutableArray<TenantMatcher> SeriesMatchers { get; } = [];

    /// <summary>The rules for texts.</summary>
    public EnforceOptions Enforce => _enforce;

    /// <summary>The same where the store is known to take <c>info()</c> in its scoped form.</summary>
    public EnforceOptions EnforceWithInfo { get; }

    /// <summary>What goes into the URL of every request: constants and, at VictoriaMetrics, the tenants once more. Encoded; empty for none.</summary>
    public string UrlParameters { get; }

    /// <summary>The constants alone.</summary>
    public string UrlConstants { get; }

    /// <summary>Value of the isolation header, or null.</summary>
    public string? TenantHeader { get; }

    /// <summary>Why several tenants cannot be read in one request at this store, or null.</summary>
    public Refusal? SeveralAtOnce => Tenants.Length > 1 && Matcher is null && !(Side.Header is not null && Side.Federation)
        ? ReadRefusals.Bad("one-tenant-per-read", $"store {Store.Name} takes one tenant a read, this one is about {Tenants.Length}; name one in the request")
        : null;

    /// <summary>One of the tenants alone, for stores that are asked once for each.</summary>
    public ReadScope Alone(Tenant tenant, QueryOptions options) =>
        new(Store, Side, tenant.Alone, [tenant.Settings<StoreSettings>().Target!.StoreId], Limits, options); // it has a target: the scope was made of it

    private static string Parameters(StoreReadSide side, TenantMatcher? matcher)
    {
        FormWriter form = new();
        if (side.Belt && matcher is not null)
        {
            // Both spellings: one alone is united with the other by "or".
            form.Add("extra_filters[]", matcher.Selector());
            form.Add("extra_filters", matcher.Selector());
        }

        foreach ((string name, string value) in side.Constants)
        {
            form.Add(name, value);
        }

        return form.ToString();
    }
}

/// <summary>Makes scopes, each once for each policy: they hang on the first of their tenants, and go with it.</summary>
internal sealed class ReadScopes(IOptions<QueryOptions> options)
{
    // Bindings grant few sets, but callers choose among them: what is beyond this is made anew each time.
    private const int MaxKeptPerTenant = 256;

    private readonly ConditionalWeakTable<Tenant, ConcurrentDictionary<TenantKey, ReadScope>> _known = [];

    /// <summary>The scope of these tenants, or why there is none.</summary>
    public Refusal? TryFind(ImmutableArray<Tenant> tenants, out ReadScope? scope)
    {
        scope = null;
        ConcurrentDictionary<TenantKey, ReadScope> known = _known.GetOrCreateValue(tenants[0]);
        if (known.TryGetValue(new TenantKey(tenants), out scope))
        {
            return null;
        }

        Store? store = null;
        foreach (Tenant tenant in tenants)
        {
            if (tenant.Settings<StoreSettings>().Target is not { } target)
            {
                return ReadRefusals.NoStore;
            }

            if (store is not null && target.Store != store)
            {
                return ReadRefusals.Bad(
                    "tenants-on-several-stores", "the tenants of this read live on several stores; name tenants of one store in the request");
            }

            store = target.Store;
        }

        if (store?.Read is not { } side)
        {
            return store is null
                ? ReadRefusals.NoStore
                : ReadRefusals.Disabled($"reads of store {store.Name} are switched off (Stores:{store.Name}:Read:Enabled)");
        }

        scope = new ReadScope(
            store,
            side,
            tenants,
            [.. tenants.Select(tenant => tenant.Settings<StoreSettings>().Target!.StoreId)], // checked above
            tenants.Length == 1 ? tenants[0].Settings<ReadLimits>() : ReadLimits.Strictest(tenants.Select(tenant => tenant.Settings<ReadLimits>())),
            options.Value);
        if (known.Count < MaxKeptPerTenant)
        {
            known.TryAdd(new TenantKey(tenants), scope);
        }

        return null;
    }

    /// <summary>Tenants of one policy, by identity and in their order.</summary>
    private readonly record struct TenantKey(ImmutableArray<Tenant> Tenants)
    {
        public bool Equals(TenantKey other) => Tenants.AsSpan().SequenceEqual(other.Tenants.AsSpan());

        public override int GetHashCode()
        {
            HashCode hash = default;
            foreach (Tenant tenant in Tenants)
            {
                hash.Add(RuntimeHelpers.GetHashCode(tenant));
            }

            return hash.ToHashCode();
        }
    }
}
