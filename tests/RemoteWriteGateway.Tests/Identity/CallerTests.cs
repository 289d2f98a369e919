using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.EntraEmulator;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>What the shapes of Entra's tokens become.</summary>
public sealed class CallerTests
{
    [Fact]
    public async Task An_app_with_a_secret_becomes_a_caller()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();

        Answer answer = await host.GetAsync(host.Mint.Mint("prom"));

        Assert.Equal(200, answer.StatusCode);
        Caller caller = answer.Caller!;
        Assert.Equal(CallerKind.App, caller.Kind);
        Assert.Equal(Guid.Parse(EmulatorHost.DirectoryId), caller.Directory);
        Assert.Equal(ClientAuth.Secret, caller.ClientAuth);
        Assert.Equal(["Metrics.Write"], caller.Roles);
    }
}
