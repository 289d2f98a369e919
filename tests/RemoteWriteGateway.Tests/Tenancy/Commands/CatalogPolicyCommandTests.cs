using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tests.Attacks;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.Admin;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace RemoteWriteGateway.Tests.Tenancy.Commands;

/// <summary>The policy commands that ask the catalog, beside a gateway that runs.</summary>
public sealed class CatalogPolicyCommandTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Versions_lists_what_was_in_force_and_prints_a_document(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, [("Catalog:ReplicaName", "gw-0")], catalog: catalog);
        string version = gateway.Services.GetPolicyVersion();

        Assert.Equal(
            (0, $"version           replica  from                  to\n{version}  gw-0     2026-11-24T12:00:00Z\n", ""),
            await RunAsync(catalog, "versions"));
        Assert.Equal(
            (0, $$"""{"items":[{"version":"{{version}}","replica":"gw-0","from":"2026-11-24T12:00:00+00:00"}],"more":false}""" + "\n", ""),
            await RunAsync(catalog, "versions", "--json"));
        Assert.Equal((0, GatewayHost.AdminPolicy + "\n", ""), await RunAsync(catalog, "versions", version));
        Assert.Equal((2, "", "the catalog has no policy of version 0123456789abcdef\n"), await RunAsync(catalog, "versions", "0123456789abcdef"));
    }

    [Fact]
    public async Task Diff_asks_for_callers_that_the_audit_knows()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        using HttpResponseMessage answer = await gateway.WriteAsync(SenderMessages.ToV1(SenderMessages.Series("up").At(gateway.NowMs)), gateway.Token("prom"));
        await gateway.Services.GetRequiredService<AuditLog>().FlushAsync(Cancel);
        while (gateway.Services.GetRequiredService<AuditStore>().SpooledRecords > 0)
        {
            await Task.Yield();
        }

        string old = Path.Combine(catalog.Folder, "old.yaml");
        string now = Path.Combine(catalog.Folder, "new.yaml");
        await File.WriteAllTextAsync(old, GatewayHost.AdminPolicy, Cancel);
        await File.WriteAllTextAsync(now, GatewayHost.AdminPolicy.Replace("tenants: [ours] }\n- id: other", "tenants: [theirs] }\n- id: other", StringComparison.Ordinal), Cancel);

        // The gateway's time is its own: whatever it wrote down is long ago or still to come for the command.
        (int code, string output, string error) = await RunAsync(catalog, "diff", old, now, "--callers", "400d");

        Assert.Equal("", error);
        Assert.Equal(1, code);
        Assert.Matches($"^gains: app [0-9a-f-]+ \\(client {GatewayHost.PromClient}\\): metrics:write on theirs\nloses: app [0-9a-f-]+ \\(client {GatewayHost.PromClient}\\): metrics:write on ours\n1 known callers, with differences as above\n$", output);
        Assert.Equal(0, (await RunAsync(catalog, "diff", old, old, "--callers", "400d")).Code);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("401d")]
    [InlineData("a month")]
    public async Task A_time_that_is_none_is_invalid_input(string time)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");

        (int code, _, string error) = await RunAsync(catalog, "diff", "old.yaml", "new.yaml", "--callers", time);

        Assert.Equal(2, code);
        Assert.Contains("--callers: expected a time such as 30s, 10m, 1h or 2d, at most 400d", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_catalog_that_is_not_there_is_told()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");

        (int code, string output, string error) = await RunAsync(catalog, "versions");

        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith("Catalog:ConnectionString: there is no file ", error, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(EmptyCatalog catalog, params string[] arguments)
    {
        RootCommand root = new("rwgateway")
        {
            PolicyCommand.Create(() => [], () =>
            {
                WebApplicationBuilder builder = WebApplication.CreateBuilder();
                builder.Configuration.Sources.Clear();
                builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
                {
                    ["Catalog:Provider"] = catalog.Provider.ToString(),
                    ["Catalog:ConnectionString"] = catalog.ConnectionString,
                });
                return builder;
            }),
        };
        using StringWriter output = new() { NewLine = "\n" };
        using StringWriter error = new() { NewLine = "\n" };
        int code = await PolicyCommand.InvokeAsync(
            root.Parse(["policy", .. arguments]), new InvocationConfiguration { Output = output, Error = error }, Cancel);
        return (code, output.ToString(), error.ToString());
    }
}
