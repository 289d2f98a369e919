using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Identity;
using EntraEmulator.Faults;
using Microsoft.Extensions.Time.Testing;

namespace RemoteWriteGateway.Tests.EntraEmulator;

/// <summary>The client library finds the endpoint by environment variables, which belong to the whole process: nothing runs beside this.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class ManagedIdentityEnvironment;

/// <summary>The real client library gets tokens of managed identities as it would on a host in Azure.</summary>
[Collection<ManagedIdentityEnvironment>]
public sealed class ManagedIdentityCredentialTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("IDENTITY_ENDPOINT=http://127.0.0.1:5901/msi/token IDENTITY_HEADER=dev", false, nameof(EmulatedEndpoint.Msi))]
    [InlineData("IDENTITY_ENDPOINT=http://127.0.0.1:5901/msi/token IDENTITY_HEADER=dev", true, nameof(EmulatedEndpoint.Msi))]
    [InlineData("AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:5901", false, nameof(EmulatedEndpoint.Imds))]
    [InlineData("AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:5901", true, nameof(EmulatedEndpoint.Imds))]
    public async Task ManagedIdentityCredential_gets_a_token(string variables, bool isNamed, string endpoint)
    {
        // A name of its own for the API: the library shares its token cache in the whole process, and would not ask again.
        string resource = $"api://{endpoint}-{isNamed}";
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(
            options => options with
            {
                Directories = [options.Directories[0] with { Apis = [options.Directories[0].Apis[0] with { IdUris = [resource] }] }],
            },
            new FakeTimeProvider(DateTimeOffset.UtcNow));
        (string Name, string Value)[] environment = [.. variables.Split(' ').Select(pair => (pair.Split('=')[0], pair.Split('=')[1]))];
        Array.ForEach(environment, variable => Environment.SetEnvironmentVariable(variable.Name, variable.Value));
        try
        {
            ManagedIdentityCredential credential = new(new ManagedIdentityCredentialOptions(isNamed
                ? ManagedIdentityId.FromUserAssignedClientId("99999999-0000-4000-8000-000000000009")
                : ManagedIdentityId.SystemAssigned)
            {
                Transport = new HttpClientTransport(emulator.CreateHandler()),
            });

            AccessToken token = await credential.GetTokenAsync(new TokenRequestContext([resource + "/.default"]), Cancellation);

            Assert.Equal("0f0f0f0f-1111-4222-8333-000000000009", (string?)JwtParts.Claims(token.Token)["oid"]);
            Assert.Equal(1, emulator.Requests[Enum.Parse<EmulatedEndpoint>(endpoint)]);
        }
        finally
        {
            Array.ForEach(environment, variable => Environment.SetEnvironmentVariable(variable.Name, null));
        }
    }
}
