using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Http;

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
    [InlineData("Http:MaxConnections", "0", "Http:MaxConnections: must be between 1 and 1000000")]
    public void What_is_wrong_is_named_with_its_section(string key, string value, string message)
    {
        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(() => Read((key, value)));

        Assert.StartsWith(message, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_ignore_case() => Assert.Equal(7, Read(("http:maxconnections", "7")).MaxConnections);

    private static HttpOptions Read(params (string Key, string Value)[] settings)
    {
        IConfiguration configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(one => KeyValuePair.Create(one.Key, (string?)one.Value)))
            .Build();
        var services = new ServiceCollection();
        services.AddSingleton(configuration);
        services.AddSection<HttpOptions, HttpOptionsValidator>(HttpOptions.Section);
        using ServiceProvider provider = services.BuildServiceProvider();
        return provider.GetRequiredService<IOptions<HttpOptions>>().Value;
    }
}
