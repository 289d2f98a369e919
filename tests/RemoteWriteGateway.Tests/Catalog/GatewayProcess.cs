using System.Diagnostics;
using System.Text.Json;

namespace RemoteWriteGateway.Tests.Catalog;

/// <summary>The gateway as a program of its own, with an issuer that does not answer: enough to see it start, stop and be killed.</summary>
internal sealed class GatewayProcess : IDisposable
{
    private const string Policy = """
        version: 1
        tenants: { ours: {} }
        bindings:
        - id: prom
          match: { kind: app, client: [99999999-0000-4000-8000-000000000001], role: [Metrics.Write] }
          grant: { permissions: [metrics:write], tenants: [ours] }
        """;

    private readonly Process _process;

    private GatewayProcess(Process process) => _process = process;

    /// <summary>Starts it in a folder of its own below <paramref name="folder"/>.</summary>
    /// <param name="folder">The test's.</param>
    /// <param name="name">Of the replica and of its folder.</param>
    /// <param name="catalog">Section <c>Catalog</c>.</param>
    public static GatewayProcess Start(string folder, string name, object catalog)
    {
        DirectoryInfo own = Directory.CreateDirectory(Path.Combine(folder, name));
        File.WriteAllText(Path.Combine(own.FullName, "policy.yaml"), Policy);
        File.WriteAllText(Path.Combine(own.FullName, "appsettings.json"), JsonSerializer.Serialize(new
        {
            Http = new { Url = "http://127.0.0.1:0", DrainDelay = "00:00:00" },
            Management = new { Url = "http://127.0.0.1:0" },
            AzureAd = new { Instance = "https://127.0.0.1:9/", TenantId = GatewayHost.Directory, ClientId = GatewayHost.GatewayApp },
            Identity = new { AllowEmulator = true },
            Stores = new { main = new { Kind = "Prometheus", Url = "http://127.0.0.1:9" } },
            Catalog = catalog,
        }));
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "rwgateway.dll")])
        {
            WorkingDirectory = own.FullName,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return new GatewayProcess(Process.Start(start)!); // Null only where a shell may reuse a process.
    }

    /// <summary>Its log, until it had started.</summary>
    public List<string> Log { get; } = [];

    /// <summary>Reads its log until it has started.</summary>
    /// <exception cref="EndOfStreamException">It ended before; with what it said.</exception>
    public async Task UntilStartedAsync()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        while (await _process.StandardOutput.ReadLineAsync(cancel) is { } line)
        {
            Log.Add(line);
            if (line.Contains("Application started", StringComparison.Ordinal))
            {
                return;
            }
        }

        throw new EndOfStreamException(string.Join('\n', Log) + await _process.StandardError.ReadToEndAsync(cancel));
    }

    /// <summary>Waits for its end.</summary>
    public async Task<(int Code, string Output, string Error)> ToEndAsync()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        Task<string> output = _process.StandardOutput.ReadToEndAsync(cancel);
        string error = await _process.StandardError.ReadToEndAsync(cancel);
        await _process.WaitForExitAsync(cancel);
        return (_process.ExitCode, await output, error);
    }

    /// <summary>Kills it, as a machine without memory would.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }
}
