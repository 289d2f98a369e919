using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// Makes the scheme's options, so that a fault in them stops the start rather than a request, and loads the signing keys.
/// The listeners open after this. A sender that finds them open before the keys are there is told to wait, the longer the more
/// often it has tried in vain: a restart of two seconds would cost it a minute and more. So the first fetch is waited for, not long.
/// </summary>
internal sealed class IdentityStart(IOptionsMonitor<JwtBearerOptions> options, MetadataSnapshots keys) : IHostedService
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(1);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _ = options.Get(JwtBearerDefaults.AuthenticationScheme);
        keys.Start();

        // By the real clock: nobody moves another one while the host starts.
        await Task.WhenAny(keys.FirstFetch, Task.Delay(MaxWait, cancellationToken));
    }

    public Task StopAsync(CancellationToken cancellationToken) => keys.StopAsync();
}
