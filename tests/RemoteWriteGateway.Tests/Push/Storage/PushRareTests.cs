using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>What hardly ever happens to a push, and is stored right all the same.</summary>
public sealed class PushRareTests
{
    private const string Body = "# TYPE m gauge\nm{zone=\"x\"} 1\n";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The store has samples of it up to a time, though nothing is open there: a push that revives it must be later than those.</summary>
    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task The_row_of_a_deleted_group_that_the_store_knows_stays_for_its_times(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=known", Body);
        await host.PutAsync("job=unknown", "");
        long last = host.NowMs + 5;
        await host.Database.ExecuteAsync("UPDATE push_groups SET last_sample_ms = @last WHERE key = @Bytes", new { last, PushHost.Key("job=known").Bytes }, Cancel);

        await host.DeleteAsync("job=known");
        await host.DeleteAsync("job=unknown");

        StoredGroup known = (await host.RowAsync("job=known"))!;
        Assert.Equal((GroupState.Deleted, last), (known.State, known.LastSampleMs));
        Assert.Null(await host.RowAsync("job=unknown"));
        await host.PutAsync("job=known", Body);
        known = (await host.RowAsync("job=known"))!;
        Assert.Equal((GroupState.Live, last), (known.State, known.LastSampleMs));
    }

    /// <summary>Between the insert that passes over the series of another group and the question whose it is, that group gives it back.</summary>
    [Fact]
    public async Task A_series_whose_holder_has_gone_meanwhile_is_taken_by_another_attempt()
    {
        await using PushHost host = await PushHost.StartAsync("PostgreSql");
        await using PushHost replica = await host.ReplicaAsync();
        await host.PutAsync("job=a", Body);
        int asked = 0;
        host.Sent.Before = async statements =>
        {
            if (statements.Any(static one => one.Sql.StartsWith("SELECT series FROM push_series", StringComparison.Ordinal)) && asked++ == 0)
            {
                await replica.Database.ExecuteAsync("DELETE FROM push_series", null, Cancel);
            }
        };

        Assert.Equal("Stored", await host.PutAsync("job=a,zone=x", "# TYPE m gauge\nm 1\n"));

        Assert.Equal(1, asked);
        Assert.Equal(1, await host.CountAsync("push_series", $"key = decode('{Convert.ToHexString(PushHost.Key("job=a,zone=x").Bytes)}', 'hex')"));
        Assert.Equal("m{job=\"a\",zone=\"x\"} 1", await host.ShowAsync("job=a,zone=x"));
    }
}
