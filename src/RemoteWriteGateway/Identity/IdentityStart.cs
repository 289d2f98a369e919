using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// Makes the scheme's options, so that a fault in them stops the start rather than a request, and loads the signing keys.
/// </summary>
internal sealed class IdentityStart(IOptionsMonitor<JwtBearerOptions> options, MetadataSnapshots keys) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _ = options.Get(JwtBearerDefaults.AuthenticationScheme);
        keys.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => keys.StopAsync();
}
