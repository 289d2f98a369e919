namespace RemoteWriteGateway.Tests.Admin;

/// <summary>One gateway for the tests of a class that change nothing which others of it see.</summary>
public sealed class SharedAdminGateway : IAsyncLifetime
{
    internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

    public async ValueTask InitializeAsync() => Gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);

    public ValueTask DisposeAsync() => Gateway.DisposeAsync();
}
