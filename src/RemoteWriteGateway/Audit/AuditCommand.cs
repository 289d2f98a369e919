using System.CommandLine;
using RemoteWriteGateway.Audit.Commands;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Catalog.Commands;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Audit;

/// <summary><c>rwgateway audit</c>: reads and keeps the audit, in the catalog itself, with the service's configuration.</summary>
internal static class AuditCommand
{
    /// <param name="service">Gives the configuration that the service would have; asked when a command runs.</param>
    public static Command Create(Func<WebApplicationBuilder> service) => new("audit", "Look at the audit: who did what.")
    {
        SearchCommand.Create(service),
        ExportCommand.Create(service),
        VerifyCommand.Create(service),
        RetainCommand.Create(service),
    };

    /// <summary>Opens the catalog for one command.</summary>
    internal static Task<int> RunAsync(
        Func<WebApplicationBuilder> service, Report report, Func<IServiceProvider, Report, Task<int>> work, CancellationToken cancellationToken) =>
        CatalogSession.RunAsync(service, report, services => work(services, report), cancellationToken, static services => services
            .AddSection<AuditOptions, AuditOptionsValidator>(AuditOptions.Section)
            .Services.AddSingleton(provider => AuditTable.Of(provider.GetRequiredService<CatalogDatabase>()))
            .AddSingleton<AuditSearch>()
            .AddSingleton<AuditVerifier>()
            .AddSingleton<AuditRetention>());
}
