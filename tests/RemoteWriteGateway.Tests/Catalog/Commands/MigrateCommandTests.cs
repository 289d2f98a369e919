using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Tests.Catalog.Commands;

public sealed class MigrateCommandTests
{
    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Migrate_makes_the_tables_and_says_so(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);

        (int code, string output, string error) = await RunAsync(Settings(catalog), "migrate");
        Assert.Equal((0, ""), (code, error));
        Assert.EndsWith(FormattableString.Invariant($": the schema went from version 0 to {CatalogMigration.All.Length}\n"), output, StringComparison.Ordinal);

        (code, output, error) = await RunAsync(Settings(catalog), "migrate", "--json");
        Assert.Equal((0, ""), (code, error));
        Assert.EndsWith(FormattableString.Invariant($$""","before":{{CatalogMigration.All.Length}},"after":{{CatalogMigration.All.Length}}}""") + "\n", output, StringComparison.Ordinal);

        await using CatalogHost host = await CatalogHost.StartAsync(catalog, [("MigrateAtStart", "false")]);
        Assert.NotNull(host.Changes.LastReadAt);
    }

    [Fact]
    public async Task A_file_that_a_gateway_has_is_not_migrated_beneath_it()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);

        (int code, string output, string error) = await RunAsync(Settings(catalog), "migrate");

        Assert.Equal((2, ""), (code, output));
        Assert.Contains("is in use by another gateway", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_wrong_with_the_configuration_is_told_without_a_stack()
    {
        Assert.Equal(
            (2, "", "Catalog:ConnectionString: there is no keyword \"datasauce\"\n"),
            await RunAsync([("Catalog:ConnectionString", "Datasauce=secret.db")], "migrate"));
        Assert.Equal(
            (2, """{"valid":false,"error":"Catalog:Prvider: there is no such key; there are Provider, ConnectionString, EntraAuthentication, PasswordFile, PollInterval, MigrateAtStart, ReplicaName"}""" + "\n", ""),
            await RunAsync([("Catalog:Prvider", "Sqlite")], "migrate", "--json"));
        (int code, _, string error) = await RunAsync(
            [("Catalog:Provider", "PostgreSql"), ("Catalog:ConnectionString", "Host=/nonexistent;Database=x;Username=y")], "migrate");
        Assert.Equal(2, code);
        Assert.StartsWith("Catalog: x on /nonexistent:5432 does not answer: ", error, StringComparison.Ordinal);
    }

    private static (string Key, string? Value)[] Settings(EmptyCatalog catalog) =>
        [("Catalog:Provider", catalog.Provider.ToString()), ("Catalog:ConnectionString", catalog.ConnectionString)];

    private static async Task<(int Code, string Output, string Error)> RunAsync((string Key, string? Value)[] settings, params string[] arguments)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        Command command = CatalogCommand.Create(() =>
        {
            WebApplicationBuilder builder = WebApplication.CreateBuilder();
            builder.Configuration.Sources.Clear();
            builder.Configuration.AddInMemoryCollection(settings.Select(one => KeyValuePair.Create(one.Key, one.Value)));
            return builder;
        });
        InvocationConfiguration configuration = new() { Output = output, Error = error };
        int code = await command.Parse(arguments).InvokeAsync(configuration, TestContext.Current.CancellationToken);
        return (code, output.ToString(), error.ToString());
    }
}
