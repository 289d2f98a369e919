using System.Reflection;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Forwarding;

/// <summary>All stores by name. Section <c>Stores</c>, one key for each.</summary>
internal sealed class StoresOptions
{
    public const string Section = "Stores";

    /// <summary>Names ignore case, as configuration does.</summary>
    public Dictionary<string, StoreOptions> Stores { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>What is wrong with the section's keys and values, each named in full.</summary>
    public List<string> Faults { get; } = [];
}

/// <summary>Reads the section, so that a misspelt key is named with the store that it stands in.</summary>
internal sealed class StoresOptionsReader(IConfiguration configuration) : IConfigureOptions<StoresOptions>
{
    // Known to the schema, and read by nothing yet.
    private static readonly Dictionary<string, string> KeysToCome = new(StringComparer.OrdinalIgnoreCase)
    {
        ["MaxAge"] = "belongs to the disk queue, which this version does not have; leave it out",
    };

    public void Configure(StoresOptions options)
    {
        IConfigurationSection stores = configuration.GetSection(StoresOptions.Section);
        if (!string.IsNullOrEmpty(stores.Value))
        {
            options.Faults.Add($"{stores.Path}: one value stands where a group of stores is expected, each a key with its own keys");
        }

        foreach (IConfigurationSection section in stores.GetChildren())
        {
            int faults = options.Faults.Count;
            CheckKeys(section, typeof(StoreOptions), options.Faults);
            if (options.Faults.Count > faults)
            {
                continue;
            }

            try
            {
                options.Stores.Add(section.Key, section.Get<StoreOptions>() ?? new StoreOptions());
            }
            catch (InvalidOperationException e)
            {
                // Names the key: a number or a time that is none.
                options.Faults.Add(e.Message);
            }
        }
    }

    private static void CheckKeys(IConfigurationSection section, Type type, List<string> faults)
    {
        if (section.Value is { } value)
        {
            faults.Add($"{section.Path}: \"{value}\" stands where a group of keys is expected");
            return;
        }

        foreach (IConfigurationSection child in section.GetChildren())
        {
            PropertyInfo? property = type.GetProperty(
                child.Key, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase | BindingFlags.DeclaredOnly);
            if (property is not { SetMethod: not null })
            {
                faults.Add(KeysToCome.TryGetValue(child.Key, out string? why) && type == typeof(StoreOptions)
                    ? $"{child.Path}: {why}"
                    : $"{child.Path}: there is no such key; there are {Names(type)}");
                continue;
            }

            Type kind = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (kind.Namespace == type.Namespace && kind.IsClass)
            {
                CheckKeys(child, kind, faults);
            }
            else if (kind != typeof(string) && kind.IsAssignableTo(typeof(System.Collections.IEnumerable)) && !string.IsNullOrEmpty(child.Value))
            {
                faults.Add($"{child.Path}: one value stands where a list or a group of keys is expected");
            }
            else if (kind.IsEnum && !Enum.GetNames(kind).Contains(child.Value, StringComparer.OrdinalIgnoreCase))
            {
                faults.Add($"{child.Path}: \"{child.Value}\" is none of {string.Join(", ", Enum.GetNames(kind))}");
            }
        }
    }

    private static string Names(Type type) => string.Join(
        ", ", type.GetProperties().Where(property => property.SetMethod is not null).Select(property => property.Name));
}
