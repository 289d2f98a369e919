using System.Globalization;
using RemoteWriteGateway.Tenancy;
using static RemoteWriteGateway.Tests.Tenancy.TestCaller;

namespace RemoteWriteGateway.Tests.Tenancy;

/// <summary>How the catalog's revocations decide requests, and how old they may be, route by route. The catalog is asked when the test says so.</summary>
public sealed class CatalogRevocationsTests
{
    private const string Policy = """
        version: 1
        tenants: { ours: {} }
        bindings:
        - id: all
          match: { kind: app, role: [All] }
          grant: { permissions: [metrics:write, metrics:read, metrics:push], tenants: [ours] }
        - id: operators
          match: { kind: app, role: [All] }
          grant: { permissions: [gateway:admin] }
        """;

    private const string Unavailable = "503 catalog-unavailable: the catalog cannot be read; retry";

    [Fact]
    public async Task A_cached_list_refuses_on_the_next_request_after_it_was_replaced()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy);
        Assert.Equal("200 ours", await host.SendAsync(App("All"), "POST", "/write"));

        StoredRevocation revoked = await RevokeAsync(host, "key-1");

        foreach ((string method, string path) in ((string, string)[])[("POST", "/write"), ("GET", "/read"), ("GET", "/admin"), ("GET", "/whoami"), ("GET", "/unknown")])
        {
            Assert.Equal("401 revoked: access was revoked by an operator", await host.SendAsync(App("All"), method, path));
        }

        await host.RevocationStore.LiftAsync(revoked.Id, Operator, "over", TestContext.Current.CancellationToken);
        Assert.Equal("200 ours", await host.SendAsync(App("All"), "POST", "/write"));
    }

    [Fact]
    public async Task A_list_that_is_too_old_serves_writes_alone()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy, null, ("Revocations:MaxStale", "00:10:00"));
        await RevokeAsync(host, "key-9");

        host.Time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal("200 ours", await host.SendAsync(App("All"), "GET", "/read"));
        host.Time.Advance(TimeSpan.FromMilliseconds(1));

        foreach (string path in (string[])["/read", "/admin", "/whoami", "/unknown"])
        {
            Assert.Equal(Unavailable, await host.SendAsync(App("All"), "GET", path));
        }

        // The last list that was read still counts.
        Assert.Equal("200 ours", await host.SendAsync(App("All"), "POST", "/write"));
        Assert.Equal("401 revoked: access was revoked by an operator", await host.SendAsync(App("All") with { KeyId = "key-9" }, "POST", "/write"));
        Assert.Null(host.Revocations.NotReadyBecause);

        await host.PollCatalogAsync();
        Assert.Equal("200 ours", await host.SendAsync(App("All"), "GET", "/read"));
    }

    [Fact]
    public async Task Before_the_first_read_nobody_is_served_and_the_replica_is_not_ready()
    {
        await using TenancyHost host = await TenancyHost.StartUnreadAsync(Policy);

        foreach ((string method, string path) in ((string, string)[])[("POST", "/write"), ("GET", "/read"), ("GET", "/admin"), ("GET", "/whoami"), ("GET", "/unknown")])
        {
            Assert.Equal(Unavailable, await host.SendAsync(App("All"), method, path));
        }

        Assert.Equal("200 ok", await host.SendAsync(null, "GET", "/healthy"));
        Assert.Equal("the catalog's revocations have not been read yet", host.Revocations.NotReadyBecause);
        Assert.Equal("0", await host.MetricAsync("rwgateway_revocations_read_timestamp_seconds "));

        await host.PollCatalogAsync();

        Assert.Equal("200 ours", await host.SendAsync(App("All"), "POST", "/write"));
        Assert.Null(host.Revocations.NotReadyBecause);
        Assert.Equal(Now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture), await host.MetricAsync("rwgateway_revocations_read_timestamp_seconds "));
    }

    [Fact]
    public async Task What_the_token_lacks_is_told_before_the_catalog_is_asked()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy, null, ("Revocations:MaxStale", "00:00:01"));
        host.Time.Advance(TimeSpan.FromSeconds(2));

        Assert.StartsWith("401 no-credentials", await host.SendAsync(null, "GET", "/read"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Revocations:MaxStale", "00:00:00.5")]
    [InlineData("Revocations:MaxStale", "8.00:00:00")]
    [InlineData("Revocations:MaxAge", "01:00:00")]
    public async Task A_setting_that_is_wrong_or_unknown_stops_the_start_and_is_named(string key, string value)
    {
        Exception fault = await Assert.ThrowsAnyAsync<Exception>(() => TenancyHost.StartAsync(Policy, null, (key, value)));

        Assert.Contains(key, fault.Message, StringComparison.Ordinal);
    }

    private static RevocationOperator Operator => new(Guid.Parse("11111111-2222-4333-8444-555555555555"), Guid.Parse(Ann), "ann@example.org");

    private static async Task<StoredRevocation> RevokeAsync(TenancyHost host, string key)
    {
        Revocation wanted = new(RevocationKind.Key, key, null, null, "leaked") { Id = host.RevocationStore.NewId() };
        return (await host.RevocationStore.CreateAsync(wanted, Operator, TestContext.Current.CancellationToken)).Revocation;
    }
}
