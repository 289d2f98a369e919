using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Http;

/// <summary>Binds sections of ours: an unknown key or a wrong value stops the start, and is named with its section.</summary>
internal static class ConfigurationSections
{
    /// <summary>Adds <typeparamref name="TOptions"/>, read from <paramref name="section"/> and validated when the host starts.</summary>
    public static OptionsBuilder<TOptions> AddSection<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.All)] TOptions,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TValidator>(
        this IServiceCollection services, string section)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>
    {
        services.AddSingleton<TValidator>();
        services.AddSingleton<IValidateOptions<TOptions>>(provider => new SectionCheck<TOptions>(
            provider.GetRequiredService<IConfiguration>().GetSection(section), provider.GetRequiredService<TValidator>()));
        return services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
    }

    /// <summary>Unknown keys first: a misspelt key often is why a value is missing.</summary>
    private sealed class SectionCheck<TOptions>(IConfigurationSection section, IValidateOptions<TOptions> validator) : IValidateOptions<TOptions>
        where TOptions : class
    {
        public ValidateOptionsResult Validate(string? name, TOptions options)
        {
            string[] unknown = [.. UnknownKeys(section, typeof(TOptions))];
            if (unknown.Length > 0)
            {
                return ValidateOptionsResult.Fail(unknown);
            }

            ValidateOptionsResult result = validator.Validate(name, options);
            return result.Failed ? ValidateOptionsResult.Fail(result.Failures.Select(WithSection)) : result;
        }

        // The attributes' own texts begin with the property and repeat the type: "Foo: The field BarOptions.Foo must be …".
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
                    text = failure[..colon] + ":" + failure[end..].Replace(" field is required", " is required", StringComparison.Ordinal);
                    break;
                }
            }

            return $"{section.Path}:{text}";
        }
    }

    private static IEnumerable<string> UnknownKeys(IConfigurationSection section, Type type)
    {
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
                foreach (string unknown in UnknownKeys(child, property.PropertyType))
                {
                    yield return unknown;
                }
            }
        }
    }
}
