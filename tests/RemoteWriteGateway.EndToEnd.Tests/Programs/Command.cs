using System.Diagnostics;

namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>What a program that ends by itself left behind.</summary>
/// <param name="Code">Its exit code.</param>
/// <param name="Output">What it wrote to standard output.</param>
/// <param name="Error">What it wrote to standard error.</param>
internal sealed record CommandResult(int Code, string Output, string Error)
{
    /// <summary>All that it said, for messages.</summary>
    public string Text => $"exit code {Code}\n{Output}\n{Error}";
}

/// <summary>Runs programs that end by themselves. A test that is cancelled ends them, with what they have started.</summary>
internal static class Command
{
    /// <summary>Runs a program and waits for its end.</summary>
    /// <param name="executable">A path, or a name on PATH.</param>
    /// <param name="arguments">One each, not quoted.</param>
    /// <param name="folder">Working directory.</param>
    /// <param name="cancellationToken">The test's.</param>
    /// <param name="environment">Variables over those of the test process.</param>
    public static async Task<CommandResult> RunAsync(
        string executable, IEnumerable<string> arguments, string folder, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? environment = null)
    {
        ProcessStartInfo start = new(executable, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string key, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[key] = value;
        }

        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{executable} did not start.");
        try
        {
            Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
            string output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
            string errors = await error;
            await process.WaitForExitAsync(cancellationToken);
            return new CommandResult(process.ExitCode, output, errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
