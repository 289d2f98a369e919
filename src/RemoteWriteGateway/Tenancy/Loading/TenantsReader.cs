using System.Collections.Immutable;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>Reads <c>tenants</c> and <c>tenantDefaults</c>, with the keys of all features.</summary>
internal sealed class TenantsReader
{
    private const string Limits = "limits";

    private readonly ImmutableArray<ITenantSettingsReader> _readers;
    private readonly string[] _keysOfTenants;
    private readonly string[] _keysOfDefaults;
    private readonly string[] _limits;
    private readonly string[] _keysOfOneTenant;

    /// <exception cref="InvalidOperationException">Two readers name the same key: a bug of ours.</exception>
    public TenantsReader(ImmutableArray<ITenantSettingsReader> readers)
    {
        _readers = readers;
        _limits = [.. readers.SelectMany(reader => reader.LimitKeys)];
        string[] keys = [.. readers.SelectMany(reader => reader.Keys), .. _limits.Length > 0 ? [Limits] : Array.Empty<string>()];
        _keysOfOneTenant = ["description", "owner", .. readers.SelectMany(reader => reader.KeysOfOneTenant)];
        _keysOfTenants = ["description", "owner", .. keys];
        _keysOfDefaults = [.. keys.Except(_keysOfOneTenant, StringComparer.Ordinal)];
        string[] twice = [.. _keysOfTenants.Concat(_limits.Select(limit => $"{Limits}.{limit}"))
            .CountBy(key => key, StringComparer.Ordinal).Where(key => key.Value > 1).Select(key => key.Key)];
        if (twice.Length > 0)
        {
            throw new InvalidOperationException($"More than one feature reads {string.Join(", ", twice)} of a tenant.");
        }
    }

    /// <summary>The declared tenants, sorted by name.</summary>
    public ImmutableArray<Tenant> Read(YamlMap root, FaultList faults)
    {
        YamlMap? defaults = root.Find("tenantDefaults")?.Map();
        YamlMap? defaultLimits = defaults is null ? null : ReadDefaultKeys(defaults);
        List<Source> sources = [];
        IEnumerable<KeyValuePair<string, YamlValue>> declared = root.Find("tenants")?.Map()?.Entries ?? [];
        foreach ((string name, YamlValue value) in declared.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            CheckName(name, value);

            // A name with nothing behind it declares a tenant without any settings of its own.
            YamlMap? own = value.IsNothing ? null : value.Map();
            own?.Expect(_keysOfTenants);
            YamlMap? ownLimits = own?.Find(Limits)?.Map();
            ownLimits?.Expect(_limits);
            sources.Add(new Source(new TenantSettingsSource(name, value, own, defaults, ownLimits, defaultLimits, faults), own));
        }

        CheckCase(sources);
        return ReadSettings(sources);
    }

    private YamlMap? ReadDefaultKeys(YamlMap defaults)
    {
        foreach ((string key, YamlValue value) in defaults.Entries.Where(entry => _keysOfOneTenant.Contains(entry.Key)))
        {
            value.FaultAtKey("belongs to one tenant and has no default");
        }

        defaults.Expect([.. _keysOfDefaults, .. _keysOfOneTenant.Where(defaults.Has)]);
        YamlMap? limits = defaults.Find(Limits)?.Map();
        limits?.Expect(_limits);
        return limits;
    }

    private static void CheckName(string name, YamlValue value)
    {
        if (!TenantName.IsValid(name))
        {
            value.FaultAtKey($"\"{name}\" cannot name a tenant; begin with a letter or digit, "
                + $"go on with those, \"_\", \".\" or \"-\", at most {TenantName.MaxLength} characters");
        }
    }

    private static void CheckCase(List<Source> sources)
    {
        Dictionary<string, TenantSettingsSource> seen = new(StringComparer.OrdinalIgnoreCase);
        foreach (TenantSettingsSource source in sources.Select(source => source.Settings).OrderBy(source => source.Declaration.Line))
        {
            if (!seen.TryAdd(source.TenantName, source))
            {
                TenantSettingsSource first = seen[source.TenantName];
                source.Declaration.FaultAtKey(
                    $"differs only in letter case from \"{first.TenantName}\" in line {first.Declaration.Line}");
            }
        }
    }

    private ImmutableArray<Tenant> ReadSettings(List<Source> sources)
    {
        List<(ITenantSettingsSource Source, object Settings)>[] byReader = [.. _readers.Select(_ => new List<(ITenantSettingsSource, object)>())];
        ImmutableArray<Tenant>.Builder tenants = ImmutableArray.CreateBuilder<Tenant>(sources.Count);
        foreach ((TenantSettingsSource source, YamlMap? own) in sources)
        {
            ImmutableArray<object> settings = [.. _readers.Select(reader => reader.Read(source))];
            tenants.Add(new Tenant(source.TenantName, settings)
            {
                Ordinal = tenants.Count,
                Description = own?.Find("description")?.Text(),
                Owner = own?.Find("owner")?.Text(),
            });
            for (int i = 0; i < byReader.Length; i++)
            {
                byReader[i].Add((source, settings[i]));
            }
        }

        for (int i = 0; i < byReader.Length; i++)
        {
            _readers[i].Check(byReader[i]);
        }

        return tenants.MoveToImmutable();
    }

    private sealed record Source(TenantSettingsSource Settings, YamlMap? Own);
}
