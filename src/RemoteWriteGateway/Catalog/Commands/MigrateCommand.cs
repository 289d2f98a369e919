using System.CommandLine;

namespace RemoteWriteGateway.Catalog.Commands;

/// <summary><c>rwgateway catalog migrate</c>: brings the schema up to date, for gateways that run with <c>Catalog:MigrateAtStart=false</c>.</summary>
internal static class MigrateCommand
{
    public static Command Create(Func<WebApplicationBuilder> service)
    {
        Option<bool> json = Report.JsonOption();
        Command command = new("migrate", "Make the catalog's tables, or bring them up to date.") { json };
        command.SetAction((parsed, cancellationToken) =>
        {
            Report report = Report.Of(parsed, json);
            return CatalogSession.RunAsync(
                service,
                report,
                async services =>
                {
                    string name = services.GetRequiredService<CatalogDatabase>().Name;
                    (int before, int after) = await services.GetRequiredService<CatalogMigrator>().MigrateAsync(cancellationToken);
                    report.Write(
                        new { catalog = name, before, after },
                        [before == after ? $"{name}: the schema has version {after}, which is current" : $"{name}: the schema went from version {before} to {after}"]);
                    return ExitCode.Fine;
                },
                isExclusive: true,
                add: null,
                cancellationToken);
        });
        return command;
    }
}
