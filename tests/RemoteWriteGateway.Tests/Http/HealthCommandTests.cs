using System.CommandLine;
using EntraEmulator.Faults;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Tests.Http;

public sealed class HealthCommandTests
{
    [Fact]
    public async Task A_gateway_that_runs_is_healthy_and_ready()
    {
        await using GatewayHost host = await GatewayHost.StartAsync();

        Assert.Equal((0, "OK\n", ""), await AskAsync(UrlOf(host)));
        Assert.Equal((0, "OK\n", ""), await AskAsync(UrlOf(host), "--ready"));
        Assert.Equal((0, "OK\n", ""), await AskAsync($"http://*:{host.Management.BaseAddress!.Port}"));
    }

    [Fact]
    public async Task A_gateway_without_signing_keys_is_healthy_and_not_ready()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(issuer: Fault.Unavailable);

        Assert.Equal((0, "OK\n", ""), await AskAsync(UrlOf(host)));
        (int code, string output, _) = await AskAsync(UrlOf(host), "--ready");
        Assert.Equal(1, code);
        Assert.StartsWith("not ready: no signing keys have been loaded yet", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gateway_that_is_gone_is_neither()
    {
        string url;
        await using (GatewayHost host = await GatewayHost.StartAsync())
        {
            url = UrlOf(host);
        }

        (int code, string output, string error) = await AskAsync(url);

        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith($"{url}/-/healthy does not answer: ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:0", "takes a free port")]
    [InlineData("somewhere", "is not of the form")]
    public async Task A_listener_that_cannot_be_found_is_named(string url, string expected)
    {
        (int code, _, string error) = await AskAsync(url);

        Assert.Equal(2, code);
        Assert.StartsWith("Management:Url: ", error, StringComparison.Ordinal);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    private static string UrlOf(GatewayHost host) => host.Management.BaseAddress!.ToString().TrimEnd('/');

    private static async Task<(int Code, string Output, string Error)> AskAsync(string url, params string[] arguments)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        Command command = HealthCommand.Create(() =>
        {
            WebApplicationBuilder builder = WebApplication.CreateBuilder();
            builder.Configuration.Sources.Clear();
            builder.Configuration.AddInMemoryCollection([KeyValuePair.Create("Management:Url", (string?)url)]);
            return builder;
        });
        int code = await command.Parse(arguments).InvokeAsync(
            new InvocationConfiguration { Output = output, Error = error }, TestContext.Current.CancellationToken);
        return (code, output.ToString(), error.ToString());
    }
}
