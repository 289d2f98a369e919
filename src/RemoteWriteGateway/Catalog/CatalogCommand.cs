using System.CommandLine;
using RemoteWriteGateway.Catalog.Commands;

namespace RemoteWriteGateway.Catalog;

/// <summary><c>rwgateway catalog</c>: works on the catalog itself, with the service's configuration. See <see cref="ExitCode"/>.</summary>
internal static class CatalogCommand
{
    /// <param name="service">Gives the configuration that the service would have; asked when a command runs.</param>
    public static Command Create(Func<WebApplicationBuilder> service) => new("catalog", "Work on the catalog: what replicas share.")
    {
        MigrateCommand.Create(service),
    };
}
