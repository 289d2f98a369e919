using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Protocol.Messages.V1;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.Tests.Catalog;

/// <summary>What a caller of the whole gateway sees of the catalog.</summary>
public sealed class GatewayCatalogTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_gateway_writes_with_either_catalog_and_says_what_it_runs(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost host = await GatewayHost.StartAsync(catalog: catalog, settings: [("Catalog:ReplicaName", "gw-0")]);

        Assert.Equal(HttpStatusCode.NoContent, await WriteAsync(host));
        Assert.Equal((1, 1), (await host.MetricAsync("rwgateway_catalog_up"), await host.MetricAsync("rwgateway_catalog_live_replicas")));
    }

    [Fact]
    public async Task Writes_go_on_while_the_catalog_is_away()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        await using GatewayHost host = await GatewayHost.StartAsync(catalog: catalog);
        await server.KillAsync();
        while (await host.MetricAsync("rwgateway_catalog_up") == 1)
        {
            host.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(HttpStatusCode.NoContent, await WriteAsync(host));
        using HttpResponseMessage ready = await host.Management.GetAsync(new Uri("/-/ready", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
    }

    [Fact]
    public async Task Versions_of_the_policy_that_came_while_the_catalog_was_away_are_written_down_when_it_is_back()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At(await server.CreateDatabaseAsync(Cancel));
        await using GatewayHost host = await GatewayHost.StartAsync(catalog: catalog);
        await server.KillAsync();
        string[] came = ["# the first\n" + GatewayHost.DefaultPolicy, "# the second\n" + GatewayHost.DefaultPolicy];
        foreach (string policy in came)
        {
            await host.ReloadPolicyAsync(policy);
            host.Time.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.Equal(HttpStatusCode.NoContent, await WriteAsync(host));
        PolicyHistory history = host.Services.GetRequiredService<PolicyHistory>();
        Assert.Equal(2, history.Waiting);

        await server.StartAgainAsync(Cancel);
        while (history.Waiting > 0)
        {
            host.Time.Advance(TimeSpan.FromSeconds(1));
        }

        PolicyVersionStore store = host.Services.GetRequiredService<PolicyVersionStore>();
        ImmutableArray<PolicyPeriod> periods = await store.ListAsync(after: null, limit: 10, Cancel);
        List<string?> documents = [];
        foreach (PolicyPeriod period in periods)
        {
            documents.Add((await store.FindAsync(period.Version, Cancel))?.Document);
        }

        Assert.Equal([GatewayHost.DefaultPolicy, .. came], documents.AsEnumerable().Reverse());
    }

    private static async Task<HttpStatusCode> WriteAsync(GatewayHost host)
    {
        WriteRequest request = new()
        {
            Timeseries =
            {
                new TimeSeries
                {
                    Labels = { new Label { Name = "__name__", Value = "up" } },
                    Samples = { new Sample { Value = 1, Timestamp = host.NowMs } },
                },
            },
        };
        using HttpResponseMessage answer = await host.WriteAsync(request);
        return answer.StatusCode;
    }
}
