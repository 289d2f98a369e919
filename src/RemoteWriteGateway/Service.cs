using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway;

/// <summary>Runs the service: configuration, start, stop, and a start that fails with one plain text instead of a stack.</summary>
internal static class Service
{
    /// <returns>The process' exit code: 0 after an orderly stop, 1 if the start failed.</returns>
    public static async Task<int> RunAsync(Func<WebApplicationBuilder, WebApplication> build)
    {
        WebApplication? app = null;
        try
        {
            WebApplicationBuilder builder = WebApplication.CreateBuilder();
            Defaults(builder);
            app = build(builder);

            // Before the host starts, which would log each fault once more, with a stack.
            app.Services.GetRequiredService<IStartupValidator>().Validate();
            await app.StartAsync();
        }
        catch (Exception e) when (IsConfiguration(e))
        {
            foreach (string fault in Faults(e).Distinct(StringComparer.Ordinal))
            {
                await Console.Error.WriteLineAsync($"rwgateway: cannot start: {fault}");
            }

            if (app is not null)
            {
                await app.DisposeAsync();
            }

            return 1;
        }

        await app.WaitForShutdownAsync();
        await app.DisposeAsync();
        return 0;
    }

    /// <summary>What holds unless the configuration says otherwise: the lowest layer of it.</summary>
    internal static void Defaults(WebApplicationBuilder builder) => builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource
    {
        InitialData = new Dictionary<string, string?>
        {
            ["Logging:LogLevel:Default"] = "Information",
            ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
            ["Logging:LogLevel:Microsoft.IdentityModel"] = "Warning",
            ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = "Information",

            // At Error it tells a start that failed, with a stack; RunAsync tells that in one line. What ends a running service is Critical.
            ["Logging:LogLevel:Microsoft.Extensions.Hosting.Internal.Host"] = "Critical",
            ["Logging:Console:FormatterName"] = builder.Environment.IsDevelopment() ? "simple" : "json",
        },
    });

    // The operator's to mend: the message says what and where, a stack would only hide it.
    private static bool IsConfiguration(Exception e) =>
        e is OptionsValidationException or InvalidOperationException or IOException or UnauthorizedAccessException
        || (e is AggregateException several && several.InnerExceptions.All(IsConfiguration));

    private static IEnumerable<string> Faults(Exception e) => e switch
    {
        AggregateException several => several.InnerExceptions.SelectMany(Faults),
        OptionsValidationException options => options.Failures,
        _ => [e.Message],
    };
}
