using System.Data.Common;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Tests.Catalog;

public sealed class ColumnTypesTests
{
    private const string Sqlite =
        "CREATE TABLE thing (id TEXT, at INTEGER, texts TEXT, ids TEXT, bytes BLOB, json TEXT, flag INTEGER, small INTEGER, big INTEGER) STRICT";

    private const string PostgreSql =
        "CREATE TABLE thing (id uuid, at timestamptz, texts text[], ids uuid[], bytes bytea, json json, flag boolean, small smallint, big bigint)";

    private static readonly Guid Id = Guid.Parse("AABBCCDD-0000-4000-8000-00000000ABCD");

    private static readonly Thing Full = new()
    {
        Id = Id,
        At = new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.FromHours(2)).AddTicks(12_345_678),
        Texts = ["a", "", "quote\" comma, {brace} \\ é 😀"],
        Ids = [Id, Guid.Empty],
        Bytes = [0, 255, 7],
        Json = new JsonText("""{"b": 1,  "a":[null]}"""),
        Flag = true,
        Small = 503,
        Big = long.MinValue,
    };

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task What_is_stored_is_read_back(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        Thing read = await RoundTripAsync(host.Database, Full);

        Assert.Equal(
            (Full.Id, ColumnTypes.Cut(Full.At!.Value), Full.Json, Full.Flag, Full.Small, Full.Big),
            (read.Id, read.At, read.Json, read.Flag, read.Small, read.Big));
        Assert.Equal(Full.Texts, read.Texts);
        Assert.Equal(Full.Ids, read.Ids);
        Assert.Equal(Full.Bytes, read.Bytes);
        Assert.Equal(TimeSpan.Zero, read.At!.Value.Offset);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Nothing_is_read_back_as_nothing(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);

        Assert.Equal(new Thing(), await RoundTripAsync(host.Database, new Thing()));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Rows_are_found_by_what_was_stored(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using CatalogHost host = await CatalogHost.StartAsync(catalog);
        CatalogDatabase database = host.Database;
        await RoundTripAsync(database, Full);

        string anyOf = database.Sql("id IN (SELECT value FROM json_each(@ids))", "id = ANY(@ids)");
        Assert.Equal(1, await CountAsync($"id = @Id AND at = @At AND {anyOf}", new { Full.Id, Full.At, ids = new[] { Guid.Empty, Id } }));
        Assert.Equal(0, await CountAsync($"id <> @Id OR {anyOf}", new { Full.Id, ids = new[] { Guid.Empty } }));
        Assert.Equal(1, await CountAsync("(@At IS NULL OR at <= @At) AND (@Id IS NULL OR id = @Id)", new { At = (DateTimeOffset?)null, Id = (Guid?)null }));

        Task<long> CountAsync(string where, object parameters) =>
            database.QueryFirstOrDefaultAsync<long>($"SELECT count(*) FROM thing WHERE {where}", parameters, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Two_engines_in_one_process_do_not_mix_their_ways()
    {
        await using EmptyCatalog file = await EmptyCatalog.CreateAsync("Sqlite");
        await using EmptyCatalog server = await EmptyCatalog.CreateAsync("PostgreSql");
        await using CatalogHost first = await CatalogHost.StartAsync(file);
        await using CatalogHost second = await CatalogHost.StartAsync(server);
        await RoundTripAsync(first.Database, Full);
        await RoundTripAsync(second.Database, Full);

        const string Raw = "SELECT CAST(id AS text) || ' ' || CAST(texts AS text) FROM thing";
        Assert.Equal(
            """aabbccdd-0000-4000-8000-00000000abcd ["a","","quote\u0022 comma, {brace} \\ \u00E9 \uD83D\uDE00"]""",
            await first.Database.QueryFirstOrDefaultAsync<string>(Raw, null, TestContext.Current.CancellationToken));
        Assert.Equal(
            """aabbccdd-0000-4000-8000-00000000abcd {a,"","quote\" comma, {brace} \\ é 😀"}""",
            await second.Database.QueryFirstOrDefaultAsync<string>(Raw, null, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(9, 0)]
    [InlineData(10, 1)]
    [InlineData(-1, -1)]
    [InlineData(-10, -1)]
    [InlineData(-11, -2)]
    public void A_time_is_cut_to_the_microsecond_towards_the_past(long ticks, long microseconds) =>
        Assert.Equal(microseconds, ColumnTypes.ToMicroseconds(DateTimeOffset.UnixEpoch.AddTicks(ticks)));

    private static async Task<Thing> RoundTripAsync(CatalogDatabase database, Thing thing)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await database.ExecuteAsync(database.Sql(Sqlite, PostgreSql), null, cancel);
        await database.TransactAsync(
            (DbTransaction transaction) => (Task)transaction.ExecuteAsync(
                "INSERT INTO thing (id, at, texts, ids, bytes, json, flag, small, big) VALUES (@Id, @At, @Texts, @Ids, @Bytes, @Json, @Flag, @Small, @Big)", thing, cancel),
            cancel);
        return Assert.Single(await database.QueryAsync<Thing>("SELECT * FROM thing", null, cancel));
    }

    private sealed record Thing
    {
        public Guid? Id { get; init; }

        public DateTimeOffset? At { get; init; }

        public string[]? Texts { get; init; }

        public Guid[]? Ids { get; init; }

        public byte[]? Bytes { get; init; }

        public JsonText? Json { get; init; }

        public bool? Flag { get; init; }

        public short? Small { get; init; }

        public long? Big { get; init; }
    }
}
