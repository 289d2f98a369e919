using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Http;

/// <summary>Binds sections of ours: an unknown key or a wrong value stops the start, and is named with its section.</summary>
internal static class ConfigurationSections
{
    /// <summary>What the framework reads, of what anybody would write into a file.</summary>
    private static readonly string[] OfTheFramework = ["Logging", "AllowedHosts"];

    /// <summary>Sections of the framework that are refused with a text of their own.</summary>
    private static readonly string[] RefusedElsewhere = ["Kestrel", "Authentication"];

    /// <summary>Adds <typeparamref name="TOptions"/>, read from <paramref name="section"/> and validated when the host starts.</summary>
    public static OptionsBuilder<TOptions> AddSection<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.All)] TOptions,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TValidator>(
        this IServiceCollection services, string section)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>
    {
        services.AddKnownSection(section);
        services.AddSingleton<TValidator>();
        services.AddSingleton<IValidateOptions<TOptions>>(provider => new SectionCheck<TOptions>(
            provider.GetRequiredService<IConfiguration>().GetSection(section), provider.GetRequiredService<TValidator>()));
        return services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
    }

    /// <summary>Says that something reads <paramref name="section"/>: <see cref="AddSection"/> does for what it adds.</summary>
    public static void AddKnownSection(this IServiceCollection services, string section) => services.AddSingleton(new KnownSection(section));

    /// <summary>Refuses the sections of configuration files that nothing reads: a misspelt one would leave out all that stands in it.</summary>
    /// <remarks>Environment variables are not asked: they are everybody's.</remarks>
    /// <exception cref="OptionsValidationException">There are some; each is named.</exception>
    public static void RefuseUnknown(IServiceProvider services)
    {
        string[] known = [.. services.GetServices<KnownSection>().Select(section => section.Name).Distinct().Order(StringComparer.Ordinal)];
        IConfigurationRoot configuration = (IConfigurationRoot)services.GetRequiredService<IConfiguration>();
        string[] unknown = [.. configuration.Providers.OfType<FileConfigurationProvider>()
            .SelectMany(static file => file.GetChildKeys([], null))
            .Except([.. known, .. OfTheFramework, .. RefusedElsewhere], StringComparer.OrdinalIgnoreCase)];
        if (unknown.Length > 0)
        {
            throw new OptionsValidationException(
                Options.DefaultName, typeof(KnownSection), unknown.Select(key => $"{key}: there is no such section; there are {string.Join(", ", [.. known, .. OfTheFramework])}"));
        }
    }

    /// <summary>Refuses values of <c>LogLevel</c> that are none.</summary>
    /// <exception cref="OptionsValidationException">There are some; each key is named.</exception>
    public static void RefuseWrongLevels(IConfiguration configuration)
    {
        string[] wrong = [.. configuration.GetSection("Logging").AsEnumerable()
            .Where(static pair => pair.Key.Contains(":LogLevel:", StringComparison.OrdinalIgnoreCase) && !string.IsNullOrEmpty(pair.Value))
            .Where(static pair => !Enum.TryParse(pair.Value, ignoreCase: true, out LogLevel level) || !Enum.IsDefined(level))
            .Select(static pair => $"{pair.Key}: \"{pair.Value}\" is no level; there are {string.Join(", ", Enum.GetNames<LogLevel>())}")];
        if (wrong.Length > 0)
        {
            throw new OptionsValidationException(Options.DefaultName, typeof(LogLevel), wrong);
        }
    }

    /// <summary>The name of a section that something reads.</summary>
    private sealed record KnownSection(string Name);

    /// <summary>Keys first: a misspelt one often is why a value is missing, and what has the wrong shape the binder leaves out without a word.</summary>
    private sealed class SectionCheck<TOptions>(IConfigurationSection section, IValidateOptions<TOptions> validator) : IValidateOptions<TOptions>
        where TOptions : class
    {
        public ValidateOptionsResult Validate(string? name, TOptions options)
        {
            string[] faults = [.. KeyFaults(section, typeof(TOptions))];
            if (faults.Length > 0)
            {
                return ValidateOptionsResult.Fail(faults);
            }

            ValidateOptionsResult result = validator.Validate(name, options);
            return result.Failed ? ValidateOptionsResult.Fail(result.Failures.Select(WithSection)) : result;
        }

        // The attributes' own texts begin with the property and repeat where it is: "Foo: The field BarOptions.Inner.Foo must be …".
        private string WithSection(string failure)
        {
            if (failure.StartsWith(section.Path + ":", StringComparison.Ordinal))
            {
                return failure;
            }

            string text = failure;
            foreach (string kind in (ReadOnlySpan<string>)["The field ", "The "])
            {
                int colon = failure.IndexOf(": " + kind, StringComparison.Ordinal);
                int end = colon < 0 ? -1 : failure.IndexOf(' ', colon + 2 + kind.Length);
                if (end > 0)
                {
                    string place = failure[(colon + 2 + kind.Length)..end];
                    string key = place.Contains('.', StringComparison.Ordinal) ? place[(place.IndexOf('.', StringComparison.Ordinal) + 1)..] : failure[..colon];
                    text = key.Replace('.', ':') + ":" + failure[end..].Replace(" field is required", " is required", StringComparison.Ordinal);
                    break;
                }
            }

            return $"{section.Path}:{text}";
        }
    }

    private static IEnumerable<string> KeyFaults(IConfigurationSection section, Type type)
    {
        if (!string.IsNullOrEmpty(section.Value))
        {
            // Not quoted: an environment variable that only happens to have this name may hold anything.
            yield return $"{section.Path}: one value stands where a group of keys is expected";
        }

        PropertyInfo[] properties = type.GetProperties(BindingFlags.Public | BindingFlags.Instance);
        foreach (IConfigurationSection child in section.GetChildren())
        {
            PropertyInfo? property = Array.Find(properties, one => one.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase));
            if (property is null)
            {
                yield return $"{child.Path}: there is no such key; there are {string.Join(", ", properties.Select(one => one.Name))}";
            }
            else if (property.PropertyType.Assembly == typeof(ConfigurationSections).Assembly && property.PropertyType.IsClass)
            {
                foreach (string fault in KeyFaults(child, property.PropertyType))
                {
                    yield return fault;
                }
            }
            else if (ShapeFault(child, property.PropertyType) is { } fault)
            {
                yield return fault;
            }
        }
    }

    /// <summary>A list where a value is expected, or the reverse. An empty list is an empty value.</summary>
    private static string? ShapeFault(IConfigurationSection child, Type type)
    {
        bool isList = type != typeof(string) && type.IsAssignableTo(typeof(System.Collections.IEnumerable));
        bool isGroup = child.GetChildren().Any();
        return isList && !isGroup && child.Value != "" ? $"{child.Path}: one value stands where a list is expected"
            : !isList && isGroup ? $"{child.Path}: a list or a group of keys stands where one value is expected"
            : null;
    }
}
