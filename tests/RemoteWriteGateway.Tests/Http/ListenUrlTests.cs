using System.Net;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Tests.Http;

public sealed class ListenUrlTests
{
    [Theory]
    [InlineData("http://127.0.0.1:8080", false, "127.0.0.1", 8080, true)]
    [InlineData("https://0.0.0.0:443", true, "0.0.0.0", 443, false)]
    [InlineData("http://[::1]:1/", false, "::1", 1, true)]
    [InlineData("http://*:8080", false, "::", 8080, false)]
    [InlineData("HTTP://10.1.2.3:0", false, "10.1.2.3", 0, false)]
    public void Addresses_are_read(string url, bool isTls, string address, int port, bool isLoopback)
    {
        ListenUrl parsed = ListenUrl.Parse(url);

        Assert.Equal(new ListenUrl(isTls, IPAddress.Parse(address), port), parsed);
        Assert.Equal(isLoopback, parsed.IsLoopback);
    }

    [Fact]
    public void Localhost_is_loopback_in_both_families() => Assert.Equal(new ListenUrl(false, null, 80), ListenUrl.Parse("http://localhost:80"));

    [Theory]
    [InlineData("")]
    [InlineData("127.0.0.1:8080")]
    [InlineData("http://127.0.0.1")]
    [InlineData("http://:8080")]
    [InlineData("http://example.org:80")]
    [InlineData("http://127.0.0.1:70000")]
    [InlineData("http://127.0.0.1:8080/metrics")]
    [InlineData("ftp://127.0.0.1:21")]
    public void Anything_else_is_named(string url) => Assert.Contains(url, ListenUrl.Fault(url), StringComparison.Ordinal);
}
