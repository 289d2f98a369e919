using System.Net;
using Microsoft.Extensions.Time.Testing;
using RemoteWriteGateway.Audit;

namespace RemoteWriteGateway.Tests.Audit;

public sealed class FoldTableTests
{
    private readonly FakeTimeProvider _time = new(AuditRecords.Start);

    [Fact]
    public void Writes_of_one_caller_become_one_record_with_exact_counts()
    {
        FoldTable folds = new(_time);
        folds.Add(Key(), new FoldCounts(1, 2000, 100, 50_000));
        _time.Advance(TimeSpan.FromSeconds(20));
        folds.Add(Key(), new FoldCounts(1, 5, 5, 100));
        _time.Advance(TimeSpan.FromSeconds(40));

        AuditRecord record = Assert.Single(folds.Take(_time.GetUtcNow()));

        Assert.Equal((2L, 2005L, 105L, 50_100L), (record.Count, record.Samples, record.Series, record.BodyBytes));
        Assert.Equal((AuditRecords.Start, AuditRecords.Start.AddSeconds(20), AuditRecords.Start.AddSeconds(60)), (record.FirstAt, record.LastAt, record.At));
        Assert.Equal(("write-summary", "allow", "ours", "10.0.0.1", "v1"), (record.Event, record.Outcome, record.Tenant, record.RemoteIp, record.PolicyVersion));
        Assert.Same(AuditRecords.Ann, record.Caller);
        Assert.Equal(["prom"], record.Bindings);
        Assert.Empty(folds.Take(_time.GetUtcNow()));
    }

    public static TheoryData<string> Differences => ["tenant", "bindings", "policy", "address", "caller", "outcome", "route", "reason", "status", "extra"];

    [Theory]
    [MemberData(nameof(Differences))]
    public void What_differs_is_counted_apart(string what)
    {
        FoldTable folds = new(_time);
        folds.Add(Key(), new FoldCounts(1));
        folds.Add(Key(what), new FoldCounts(1));
        folds.Add(Key(what), new FoldCounts(1));

        Assert.Equal([1L, 2L], folds.Take(_time.GetUtcNow()).Select(record => record.Count).Order());
    }

    [Fact]
    public void A_fold_that_has_been_idle_is_forgotten_and_made_again()
    {
        FoldTable folds = new(_time);
        folds.Add(Key(), new FoldCounts(1));
        Assert.Single(folds.Take(_time.GetUtcNow()));
        Assert.Empty(folds.Take(_time.GetUtcNow()));

        folds.Add(Key(), new FoldCounts(1));

        Assert.Single(folds.Take(_time.GetUtcNow()));
    }

    [Fact]
    public void A_full_table_counts_coarsely_and_loses_nothing()
    {
        FoldTable folds = new(_time);
        for (int i = 0; i < FoldTable.MaxKeys + 500; i++)
        {
            folds.Add(Key() with { Address = new IPAddress(0x0100000A + ((long)i << 8)) }, new FoldCounts(1, 10));
        }

        AuditRecord[] records = [.. folds.Take(_time.GetUtcNow())];

        Assert.Equal(FoldTable.MaxKeys + 1, records.Length);
        AuditRecord coarse = Assert.Single(records, record => record.Detail == """{"coarse":true}""");
        Assert.Equal((500L, 5000L, "ours"), (coarse.Count, coarse.Samples, coarse.Tenant));
        Assert.Null(coarse.Caller);
        Assert.Null(coarse.RemoteIp);
        Assert.Equal(FoldTable.MaxKeys + 500, records.Sum(record => record.Count));
    }

    /// <summary>Taken down again and again while eight threads count: in one taking or the next, never lost, never twice.</summary>
    [Fact]
    public async Task Nothing_is_lost_or_counted_twice_while_it_is_taken_down()
    {
        const int Threads = 8;
        const int Each = 200_000;
        FoldTable folds = new(_time);
        long taken = 0;
        using CancellationTokenSource done = new();
        Task taking = Task.Run(() =>
        {
            while (!done.IsCancellationRequested)
            {
                taken += folds.Take(_time.GetUtcNow()).Sum(record => record.Count);
            }
        }, TestContext.Current.CancellationToken);

        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < Each; i++)
            {
                folds.Add(Key() with { Tenant = (i % (thread + 2)).ToString(System.Globalization.CultureInfo.InvariantCulture) }, new FoldCounts(1));
            }
        })));
        await done.CancelAsync();
        await taking;

        Assert.Equal((long)Threads * Each, taken + folds.Take(_time.GetUtcNow()).Sum(record => record.Count));
    }

    [Fact]
    public void Counting_what_was_counted_before_allocates_nothing()
    {
        FoldTable folds = new(_time);
        FoldKey key = Key();
        for (int i = 0; i < 2; i++)
        {
            // The first makes the key, the second is the first to be compared with it: comparers of the runtime are made then, once.
            folds.Add(key, new FoldCounts(1, 2000, 100, 50_000));
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10_000; i++)
        {
            folds.Add(key, new FoldCounts(1, 2000, 100, 50_000));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static FoldKey Key(string? other = null) =>
        new(AuditEvents.WriteSummary, other == "outcome" ? AuditOutcomes.Error : AuditOutcomes.Allow)
        {
            Caller = other == "caller" ? null : AuditRecords.Ann,
            Tenant = other == "tenant" ? "theirs" : "ours",
            Bindings = other == "bindings" ? ["prom", "both"] : ["prom"],
            PolicyVersion = other == "policy" ? "v2" : "v1",
            Address = IPAddress.Parse(other == "address" ? "10.0.0.2" : "10.0.0.1"),
            Route = other == "route" ? "/x" : null,
            Reason = other == "reason" ? "revoked" : null,
            HttpStatus = other == "status" ? 401 : 0,
            Extra = other == "extra" ? ("job", "nightly") : null,
        };
}
