using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Catalog.Commands;

/// <summary>Opens the catalog for one command, with the service's configuration, and prints why if that cannot be done.</summary>
internal static class CatalogSession
{
    /// <summary>
    /// Runs a command on a catalog whose schema is this program's. It may stand beside a running gateway, also on a SQLite file, so it
    /// must not change what a gateway keeps in memory without raising the topic.
    /// </summary>
    /// <param name="service">Gives the configuration that the service would have.</param>
    /// <param name="report">Where it prints.</param>
    /// <param name="work">Gets the services of <see cref="CatalogFeature.AddCatalogDatabase"/> and of <paramref name="add"/>; returns the exit code.</param>
    /// <param name="cancellationToken">The command's.</param>
    /// <param name="add">Adds services of the feature that the command belongs to.</param>
    /// <returns>The exit code of <paramref name="work"/>, or <see cref="ExitCode.Invalid"/>.</returns>
    public static Task<int> RunAsync(
        Func<WebApplicationBuilder> service,
        Report report,
        Func<IServiceProvider, Task<int>> work,
        CancellationToken cancellationToken,
        Action<IServiceCollection>? add = null) => RunAsync(
            service,
            report,
            async services =>
            {
                CatalogMigrator migrator = services.GetRequiredService<CatalogMigrator>();
                int version = await migrator.ReadVersionAsync(cancellationToken);
                migrator.RefuseNewer(version);
                return version == migrator.Known
                    ? await work(services)
                    : report.Invalid(
                        $"Catalog: {services.GetRequiredService<CatalogDatabase>().Name}: the schema has version {version} while this program needs {migrator.Known}: run rwgateway catalog migrate");
            },
            isExclusive: false,
            add,
            cancellationToken);

    /// <summary>Runs a command that wants the catalog for itself, whatever its schema.</summary>
    internal static async Task<int> RunAsync(
        Func<WebApplicationBuilder> service,
        Report report,
        Func<IServiceProvider, Task<int>> work,
        bool isExclusive,
        Action<IServiceCollection>? add,
        CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = service();
        builder.Logging.ClearProviders();
        builder.Services.AddCatalogDatabase(isExclusive);
        add?.Invoke(builder.Services);

        // Not started: only its configuration and its services are wanted.
        await using WebApplication app = builder.Build();
        try
        {
            app.Services.GetRequiredService<IStartupValidator>().Validate();
        }
        catch (OptionsValidationException e)
        {
            return report.Invalid(string.Join(Environment.NewLine, e.Failures));
        }
        catch (InvalidOperationException e)
        {
            // A value that is none of the key's type; names the key.
            return report.Invalid(e.Message);
        }

        CatalogDatabase database = app.Services.GetRequiredService<CatalogDatabase>();
        try
        {
            await database.PrepareAsync(cancellationToken);
            return await work(app.Services);
        }
        catch (CatalogRefusedException e)
        {
            return report.Invalid(e.Message);
        }
        catch (Exception e) when (database.OperatorsFault(e) is { } fault)
        {
            return report.Invalid(fault);
        }
        catch (Exception e) when (database.IsAway(e))
        {
            return report.Invalid($"Catalog: {database.Name} does not answer: {database.Describe(e)}");
        }
    }
}
