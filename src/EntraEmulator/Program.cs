using System.Net.Sockets;
using EntraEmulator.Configuration;
using Microsoft.Extensions.Options;

namespace EntraEmulator;

/// <summary>The emulator as a program of its own. Configuration: <see cref="EmulatorOptions"/>.</summary>
internal static partial class Program
{
    /// <summary>Runs until SIGTERM or Ctrl-C.</summary>
    /// <returns>0 after that; 2 if it could not start for what it was told.</returns>
    private static async Task<int> Main(string[] args)
    {
        EmulatorOptions options;
        WebApplication app;
        try
        {
            options = EmulatorConfiguration.Load(args);
            app = EmulatorApp.Build(options, builder => builder.Logging
                .AddFilter("Microsoft.AspNetCore", LogLevel.Warning)
                .AddSimpleConsole(console =>
                {
                    console.SingleLine = true;
                    console.TimestampFormat = "HH:mm:ss ";
                }));
        }
        catch (OptionsValidationException e)
        {
            return Refuse(e.Failures);
        }
        catch (Exception e) when (e is InvalidOperationException or InvalidDataException or IOException or ArgumentException)
        {
            return Refuse([e.Message, .. e is InvalidDataException ? Causes(e) : []]);
        }

        await using (app)
        {
            try
            {
                await app.StartAsync();
            }
            catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException or SocketException)
            {
                // The folder of the certificates, or an address that is in use or not ours.
                return Refuse([e.Message]);
            }

            LogStarted(app.Logger, options.PublicBaseUrl, Path.GetFullPath(Path.Combine(options.DataDirectory, "ca.pem")));
            await app.WaitForShutdownAsync();
        }

        return 0;
    }

    /// <summary>Of a file that is no JSON, the line and place stand innermost.</summary>
    private static IEnumerable<string> Causes(Exception exception)
    {
        for (Exception? cause = exception.InnerException; cause is not null; cause = cause.InnerException)
        {
            yield return cause.Message;
        }
    }

    private static int Refuse(IEnumerable<string> faults)
    {
        foreach (string fault in faults)
        {
            Console.Error.WriteLine(fault);
        }

        return 2;
    }

    [LoggerMessage(LogLevel.Warning, "Issuing tokens of {BaseUrl} to whoever asks, for development and tests only; TLS clients trust {CaFile}")]
    private static partial void LogStarted(ILogger logger, string baseUrl, string caFile);
}
