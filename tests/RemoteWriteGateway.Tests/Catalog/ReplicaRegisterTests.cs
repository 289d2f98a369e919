using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Tests.Catalog;

public sealed class ReplicaRegisterTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_replica_stands_in_the_register_with_what_its_parts_say(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        var part = new Part();
        await using CatalogHost host = CatalogHost.Of(catalog, [("ReplicaName", "gw-0")], more: services => services.AddSingleton<IReplicaFacts>(part));
        await host.StartAsync();
        ReplicaRow first = Assert.Single(await host.Register.ListAsync(Cancel));

        Assert.Equal(
            (host.Identity.Instance, "gw-0", $"gw-0/{host.Identity.Instance}", "0.1.0", host.Time.GetUtcNow(), true),
            (first.Instance, first.Name, first.Stream, first.Version, first.StartedAt, first.IsLive));
        Assert.Equal(
            ("v1", (long?)7, "Current", (DateTimeOffset?)host.Time.GetUtcNow().AddMinutes(-1), 3L),
            (first.PolicyVersion, first.RevocationsRevision, first.KeysState, first.KeysLoadedAt, first.AuditSpooled));
        Assert.Equal(1, host.Register.LiveReplicas);

        part.Facts = new ReplicaFacts { PolicyVersion = "v2", KeysState = "Stale" };
        // What the start began may write once more, with the new facts and without any time gone.
        ReplicaRow second = await UntilAsync(host, rows => rows.FirstOrDefault(row => row.PolicyVersion == "v2" && row.LastSeen > first.LastSeen));

        Assert.Equal((first.StartedAt, null, "Stale", null, 0), (second.StartedAt, second.RevocationsRevision, second.KeysState, second.KeysLoadedAt, second.AuditSpooled));
    }

    [Fact]
    public async Task Replicas_that_share_a_database_count_each_other()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync("PostgreSql");
        await using CatalogHost one = await CatalogHost.StartAsync(catalog, [("ReplicaName", "gw-0")]);
        await using CatalogHost two = await CatalogHost.StartAsync(catalog, [("ReplicaName", "gw-1")]);
        Assert.Equal(2, two.Register.LiveReplicas);
        Assert.Equal(2, await two.MetricAsync("rwgateway_catalog_live_replicas"));

        // The first one, as if it had been killed sixteen seconds ago.
        await one.StopAsync();
        await two.Database.ExecuteAsync(
            $"INSERT INTO replicas (instance, name, stream, version, started_at, last_seen, keys_state, audit_spooled) VALUES (@id, 'gw-0', 'gw-0/x', '0', {two.Database.Now}, {two.Database.Ago(TimeSpan.FromSeconds(16))}, 'Current', 0)",
            new { id = Guid.NewGuid() },
            Cancel);
        await UntilAsync(two, _ => two.Register.LiveReplicas == 1 ? "" : null);

        Assert.Equal(["gw-1 True", "gw-0 False"], (await two.Register.ListAsync(Cancel)).Select(row => string.Create(CultureInfo.InvariantCulture, $"{row.Name} {row.IsLive}")));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_replica_that_stops_takes_itself_out_and_rows_of_killed_ones_go_after_a_day(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        Guid yesterday = Guid.NewGuid(), today = Guid.NewGuid();
        await using (CatalogHost host = await CatalogHost.StartAsync(catalog))
        {
            foreach ((Guid id, double hours) in ((Guid, double)[])[(yesterday, 24.1), (today, 23.9)])
            {
                await host.Database.ExecuteAsync(
                    $"INSERT INTO replicas (instance, name, stream, version, started_at, last_seen, keys_state, audit_spooled) VALUES (@id, 'gw', 'gw/x', '0', {host.Database.Now}, {host.Database.Ago(TimeSpan.FromHours(hours))}, 'Current', 0)",
                    new { id },
                    Cancel);
            }
        }

        await using CatalogHost again = await CatalogHost.StartAsync(catalog);

        Assert.Equal([again.Identity.Instance, today], (await again.Register.ListAsync(Cancel)).Select(row => row.Instance));
    }

    /// <summary>Moves time by the register's interval until something is found in it.</summary>
    private static async Task<T> UntilAsync<T>(CatalogHost host, Func<IReadOnlyList<ReplicaRow>, T?> find)
        where T : class
    {
        while (true)
        {
            if (find(await host.Register.ListAsync(Cancel)) is { } found)
            {
                return found;
            }

            host.Time.Advance(ReplicaRegister.Interval);
        }
    }

    private sealed class Part : IReplicaFacts
    {
        public ReplicaFacts Facts { get; set; } = new()
        {
            PolicyVersion = "v1",
            RevocationsRevision = 7,
            KeysState = "Current",
            KeysLoadedAt = new DateTimeOffset(2026, 11, 24, 11, 59, 0, TimeSpan.Zero),
            AuditSpooled = 3,
        };

        public ReplicaFacts AddTo(ReplicaFacts facts) => Facts;
    }
}
