using EntraEmulator.Configuration;
using Microsoft.Extensions.Options;

namespace EntraEmulator;

/// <summary>The emulator as a program of its own. Configuration: <see cref="EmulatorOptions"/>.</summary>
internal static class Program
{
    /// <summary>Runs until SIGTERM or Ctrl-C.</summary>
    /// <returns>0 after that; 2 if it could not start for what it was told.</returns>
    private static async Task<int> Main(string[] args)
    {
        WebApplication app;
        try
        {
            app = EmulatorApp.Build(EmulatorConfiguration.Load(args), builder => builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddSimpleConsole(console =>
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
            return Refuse([e.InnerException is null ? e.Message : $"{e.Message} {e.InnerException.Message}"]);
        }

        await using (app)
        {
            await app.RunAsync();
        }

        return 0;
    }

    private static int Refuse(IEnumerable<string> faults)
    {
        foreach (string fault in faults)
        {
            Console.Error.WriteLine(fault);
        }

        return 2;
    }
}
