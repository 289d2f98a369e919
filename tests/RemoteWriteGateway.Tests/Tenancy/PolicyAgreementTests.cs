using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class PolicyAgreementTests
{
    private const string Metric = "rwgateway_policy_versions_in_force";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Replicas_that_differ_for_longer_than_a_roll_out_takes_are_told_and_again_when_they_agree(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog, more: services => services.AddSingleton<PolicyAgreement>());
        PolicyAgreement agreement = host.Services.GetRequiredService<PolicyAgreement>();
        await RegisterAsync(host, "gw-0", "aaaa");
        await RegisterAsync(host, "gw-1", "aaaa");
        await agreement.LookAsync(Cancel);
        Assert.Equal(1, await host.MetricAsync(Metric));

        await TakeAsync(host, "gw-1", "bbbb");
        await agreement.LookAsync(Cancel);
        host.Time.Advance(PolicyAgreement.Patience - TimeSpan.FromTicks(1));
        await agreement.LookAsync(Cancel);
        Assert.Equal(2, await host.MetricAsync(Metric));
        Assert.Empty(Told(host));

        host.Time.Advance(TimeSpan.FromTicks(1));
        await agreement.LookAsync(Cancel);
        host.Time.Advance(PolicyAgreement.Reminder - TimeSpan.FromTicks(1));
        await agreement.LookAsync(Cancel);
        string told = Assert.Single(Told(host));
        Assert.StartsWith("Warning ", told, StringComparison.Ordinal);
        Assert.Contains("aaaa on gw-0", told, StringComparison.Ordinal);
        Assert.Contains("bbbb on gw-1", told, StringComparison.Ordinal);

        host.Time.Advance(TimeSpan.FromTicks(1));
        await agreement.LookAsync(Cancel);
        Assert.Equal(2, Told(host).Length);

        await TakeAsync(host, "gw-0", "bbbb");
        await agreement.LookAsync(Cancel);
        await agreement.LookAsync(Cancel);
        Assert.Equal(1, await host.MetricAsync(Metric));
        Assert.Single(host.Logs.All, line => line.Contains("All 2 replicas run policy bbbb again", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_replica_that_is_gone_is_not_asked()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("Sqlite");
        await using CatalogHost host = await CatalogHost.StartAsync(catalog, more: services => services.AddSingleton<PolicyAgreement>());
        await RegisterAsync(host, "gw-0", "aaaa");
        await RegisterAsync(host, "gone", "bbbb", host.Database.Ago(TimeSpan.FromMinutes(1)));

        await host.Services.GetRequiredService<PolicyAgreement>().LookAsync(Cancel);

        Assert.Equal(1, await host.MetricAsync(Metric));
    }

    private static string[] Told(CatalogHost host) => [.. host.Logs.All.Where(line => line.Contains("different versions of the policy", StringComparison.Ordinal))];

    private static Task<int> RegisterAsync(CatalogHost host, string name, string policy, string? seen = null) => host.Database.ExecuteAsync(
        $"""
        INSERT INTO replicas (instance, name, stream, version, started_at, last_seen, policy_version, keys_state, audit_spooled)
        VALUES (@instance, @name, @name, '1.0.0', {host.Database.Now}, {seen ?? host.Database.Now}, @policy, 'Current', 0)
        """,
        new { instance = Guid.NewGuid(), name, policy },
        Cancel);

    private static Task<int> TakeAsync(CatalogHost host, string name, string policy) => host.Database.ExecuteAsync(
        $"UPDATE replicas SET policy_version = @policy, last_seen = {host.Database.Now} WHERE name = @name", new { name, policy }, Cancel);
}
