using Azure.Core;
using Azure.Identity;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Http;

/// <summary>How the gateway proves its own identity to Entra ID.</summary>
internal enum CredentialKind
{
    /// <summary>The identity that Azure gave to the machine or container.</summary>
    ManagedIdentity,

    /// <summary>A federated token that the platform writes to a file (Kubernetes).</summary>
    WorkloadIdentity,

    /// <summary>Who is logged in with <c>az</c>: in the environment Development only.</summary>
    AzureCli,
}

/// <summary>The gateway's own identity; no secret is configured. Section <c>Credential</c>.</summary>
internal sealed class CredentialOptions
{
    public const string Section = "Credential";

    public CredentialKind Kind { get; init; }

    /// <summary>Client id of a user-assigned or federated identity; null is the platform's own choice.</summary>
    public string? ClientId { get; init; }

    /// <summary>The credential that everything of the gateway shares.</summary>
    public TokenCredential Create() => Kind switch
    {
        CredentialKind.ManagedIdentity => new ManagedIdentityCredential(
            ClientId is null ? ManagedIdentityId.SystemAssigned : ManagedIdentityId.FromUserAssignedClientId(ClientId)),
        CredentialKind.WorkloadIdentity => new WorkloadIdentityCredential(
            ClientId is null ? new WorkloadIdentityCredentialOptions() : new WorkloadIdentityCredentialOptions { ClientId = ClientId }),
        CredentialKind.AzureCli => new AzureCliCredential(),
        _ => throw new InvalidOperationException($"There is no credential {Kind}."),
    };
}

/// <summary>Adds the gateway's own identity, a <see cref="TokenCredential"/>: section <c>Credential</c>.</summary>
internal static class CredentialFeature
{
    /// <summary>Each feature that needs it adds it; the first one does.</summary>
    public static IServiceCollection AddCredential(this IServiceCollection services)
    {
        if (services.Any(service => service.ServiceType == typeof(CredentialOptionsValidator)))
        {
            return services;
        }

        services.AddSection<CredentialOptions, CredentialOptionsValidator>(CredentialOptions.Section);
        services.TryAddSingleton(provider => provider.GetRequiredService<IOptions<CredentialOptions>>().Value.Create());
        return services;
    }
}

/// <summary>Says what cannot be right about the section, with the key's name.</summary>
internal sealed class CredentialOptionsValidator(IHostEnvironment environment) : IValidateOptions<CredentialOptions>
{
    public ValidateOptionsResult Validate(string? name, CredentialOptions options)
    {
        if (!Enum.IsDefined(options.Kind))
        {
            return ValidateOptionsResult.Fail($"Credential:Kind: {options.Kind} is none of {string.Join(", ", Enum.GetNames<CredentialKind>())}");
        }

        if (options.Kind == CredentialKind.AzureCli && !environment.IsDevelopment())
        {
            return ValidateOptionsResult.Fail(
                $"Credential:Kind: AzureCli is somebody's login and works in the environment Development only, this is {environment.EnvironmentName}; use ManagedIdentity or WorkloadIdentity");
        }

        return options.Kind == CredentialKind.AzureCli && options.ClientId is not null
            ? ValidateOptionsResult.Fail("Credential:ClientId: has no use with kind AzureCli")
            : options.ClientId is not null && !Guid.TryParse(options.ClientId, out _)
                ? ValidateOptionsResult.Fail($"Credential:ClientId: \"{options.ClientId}\" is not a client id (a GUID)")
                : ValidateOptionsResult.Success;
    }
}
