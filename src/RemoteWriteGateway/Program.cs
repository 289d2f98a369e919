using System.CommandLine;
using RemoteWriteGateway.Admin;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Ingest;
using RemoteWriteGateway.Push;
using RemoteWriteGateway.Query;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway;

/// <summary>The table of contents: what the service is made of, and the way of a request through it.</summary>
internal static class Program
{
    public static Task<int> Main(string[] args)
    {
        var root = new RootCommand("Remote Write Gateway. Without a command: run the service, configured by appsettings.json in the current folder and by environment variables.")
        {
            PolicyCommand.Create(static () => [new StoreSettingsReader(null), new WriteSettingsReader(null, null), new ReadLimitsReader(null), new PushSettingsReader()], static () => WebApplication.CreateBuilder()),
            CatalogCommand.Create(static () => WebApplication.CreateBuilder()),
            AuditCommand.Create(static () => WebApplication.CreateBuilder()),
            HealthCommand.Create(static () => WebApplication.CreateBuilder()),
        };
        root.SetAction(static (_, _) => Service.RunAsync(Build));

        // Signals are the host's: it drains before it stops.
        return PolicyCommand.InvokeAsync(root.Parse(args), new InvocationConfiguration { ProcessTerminationTimeout = null }, CancellationToken.None);
    }

    internal static WebApplication Build(WebApplicationBuilder builder)
    {
        builder.Services.AddHttp();
        builder.Services.AddCatalog();
        builder.Services.AddAudit();
        builder.Services.AddIdentity();
        builder.Services.AddTenancy();
        builder.Services.AddForwarding();
        builder.Services.AddIngest();
        builder.Services.AddPush();
        builder.Services.AddQuery();
        builder.Services.AddAdmin();

        // Whatever is built may log, and the framework's own text names neither the key nor what it may be.
        ConfigurationSections.RefuseWrongLevels(builder.Configuration);
        WebApplication app = builder.Build();

        // First of all other checks: a misspelt section often is why something is missing.
        ConfigurationSections.RefuseUnknown(app.Services);
        app.UseHttp();
        app.UseAudit();
        app.UseEdgeErrors();
        app.UsePushTargets();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapHealth();
        app.MapIngest();
        app.MapPush();
        app.MapQuery();
        app.MapAdmin();
        app.MapUnknown().RequireValidToken();
        return app;
    }
}
