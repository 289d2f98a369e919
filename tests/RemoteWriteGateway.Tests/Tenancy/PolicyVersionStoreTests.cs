using System.Collections.Immutable;
using System.Text;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class PolicyVersionStoreTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly PolicyDocument A = Document("version: 1\ntenants: {}\n");
    private static readonly PolicyDocument B = Document("version: 1\r\ntenants: { b: {} } # ünï 🙂\t\"'\\\n");
    private static readonly PolicyDocument C = Document("\uFEFFversion: 1\ntenants: { c: {} }\n");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_row_is_added_when_another_version_is_taken_and_only_then(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        PolicyVersionStore store = new(host.Database);

        Assert.True(await store.AddAsync("gw-0", A, Noon, Cancel));
        Assert.False(await store.AddAsync("gw-0", A, Noon.AddMinutes(1), Cancel));
        Assert.True(await store.AddAsync("gw-1", A, Noon.AddMinutes(1), Cancel));
        Assert.True(await store.AddAsync("gw-0", B, Noon.AddMinutes(2), Cancel));
        Assert.True(await store.AddAsync("gw-0", A, Noon.AddMinutes(3), Cancel));

        Assert.Equal(
            [
                new PolicyPeriod(A.Version, "gw-0", Noon.AddMinutes(3), null),
                new PolicyPeriod(B.Version, "gw-0", Noon.AddMinutes(2), Noon.AddMinutes(3)),
                new PolicyPeriod(A.Version, "gw-1", Noon.AddMinutes(1), null),
                new PolicyPeriod(A.Version, "gw-0", Noon, Noon.AddMinutes(2)),
            ],
            await store.ListAsync(null, 10, Cancel));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_clock_that_was_set_back_does_not_change_the_order(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        PolicyVersionStore store = new(host.Database);
        await store.AddAsync("gw-0", A, Noon, Cancel);

        await store.AddAsync("gw-0", B, Noon.AddHours(-1), Cancel);
        await store.AddAsync("gw-0", C, Noon.AddHours(-2), Cancel);

        Assert.Equal(
            [(C.Version, Noon.AddMicroseconds(2)), (B.Version, Noon.AddMicroseconds(1)), (A.Version, Noon)],
            (await store.ListAsync(null, 10, Cancel)).Select(one => (one.Version, one.From)));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_document_is_kept_word_for_word(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        PolicyVersionStore store = new(host.Database);
        await store.AddAsync("gw-0", B, Noon, Cancel);
        await store.AddAsync("gw-1", C, Noon.AddMinutes(1), Cancel);
        await store.AddAsync("gw-0", C, Noon.AddMinutes(2), Cancel);

        foreach (PolicyDocument document in (PolicyDocument[])[B, C])
        {
            StoredPolicy stored = (await store.FindAsync(document.Version, Cancel))!;
            Assert.Equal(document.Bytes.ToArray(), stored.ToDocument().Bytes.ToArray());
            Assert.Equal(document.Version, stored.ToDocument().Version);
        }

        Assert.Equal(Noon.AddMinutes(1), (await store.FindAsync(C.Version, Cancel))!.LoadedAt);
        Assert.Null(await store.FindAsync("0123456789abcdef", Cancel));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task What_was_in_force_is_told_replica_by_replica(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        PolicyVersionStore store = new(host.Database);
        await store.AddAsync("gw-0", A, Noon, Cancel);
        await store.AddAsync("gw-1", A, Noon.AddMinutes(1), Cancel);
        await store.AddAsync("gw-0", B, Noon.AddMinutes(10), Cancel);
        await store.AddAsync("gw-1", B, Noon.AddMinutes(11), Cancel);

        Assert.Equal("", await InForceAsync(store, Noon.AddMicroseconds(-1)));
        Assert.Equal($"gw-0 {A.Version}", await InForceAsync(store, Noon));
        Assert.Equal($"gw-0 {A.Version}, gw-1 {A.Version}", await InForceAsync(store, Noon.AddMinutes(5)));
        Assert.Equal($"gw-0 {B.Version}, gw-1 {A.Version}", await InForceAsync(store, Noon.AddMinutes(10)));
        Assert.Equal($"gw-0 {B.Version}, gw-1 {B.Version}", await InForceAsync(store, Noon.AddHours(1)));
        Assert.Equal([A.Version, B.Version], (await store.VersionsBetweenAsync(Noon.AddMinutes(9), Noon.AddMinutes(12), Cancel)).Order(StringComparer.Ordinal).OrderBy(version => version == B.Version));
        Assert.Equal([B.Version], await store.VersionsBetweenAsync(Noon.AddMinutes(11), Noon.AddMinutes(12), Cancel));
        Assert.Empty(await store.VersionsBetweenAsync(Noon.AddMinutes(-2), Noon, Cancel));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_replica_that_was_not_running_then_is_left_out(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        PolicyVersionStore store = new(host.Database);
        await store.AddAsync("gone", A, Noon, Cancel);
        await store.AddAsync("here", B, Noon, Cancel);
        await store.AddAsync("audited", C, Noon, Cancel);
        await RegisterAsync(host, "here", Noon, Noon.AddDays(10));
        await host.Database.ExecuteAsync(
            "INSERT INTO audit_checkpoints (stream, seq, ts, hash, events) VALUES ('audited/0199', 1, @ts, @hash, 1), ('gone-not/0199', 1, @ts, @hash, 1)",
            new { ts = Noon.AddDays(4), hash = new byte[32] },
            Cancel);

        Assert.Equal($"audited {C.Version}, gone {A.Version}, here {B.Version}", await InForceAsync(store, Noon.AddDays(1)));
        Assert.Equal($"here {B.Version}", await InForceAsync(store, Noon.AddDays(2)));
        Assert.Equal($"audited {C.Version}, here {B.Version}", await InForceAsync(store, Noon.AddDays(5)));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Pages_leave_out_and_repeat_nothing_while_others_are_added(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        PolicyVersionStore store = new(host.Database);
        foreach (string replica in (string[])["gw-0", "gw-1", "gw-2"])
        {
            await store.AddAsync(replica, A, Noon, Cancel); // at the same moment
            await store.AddAsync(replica, B, Noon.AddMinutes(1), Cancel);
        }

        ImmutableArray<PolicyPeriod> expected = await store.ListAsync(null, 10, Cancel);
        List<PolicyPeriod> listed = [];
        while (await store.ListAsync(listed.LastOrDefault(), 2, Cancel) is { IsEmpty: false } page)
        {
            listed.AddRange(page);
            await store.AddAsync($"later-{listed.Count}", C, Noon.AddMinutes(2), Cancel);
        }

        Assert.Equal(6, expected.Length);
        Assert.Equal(expected, listed);
    }

    private static PolicyDocument Document(string text) => new("policy.yaml", Encoding.UTF8.GetBytes(text));

    private static async Task<string> InForceAsync(PolicyVersionStore store, DateTimeOffset at) => string.Join(
        ", ", (await store.InForceAsync(at, Cancel)).OrderBy(one => one.Replica, StringComparer.Ordinal).Select(one => $"{one.Replica} {one.Version}"));

    private static Task<int> RegisterAsync(CatalogHost host, string name, DateTimeOffset started, DateTimeOffset seen) => host.Database.ExecuteAsync(
        """
        INSERT INTO replicas (instance, name, stream, version, started_at, last_seen, keys_state, audit_spooled)
        VALUES (@instance, @name, @name, '1.0.0', @started, @seen, 'Current', 0)
        """,
        new { instance = Guid.NewGuid(), name, started, seen },
        Cancel);
}
