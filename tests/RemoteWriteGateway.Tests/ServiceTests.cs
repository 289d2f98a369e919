using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests;

/// <summary>The program itself, started wrongly: plain text that names what is wrong, exit code 1, and never a stack.</summary>
public sealed class ServiceTests : IDisposable
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "rwgateway");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rwgateway-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("{", "LineNumber: 0")]
    [InlineData("", "appsettings.json")]
    [InlineData("[]", "Top-level JSON element must be an object")]
    [InlineData("""{ "Http": { "Url": "http://127.0.0.1:0" }, "http": { "url": "http://127.0.0.1:0" } }""", "A duplicate key 'http:url' was found")]
    [InlineData("""{ "Http": { "MaxConnections": "many" } }""", "'Http:MaxConnections'")]
    [InlineData("""{ "Forwardng": { "main": "x" }, "Logging": {} }""", "Forwardng: there is no such section; there are Audit, ")]
    [InlineData("""{ "Logging": { "LogLevel": { "Default": "Loud" } } }""", "Logging:LogLevel:Default: \"Loud\" is no level; there are Trace, ")]
    [InlineData("""{ "Logging": { "Console": { "LogLevel": { "Microsoft.AspNetCore": "7" } } } }""", "Logging:Console:LogLevel:Microsoft.AspNetCore: \"7\" is no level")]
    public async Task A_configuration_that_cannot_be_read_is_named(string settings, string told)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "appsettings.json"), settings, TestContext.Current.CancellationToken);

        await AssertRefusedAsync([told]);
    }

    [Theory]
    [InlineData("\"main\"", "Stores: one value stands where a group of stores is expected")]
    [InlineData("""{ "main": { "Kind": "Prometheus", "Url": "http://127.0.0.1:9", "Headers": "x" } }""", "Stores:main:Headers: one value stands where a list or a group")]
    [InlineData("""{ "main": { "Kind": "Prometheus", "Url": "http://127.0.0.1:9/a b" } }""", "Stores:main:Url: holds a blank")]
    [InlineData("""{ "main": { "Kind": "Prometheus", "Url": "http://127.0.0.1:9/a/../b" } }""", "Stores:main:Url: holds a blank")]
    public async Task Stores_that_cannot_be_meant_are_named(string stores, string told)
    {
        string settings = $$"""
            {
              "Http": { "Url": "http://127.0.0.1:0" }, "Management": { "Url": "http://127.0.0.1:0" }, "Policy": { "Path": {{JsonValue.Create(WritePolicy()).ToJsonString()}} },
              "AzureAd": { "TenantId": "{{GatewayHost.Directory}}", "ClientId": "{{GatewayHost.GatewayApp}}" }, "Stores": {{stores}}
            }
            """;
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "appsettings.json"), settings, TestContext.Current.CancellationToken);

        await AssertRefusedAsync([told]);
    }

    [Fact]
    public async Task A_policy_that_is_not_there_is_named() =>
        await AssertRefusedAsync(["policy.yaml: cannot be read: "], ("Policy:Path", "policy.yaml"));

    [Fact]
    public async Task A_port_that_is_taken_is_named_with_its_keys()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string url = $"http://{taken.LocalEndpoint}";

        await AssertRefusedAsync(["Management:Url", url, "address already in use"], ("Policy:Path", WritePolicy()), ("Management:Url", url));
    }

    [Fact]
    public async Task An_address_of_another_machine_is_named_with_its_keys() => await AssertRefusedAsync(
        ["Http:Url", "http://192.0.2.1:8080", "Cannot assign requested address"], ("Policy:Path", WritePolicy()), ("Http:Url", "http://192.0.2.1:8080"));

    /// <summary>The framework would open listeners of its own for it, that know nothing of ours.</summary>
    [Fact]
    public async Task A_listener_that_is_configured_past_ours_is_refused() => await AssertRefusedAsync(
        ["Kestrel: this section is not used"], ("Policy:Path", WritePolicy()), ("Kestrel:Endpoints:more:Url", "http://127.0.0.1:0"));

    [Fact]
    public async Task Log_lines_tell_their_time_in_UTC()
    {
        using GatewayProcess gateway = GatewayProcess.Start(_folder.FullName, "gw", new { });
        await gateway.UntilStartedAsync();

        Assert.All(gateway.Log, line =>
        {
            string time = JsonNode.Parse(line)!["Timestamp"]!.GetValue<string>();
            Assert.EndsWith("Z", time, StringComparison.Ordinal);
            Assert.True(DateTimeOffset.TryParse(time, CultureInfo.InvariantCulture, out _), time);
        });
    }

    /// <summary>A proxy in front may end a head elsewhere than we do, if lines can end in two ways.</summary>
    [Fact]
    public async Task A_head_whose_lines_end_without_a_carriage_return_is_refused()
    {
        using GatewayProcess gateway = GatewayProcess.Start(_folder.FullName, "gw", new { });
        await gateway.UntilStartedAsync();
        const string Listening = "Now listening on: ";
        string url = gateway.Log.Select(line => JsonNode.Parse(line)!["Message"]!.GetValue<string>()).First(text => text.StartsWith(Listening, StringComparison.Ordinal))[Listening.Length..];

        Assert.StartsWith("HTTP/1.1 200 ", await AskAsync("GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400 ", await AskAsync("GET /-/healthy HTTP/1.1\nHost: x\nConnection: close\n\n"), StringComparison.Ordinal);

        async Task<string> AskAsync(string head)
        {
            using TcpClient client = new();
            Uri address = new(url);
            await client.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), TestContext.Current.CancellationToken);
            using StreamReader reader = new(client.GetStream());
            return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        }
    }

    private string WritePolicy()
    {
        string path = Path.Combine(_folder.FullName, "policy.yaml");
        File.WriteAllText(path, GatewayHost.DefaultPolicy);
        return path;
    }

    /// <summary>Starts the program, which must give up and say why.</summary>
    private async Task AssertRefusedAsync(string[] told, params (string Key, string Value)[] settings)
    {
        var start = new ProcessStartInfo(Program)
        {
            WorkingDirectory = _folder.FullName,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        (string Key, string Value)[] defaults =
        [
            ("Http:Url", "http://127.0.0.1:0"), ("Management:Url", "http://127.0.0.1:0"), ("AzureAd:Instance", "https://127.0.0.1:1/"),
            ("AzureAd:TenantId", GatewayHost.Directory), ("AzureAd:ClientId", GatewayHost.GatewayApp), ("Identity:AllowEmulator", "true"),
        ];
        foreach ((string key, string value) in File.Exists(Path.Combine(_folder.FullName, "appsettings.json")) ? settings : [.. defaults, .. settings])
        {
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        using Process process = Process.Start(start)!; // null only for documents that a shell opens
        try
        {
            Task<string> whole = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            var output = new StringBuilder();
            while (await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            {
                Assert.DoesNotContain("Application started", line, StringComparison.Ordinal);
                output.AppendLine(line);
            }

            string error = await whole;
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(1, process.ExitCode);
            Assert.StartsWith("rwgateway: cannot start: ", error, StringComparison.Ordinal);
            Assert.All(told, text => Assert.Contains(text, error, StringComparison.Ordinal));
            Assert.DoesNotContain("   at ", error + output, StringComparison.Ordinal);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }
}
