using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Http;

/// <summary>Refuses the framework's own section for listeners: it would open some that know nothing of ours, neither their limits nor their TLS.</summary>
internal sealed class ForeignListeners(IConfiguration configuration) : IValidateOptions<HttpOptions>
{
    public ValidateOptionsResult Validate(string? name, HttpOptions options) => configuration.GetSection("Kestrel").Exists()
        ? ValidateOptionsResult.Fail($"Kestrel: this section is not used; listeners are configured in {HttpOptions.Section} and {ManagementOptions.Section}")
        : ValidateOptionsResult.Success;
}
