using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Http;

public sealed class ConfigurationSectionsTests
{
    [Theory]
    [InlineData("Http:Ulr", "http://127.0.0.1:1", "Http:Ulr: there is no such key; there are Url, ")]
    [InlineData("Http:Url", "ftp://x", "Http:Url: \"ftp://x\" is not of the form")]
    [InlineData("Http:Url", "https://127.0.0.1:1", "Http:CertificateFile and Http:KeyFile: both are needed")]
    [InlineData("Http:DrainDelay", "1.00:00:00", "Http:DrainDelay: must be between 00:00:00 and 00:10:00")]
    [InlineData("Http:KnownProxies:0", "proxy.example.org", "Http:KnownProxies: \"proxy.example.org\" is not an IP address")]
    [InlineData("Http:KnownIPNetworks:0", "10.0.0.0", "Http:KnownIPNetworks: \"10.0.0.0\" is not a network")]
    [InlineData("Http", "here", "Http: one value stands where a group of keys is expected")]
    [InlineData("Http:KnownProxies", "10.0.0.1", "Http:KnownProxies: one value stands where a list is expected")]
    [InlineData("Http:Url:0", "http://127.0.0.1:1", "Http:Url: a list or a group of keys stands where one value is expected")]
    [InlineData("Http:KnownProxies", null, "Http:KnownProxies: one value stands where a list is expected")]
    [InlineData("Http:Url", null, "Http:Url: is required")]
    [InlineData("Http:MaxConnections", "0", "Http:MaxConnections: must be between 1 and 1000000")]
    public void What_is_wrong_is_named_with_its_section(string key, string? value, string message)
    {
        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(() => Read((key, value)));

        Assert.StartsWith(message, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Identity:TokenCache:MaxEntries", "1", "Identity:TokenCache:MaxEntries: must be between 2 and 10000000")]
    [InlineData("Identity:Metadata:KeyGrace", "-00:00:01", "Identity:Metadata:KeyGrace: must be between 00:00:00 and 1.00:00:00")]
    [InlineData("Identity:Metadata", "strict", "Identity:Metadata: one value stands where a group of keys is expected")]
    [InlineData("Tenancy:Header", "authorization", "Tenancy:Header: \"authorization\" has another meaning in requests")]
    [InlineData("Tenancy:Label", "le", "Tenancy:Label: \"le\" tells the parts of histograms")]
    [InlineData("Ingest:ReservedLabels:0", "__name__", "Ingest:ReservedLabels: \"__name__\" cannot be reserved: every series needs it")]
    [InlineData("Ingest:ReservedLabels:0", "", "Ingest:ReservedLabels: \"\" cannot be reserved: it is no label's name")]
    [InlineData("Ingest:ReservedLabels", "cluster", "Ingest:ReservedLabels: one value stands where a list is expected")]
    public void What_is_wrong_in_another_section_is_named_in_full(string key, string value, string message)
    {
        IServiceCollection services = Services((key, value))
            .AddSection<IdentityOptions, IdentityOptionsValidator>(IdentityOptions.Section).Services
            .AddSection<TenancyOptions, TenancyOptionsValidator>(TenancyOptions.Section).Services
            .AddSection<IngestOptions, IngestOptionsValidator>(IngestOptions.Section).Services;
        using ServiceProvider provider = services.BuildServiceProvider();

        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(provider.GetRequiredService<IStartupValidator>().Validate);

        Assert.StartsWith(message, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_ignore_case() => Assert.Equal(7, Read(("http:maxconnections", "7")).MaxConnections);

    private static HttpOptions Read(params (string Key, string? Value)[] settings)
    {
        IServiceCollection services = Services(settings).AddSection<HttpOptions, HttpOptionsValidator>(HttpOptions.Section).Services;
        using ServiceProvider provider = services.BuildServiceProvider();
        return provider.GetRequiredService<IOptions<HttpOptions>>().Value;
    }

    private static ServiceCollection Services(params (string Key, string? Value)[] settings)
    {
        IConfiguration configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(one => KeyValuePair.Create(one.Key, one.Value)))
            .Build();
        var services = new ServiceCollection();
        services.AddSingleton(configuration);
        return services;
    }
}
