using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.Forwarding;
using RemoteWriteGateway.Tests.Push.Storage;

namespace RemoteWriteGateway.Tests.Push.Emission;

/// <summary>What was written, or is on its way, cannot be read any more: what took its place is written all the same, without markers for what is gone.</summary>
public sealed class EmissionDamageTests
{
    /// <summary>Large enough to be packed.</summary>
    private static readonly string Large = string.Concat(Enumerable.Range(0, 60).Select(i => $"m{i}{{zone=\"abcdefgh\"}} {i}\n"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Damages => Damage.AllOnBothProviders;

    public static TheoryData<string, string> PlainDamages => Damage.OnBothProviders;

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_push_after_one_that_cannot_be_read_is_written_without_markers(string provider, string kind)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using EmissionGateway gateway = await DamagedAsync(catalog, kind);

        await gateway.AdvanceAsync(TimeSpan.FromSeconds(5));
        await gateway.PushAsync("a 1\n");
        ReceivedRequest request = await gateway.NextAsync();
        StoredGroup row = await gateway.UntilWrittenAsync();

        Assert.Equal((2, 2, null), (row.Generation, row.WrittenGeneration, row.LastWriteError));
        Assert.Equal(
            [$$"""a{job="nightly",tenant="ours"} 1 @{{row.LastSampleMs}}""", "push_failure_time_seconds", "push_time_seconds"],
            SampleLines.Of(request).Select(static line => line.StartsWith("push_", StringComparison.Ordinal) ? line.Split('{')[0] : line).Order(StringComparer.Ordinal));
        Assert.Equal(1, await gateway.Host.MetricAsync("rwgateway_push_unreadable_payloads_total{tenant=\"ours\",result=\"unmarked\"}"));
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_deletion_of_one_that_cannot_be_read_ends_its_bookkeeping_and_the_row(string provider, string kind)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using EmissionGateway gateway = await DamagedAsync(catalog, kind);

        await gateway.DeleteAsync();
        ReceivedRequest request = await gateway.NextAsync();
        StoredGroup row = await gateway.UntilWrittenAsync();

        Assert.Null(row.WrittenGeneration);
        Assert.Equal(
            ["push_failure_time_seconds stale", "push_time_seconds stale"],
            SampleLines.Of(request).Select(static line => $"{line.Split('{')[0]} {line.Split(' ')[1]}").Order(StringComparer.Ordinal));
        await gateway.AdvanceAsync(TimeSpan.FromMinutes(11));
        await gateway.Host.Services.GetRequiredService<GroupSweeper>().SweepAsync(Cancel);
        Assert.Equal(0, await gateway.Database.QueryFirstOrDefaultAsync<long>("SELECT count(*) FROM push_groups", null, Cancel));
    }

    /// <summary>Nobody can repeat it. Its times are known, so that what follows is later.</summary>
    [Theory]
    [MemberData(nameof(PlainDamages))]
    public async Task A_delivery_under_way_that_cannot_be_read_gives_way_to_a_newer_state(string provider, string kind)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        bool isAway = true;
        await using EmissionGateway gateway = await EmissionGateway.StartAsync(
            catalog, store: store => store.Answering = _ => isAway ? new StoreAnswer(503) : StoreAnswer.Accept);
        await gateway.PushAsync(Large);
        await gateway.NextAsync();
        StoredGroup left = await gateway.UntilAsync(row => row.LeaseOwner is null && row.InflightStep is not null);
        await Damage.DoAsync(gateway.Database, kind, Pushed.Key(("job", "nightly")));

        // As long as there is nothing newer, it waits and says why.
        await gateway.AdvanceAsync(TimeSpan.FromSeconds(5));
        StoredGroup waiting = await gateway.UntilAsync(row => row.LastWriteError is not null);
        Assert.StartsWith("payload-unreadable: A stored payload ", waiting.LastWriteError, StringComparison.Ordinal);
        Assert.Equal(left.Emission, waiting.Emission);

        isAway = false;
        await gateway.PushAsync("a 1\n");
        await gateway.UntilAsync(static row => row.InflightStep is null);
        gateway.Wake();
        StoredGroup row = await gateway.UntilAsync(static row => row is { InflightStep: null, DirtySinceMs: null, LeaseOwner: null, WrittenGeneration: 2 });

        Assert.True(row.LastSampleMs > left.LastSampleMs);
        Assert.Null(row.LastWriteError);
        Assert.Equal(
            [$$"""a{job="nightly",tenant="ours"} 1 @{{row.LastSampleMs}}"""],
            SampleLines.Of(gateway.Store.Requests[^1]).Where(static line => line.StartsWith('a')));
    }

    /// <summary>A gateway with a group that was written, and whose payload was damaged then.</summary>
    private static async Task<EmissionGateway> DamagedAsync(EmptyCatalog catalog, string kind)
    {
        EmissionGateway gateway = await EmissionGateway.StartAsync(catalog);
        await gateway.PushAsync(Large);
        await gateway.NextAsync();
        await gateway.UntilWrittenAsync();
        await Damage.DoAsync(gateway.Database, kind, Pushed.Key(("job", "nightly")));
        return gateway;
    }
}
