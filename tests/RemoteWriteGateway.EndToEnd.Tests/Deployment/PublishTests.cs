using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Deployment;

/// <summary>What the image would hold: the gateway with its runtime, published as the <c>Dockerfile</c> does it, but for compiling the runtime anew, which takes minutes.</summary>
public sealed class PublishTests
{
    private const string Flags = "-c Release -r \"$arch\" --self-contained -p:PublishReadyToRun=true";

    private static string Runtime => RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "linux-arm64" : "linux-x64";

    [Fact]
    public async Task A_self_contained_publish_starts_and_asks_itself_how_it_is()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        Assert.Contains($"dotnet publish \"src/$project\" {Flags} \\\n        -p:PublishReadyToRunComposite=true ", await File.ReadAllTextAsync(Repository.PathOf("Dockerfile"), cancel), StringComparison.Ordinal);
        await using Workspace workspace = new();
        string published = Path.Combine(workspace.Folder("published"), "app");

        // With artifacts of its own, so that the build under test stays as it is.
        await RunAsync(
            "dotnet",
            [
                "publish", Repository.PathOf("src/RemoteWriteGateway"), .. Flags.Replace("\"$arch\"", Runtime, StringComparison.Ordinal).Split(' '),
                "-o", published, "--artifacts-path", workspace.Folder("artifacts"), "-nodeReuse:false", "-nologo", "-v", "quiet",
            ],
            workspace.Folder("published"));
        Uri management = new($"http://127.0.0.1:{FreePorts.Take()}");
        workspace.Write("gateway", "policy.yaml", "version: 1\ntenants: { ours: {} }\n");
        workspace.Write("gateway", "appsettings.json", JsonSerializer.Serialize(new
        {
            Http = new { Url = $"http://127.0.0.1:{FreePorts.Take()}", DrainDelay = "00:00:00" },
            Management = new { Url = management.ToString().TrimEnd('/') },
            AzureAd = new { TenantId = Emulator.Directory, ClientId = Emulator.GatewayApp },
            Stores = new { main = new { Kind = "Prometheus", Url = "http://127.0.0.1:9" } },
        }));
        RunningProgram gateway = workspace.Own(RunningProgram.Start("gateway", Path.Combine(published, "rwgateway"), [], workspace.Folder("gateway")));
        await gateway.WaitForAsync(new Uri(management, "/-/healthy"), cancel);

        await RunAsync(Path.Combine(published, "rwgateway"), ["health"], workspace.Folder("gateway"));
        Assert.True(File.Exists(Path.Combine(workspace.Folder("gateway"), "data", "catalog.db")));
    }

    private static async Task RunAsync(string program, IEnumerable<string> arguments, string folder)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        using Process process = Process.Start(start)!; // Null only where a shell may reuse a process.
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancel);
        string error = await process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {await output}\n{error}");
    }
}
