using System.Diagnostics;
using System.Runtime.Versioning;

namespace RemoteWriteGateway.Tests.EntraEmulator;

/// <summary>The emulator as a program of its own.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class ProgramTests : IDisposable
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("emulator-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task It_says_where_it_listens_serves_and_stops_on_SIGTERM()
    {
        using Process program = Start([], "--Https", "https://127.0.0.1:0", "--Http", "http://127.0.0.1:0", "--DataDirectory", _folder.FullName);
        try
        {
            string output = await ReadToAsync(program.StandardOutput, "Issuing tokens of https://localhost:5903");
            string url = output.Split("Now listening on: ")[1..].Select(line => line.Split('\n')[0].Trim()).Single(line => line.StartsWith("http:", StringComparison.Ordinal));
            using HttpClient http = new();

            string token = await (await http.PostAsync(url + "/test/token", new StringContent("""{"app":"prom"}"""), Cancellation)).Content.ReadAsStringAsync(Cancellation);
            using Process kill = Process.Start("kill", ["-TERM", program.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            string rest = await program.StandardOutput.ReadToEndAsync(Cancellation);
            await program.WaitForExitAsync(Cancellation);

            Assert.Equal(3, token.Split('.').Length);
            Assert.Equal(0, program.ExitCode);
            Assert.DoesNotContain(token, output + rest, StringComparison.Ordinal);
            Assert.Contains(Path.Combine(_folder.FullName, "ca.pem"), output, StringComparison.Ordinal);
        }
        finally
        {
            if (!program.HasExited)
            {
                program.Kill();
            }
        }
    }

    [Theory]
    [InlineData("Production", "--Hooks", "true", "does not start in environment Production")]
    [InlineData("Development", "--Http", "http://0.0.0.0:0", "Http: 0.0.0.0 can be reached from other machines")]
    [InlineData("Development", "--Hoocks", "true", "Hoocks")]
    [InlineData("Development", "--config", "no-such-file.json", "no-such-file.json")]
    public async Task It_says_why_it_does_not_start(string environment, string key, string value, string reason)
    {
        using Process program = Start([("ASPNETCORE_ENVIRONMENT", environment)], key, value);

        string errors = await program.StandardError.ReadToEndAsync(Cancellation);
        await program.WaitForExitAsync(Cancellation);

        Assert.Equal(2, program.ExitCode);
        Assert.Contains(reason, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
    }

    private static Process Start((string Name, string Value)[] environment, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "EntraEmulator.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!; // Null only where a shell may reuse a process.
    }

    private static async Task<string> ReadToAsync(StreamReader reader, string text)
    {
        string read = "";
        while (!read.Contains(text, StringComparison.Ordinal))
        {
            string line = await reader.ReadLineAsync(Cancellation) ?? throw new EndOfStreamException($"It ended without \"{text}\": {read}");
            read += line + "\n";
        }

        return read;
    }
}
