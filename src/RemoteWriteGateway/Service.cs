using System.Net.Sockets;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway;

/// <summary>Runs the service: configuration, start, stop, and a start that fails with one plain text instead of a stack.</summary>
internal static class Service
{
    /// <returns>The process' exit code: 0 after an orderly stop, also one before the start was over; 1 if the start failed.</returns>
    public static async Task<int> RunAsync(Func<WebApplicationBuilder, WebApplication> build)
    {
        WebApplication? app = null;
        bool hasStarted = false;
        try
        {
            SpareThread();
            WebApplicationBuilder builder = WebApplication.CreateBuilder();
            Defaults(builder);

            // A start that fails is told here, in plain words. The host would log it before, with a stack.
            builder.Logging.AddFilter(
                "Microsoft.Extensions.Hosting.Internal.Host", level => level >= LogLevel.Information && (hasStarted || level < LogLevel.Error));
            app = build(builder);

            // Before the host starts, which would log each fault once more, with a stack.
            app.Services.GetRequiredService<IStartupValidator>().Validate();
            await app.StartAsync();
            hasStarted = true;
        }
        catch (OperationCanceledException) when (app?.Lifetime.ApplicationStopping.IsCancellationRequested == true)
        {
            await Console.Error.WriteLineAsync("rwgateway: stopped by a signal before it had started");
            await app.DisposeAsync();
            return 0;
        }
        catch (Exception e) when (IsConfiguration(e))
        {
            foreach (string fault in Faults(e, app).Distinct(StringComparer.Ordinal))
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

    /// <summary>Has the pool start one thread more than there are processors: SQLite blocks the one that writes until the disk has it.</summary>
    private static void SpareThread()
    {
        ThreadPool.GetMinThreads(out int workers, out int completions);
        ThreadPool.SetMinThreads(Math.Max(workers, Environment.ProcessorCount + 1), completions);
    }

    /// <summary>What holds unless the configuration says otherwise: the lowest layer of it.</summary>
    internal static void Defaults(WebApplicationBuilder builder) => builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource
    {
        InitialData = new Dictionary<string, string?>
        {
            ["Logging:LogLevel:Default"] = "Information",
            ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
            ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = "Information",

            // At Error it tells a start that failed, with a stack; RunAsync tells that in one line. What ends a running service is Critical.
            ["Logging:LogLevel:Microsoft.Extensions.Hosting.Internal.Host"] = "Critical",

            // Whoever collects the lines must not have to guess when they were written.
            ["Logging:Console:FormatterOptions:TimestampFormat"] = builder.Environment.IsDevelopment() ? "HH:mm:ss.fff' '" : "yyyy-MM-ddTHH:mm:ss.fff'Z'",
            ["Logging:Console:FormatterOptions:UseUtcTimestamp"] = "true",
            ["Logging:Console:FormatterName"] = builder.Environment.IsDevelopment() ? "simple" : "json",
        },
    });

    // The operator's to mend: the message says what and where, a stack would only hide it.
    private static bool IsConfiguration(Exception e) =>
        e is OptionsValidationException or InvalidOperationException or InvalidDataException or IOException or SocketException
            or UnauthorizedAccessException
        || (e is AggregateException several && several.InnerExceptions.All(IsConfiguration));

    private static IEnumerable<string> Faults(Exception e, WebApplication? app) => e switch
    {
        AggregateException several => several.InnerExceptions.SelectMany(one => Faults(one, app)),
        OptionsValidationException options => options.Failures,

        // A file that cannot be read: the outer one names it, the inner ones say what is wrong and where.
        InvalidDataException => [string.Join(' ', Chain(e).Select(one => one.Message))],
        _ => [BindFault(e, app) ?? e.Message],
    };

    private static IEnumerable<Exception> Chain(Exception e)
    {
        for (Exception? one = e; one is not null; one = one.InnerException)
        {
            yield return one;
        }
    }

    private static string? BindFault(Exception e, WebApplication? app) => app is null ? null : Listeners.BindFault(
        e, app.Services.GetRequiredService<IOptions<HttpOptions>>().Value, app.Services.GetRequiredService<IOptions<ManagementOptions>>().Value);
}
