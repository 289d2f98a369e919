using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Prometheus;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class RevocationStoreTests
{
    private const string Key = "key-1";

    private static readonly Guid Directory = Guid.Parse("11111111-2222-4333-8444-555555555555");
    private static readonly RevocationOperator Ann = new(Directory, Guid.Parse(TestCaller.Ann), "ann@example.org");
    private static readonly RevocationOperator Ben = new(Directory, Guid.Parse("66666666-0000-4000-8000-000000000002"), null);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task What_was_made_is_read_back_as_it_was_made(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await StartAsync(catalog);
        RevocationStore store = StoreOf(host);
        DateTimeOffset now = host.Time.GetUtcNow();
        Revocation[] wanted =
        [
            new(RevocationKind.Subject, TestCaller.Ann, now.AddHours(-1), now.AddDays(1), "with everything: \"'; DROP TABLE revocations; -- ünïcode 🙂"),
            new(RevocationKind.Client, TestCaller.Bot, null, null, "bot"),
            new(RevocationKind.Token, "AbC-_.9", null, now.AddTicks(10), "token"),
            new(RevocationKind.Key, Key, now.AddMicroseconds(-1), null, "key"),
        ];
        foreach (Revocation one in wanted)
        {
            (StoredRevocation made, bool isNew) = await store.CreateAsync(one with { Id = store.NewId() }, Ann, Cancel);
            Assert.True(isNew);
            Assert.Equal(made, await store.FindAsync(made.Id, Cancel));
            Assert.Equal((one with { Id = made.Id }, now, Ann, null), (made.What, made.CreatedAt, made.CreatedBy, made.Lift));
            Assert.True(made.IsInForce(now));
        }

        Assert.Equal(wanted, (await store.ReadInForceAsync(Cancel)).Select(one => one with { Id = null }).OrderBy(one => one.Kind));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task It_is_in_force_here_when_making_it_returns_and_not_any_more_when_lifting_it_does(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await StartAsync(catalog);
        CatalogRevocations inForce = host.Services.GetRequiredService<CatalogRevocations>();
        Caller caller = TestCaller.App();
        Assert.False(Refuses(host, caller));

        StoredRevocation made = await MakeAsync(host, Key);

        Assert.True(Refuses(host, caller));
        long? revision = inForce.Revision;

        await StoreOf(host).LiftAsync(made.Id, Ben, "it was another key", Cancel);

        Assert.False(Refuses(host, caller));
        Assert.NotEqual(revision, inForce.Revision);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task One_that_says_the_same_and_is_in_force_is_given_instead_of_another(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await StartAsync(catalog);
        RevocationStore store = StoreOf(host);
        DateTimeOffset now = host.Time.GetUtcNow();
        Revocation wanted = new(RevocationKind.Key, Key, now.AddHours(-1), now.AddHours(1), "first");
        StoredRevocation first = (await store.CreateAsync(wanted with { Id = store.NewId() }, Ann, Cancel)).Revocation;

        Assert.Equal((first, false), await store.CreateAsync(wanted with { Id = store.NewId(), Reason = "second" }, Ben, Cancel));

        // Everything else is another one.
        foreach (Revocation other in (Revocation[])[wanted with { IssuedBefore = null }, wanted with { Until = null }, wanted with { Value = "key-2" }, wanted with { Kind = RevocationKind.Token }])
        {
            Assert.True((await store.CreateAsync(other with { Id = store.NewId() }, Ann, Cancel)).IsNew);
        }

        // And so is the same again after it has ended, or was lifted.
        await store.LiftAsync(first.Id, Ann, "r", Cancel);
        Assert.True((await store.CreateAsync(wanted with { Id = store.NewId() }, Ann, Cancel)).IsNew);
        host.Time.Advance(TimeSpan.FromHours(1));
        Assert.True((await store.CreateAsync(wanted with { Id = store.NewId() }, Ann, Cancel)).IsNew);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Several_that_make_the_same_at_once_make_one(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await StartAsync(catalog);
        RevocationStore store = StoreOf(host);
        Revocation wanted = new(RevocationKind.Key, Key, null, null, "leaked");

        (StoredRevocation Revocation, bool IsNew)[] made = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => Task.Run(() => store.CreateAsync(wanted with { Id = store.NewId() }, Ann, Cancel))));

        Assert.Single(made, one => one.IsNew);
        Assert.Single(made.Select(one => one.Revocation.Id).Distinct());
        Assert.Single(await store.ReadInForceAsync(Cancel));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Lifting_marks_it_once_and_keeps_it(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await StartAsync(catalog);
        RevocationStore store = StoreOf(host);
        StoredRevocation made = await MakeAsync(host, Key);
        host.Time.Advance(TimeSpan.FromMinutes(1));

        StoredRevocation? lifted = await store.LiftAsync(made.Id, Ben, "over", Cancel);
        Assert.Equal(made with { Lift = new RevocationLift(host.Time.GetUtcNow(), Ben.ObjectId, null, "over") }, lifted);
        Assert.False(lifted!.IsInForce(host.Time.GetUtcNow()));

        host.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(lifted, await store.LiftAsync(made.Id, Ann, "again", Cancel));
        Assert.Equal(lifted, await store.FindAsync(made.Id, Cancel));
        Assert.Null(await store.LiftAsync(Guid.NewGuid(), Ann, "nobody", Cancel));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task One_that_has_ended_or_was_lifted_is_listed_with_all_and_not_in_force(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await StartAsync(catalog);
        RevocationStore store = StoreOf(host);
        StoredRevocation stays = await MakeAsync(host, "stays");
        StoredRevocation ends = await MakeAsync(host, "ends", host.Time.GetUtcNow().AddMinutes(1));
        StoredRevocation lifted = await MakeAsync(host, "lifted");
        await store.LiftAsync(lifted.Id, Ann, "r", Cancel);
        Assert.Equal([ends.Id, stays.Id], (await store.ListAsync(true, null, 10, Cancel)).Select(one => one.Id));

        host.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal([stays.Id], (await store.ListAsync(true, null, 10, Cancel)).Select(one => one.Id));
        Assert.Equal([stays.What], await store.ReadInForceAsync(Cancel));
        Assert.Equal([lifted.Id, ends.Id, stays.Id], (await store.ListAsync(false, null, 10, Cancel)).Select(one => one.Id));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Pages_leave_out_and_repeat_nothing_while_others_are_made(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await StartAsync(catalog);
        List<Guid> made = [];
        for (int i = 0; i < 7; i++)
        {
            made.Add((await MakeAsync(host, $"k{i}")).Id);
        }

        List<Guid> listed = [];
        Guid? after = null;
        while ((await StoreOf(host).ListAsync(false, after, 3, Cancel)) is { IsEmpty: false } page)
        {
            listed.AddRange(page.Select(one => one.Id));
            after = page[^1].Id;
            await MakeAsync(host, $"later-{listed.Count}");
        }

        Assert.Equal(Enumerable.Reverse(made), listed);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Those_of_another_directory_are_not_ours(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        StoredRevocation theirs;
        await using (CatalogHost other = await StartAsync(catalog, "22222222-2222-4333-8444-555555555555"))
        {
            theirs = await MakeAsync(other, Key);
        }

        await using CatalogHost host = await StartAsync(catalog);

        Assert.False(Refuses(host, TestCaller.App()));
        Assert.Empty(await StoreOf(host).ListAsync(false, null, 10, Cancel));
        Assert.Null(await StoreOf(host).FindAsync(theirs.Id, Cancel));
        Assert.Null(await StoreOf(host).LiftAsync(theirs.Id, Ann, "r", Cancel));
    }

    [Fact]
    public async Task Another_replica_has_it_at_its_next_question_or_as_soon_as_it_is_told()
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(nameof(CatalogProvider.PostgreSql));
        await using CatalogHost here = await StartAsync(catalog);
        await using CatalogHost there = await StartAsync(catalog);
        Caller caller = TestCaller.App();

        StoredRevocation made = await MakeAsync(here, Key);

        // Time stands still there: only the notification can have told it.
        while (!Refuses(there, caller))
        {
            await Task.Yield();
            Cancel.ThrowIfCancellationRequested();
        }

        await StoreOf(here).LiftAsync(made.Id, Ann, "r", Cancel);
        await there.Changes.PollAsync(Cancel);
        Assert.False(Refuses(there, caller));
    }

    private static RevocationStore StoreOf(CatalogHost host) => host.Services.GetRequiredService<RevocationStore>();

    private static bool Refuses(CatalogHost host, Caller caller)
    {
        DateTimeOffset now = host.Time.GetUtcNow();
        Assert.True(host.Services.GetRequiredService<CatalogRevocations>().TryGet(now, evenIfStale: false, out RevocationList? list));
        return list.Find(caller, now) is not null;
    }

    /// <summary>Makes one of a key, a moment after the one before: their order is that of their making.</summary>
    private static async Task<StoredRevocation> MakeAsync(CatalogHost host, string key, DateTimeOffset? until = null)
    {
        host.Time.Advance(TimeSpan.FromMilliseconds(1));
        RevocationStore store = StoreOf(host);
        Revocation wanted = new(RevocationKind.Key, key, null, until, "leaked") { Id = store.NewId() };
        return (await store.CreateAsync(wanted, Ann, Cancel)).Revocation;
    }

    private static async Task<CatalogHost> StartAsync(EmptyCatalog catalog, string directory = "11111111-2222-4333-8444-555555555555")
    {
        CatalogHost host = CatalogHost.Of(catalog, more: services =>
        {
            services.AddSingleton(new EntraDirectory(
                new EntraOptions { TenantId = directory, ClientId = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee" }, acceptsEmulator: false));
            services.AddSingleton<RevocationStore>();
            services.AddSingleton<CatalogRevocations>();
            services.AddSingleton(Options.Create(new RevocationOptions()));
            services.AddSingleton(Metrics.NewCustomRegistry());
        });
        _ = host.Services.GetRequiredService<CatalogRevocations>();
        await host.StartAsync();
        return host;
    }
}
