using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Http;

/// <summary>The data listener: where senders, pushers and readers connect. Section <c>Http</c>.</summary>
internal sealed class HttpOptions : IValidatableObject
{
    public const string Section = "Http";

    /// <summary>Scheme, address and port to listen on: <c>http://127.0.0.1:8080</c>, <c>https://0.0.0.0:8443</c> (needs the two files below), <c>http://*:8080</c>.</summary>
    [Required]
    public string Url { get; init; } = "http://127.0.0.1:8080";

    /// <summary>The listener's certificate with its chain, PEM. Read again every 30 s; a broken pair keeps the old one.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>The certificate's private key, PEM.</summary>
    public string? KeyFile { get; init; }

    /// <summary>Most connections at the same time; further ones are closed at once.</summary>
    [Range(1, 1_000_000)]
    public int MaxConnections { get; init; } = 20_000;

    /// <summary>Addresses of proxies whose <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> are believed.</summary>
    public IReadOnlyList<string> KnownProxies { get; init; } = [];

    /// <summary>The same by network, for example <c>10.0.0.0/8</c>.</summary>
    public IReadOnlyList<string> KnownIPNetworks { get; init; } = [];

    /// <summary>After a stop signal: how long requests are still taken while <c>/-/ready</c> answers 503, so that balancers can turn away.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan DrainDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>After that: how long requests that have begun may take to end.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(25);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (ListenUrl.Fault(Url) is { } fault)
        {
            yield return new ValidationResult($"Http:Url: {fault}");
        }
        else if (ListenUrl.Parse(Url).IsTls && (CertificateFile is null || KeyFile is null))
        {
            yield return new ValidationResult("Http:CertificateFile and Http:KeyFile: both are needed for an https Url");
        }

        if (CertificateFile is null != KeyFile is null)
        {
            yield return new ValidationResult("Http:CertificateFile and Http:KeyFile: set both or none");
        }

        foreach (string proxy in KnownProxies.Where(proxy => !IPAddress.TryParse(proxy, out _)))
        {
            yield return new ValidationResult($"Http:KnownProxies: \"{proxy}\" is not an IP address");
        }

        foreach (string network in KnownIPNetworks.Where(network => !IPNetwork.TryParse(network, out _)))
        {
            yield return new ValidationResult($"Http:KnownIPNetworks: \"{network}\" is not a network such as 10.0.0.0/8");
        }
    }
}

[OptionsValidator]
internal sealed partial class HttpOptionsValidator : IValidateOptions<HttpOptions>;

/// <summary>The listener of operators: self metrics and health, without a token, so on loopback by default. Section <c>Management</c>.</summary>
internal sealed class ManagementOptions : IValidatableObject
{
    public const string Section = "Management";

    /// <summary>Scheme (http), address and port to listen on.</summary>
    [Required]
    public string Url { get; init; } = "http://127.0.0.1:8081";

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (ListenUrl.Fault(Url) is { } fault)
        {
            yield return new ValidationResult($"Management:Url: {fault}");
        }
        else if (ListenUrl.Parse(Url).IsTls)
        {
            yield return new ValidationResult("Management:Url: https is not offered here; use http on loopback or behind a proxy");
        }
    }
}

[OptionsValidator]
internal sealed partial class ManagementOptionsValidator : IValidateOptions<ManagementOptions>;
