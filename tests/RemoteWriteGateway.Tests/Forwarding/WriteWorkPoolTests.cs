using Prometheus;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Tests.Forwarding;

public sealed class WriteWorkPoolTests
{
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();

    [Fact]
    public void No_more_requests_are_handled_at_once_than_the_bound_allows()
    {
        WriteWorkPool pool = Pool(maxRequests: 2, maxBytes: 1 << 20);
        WriteWork first = Rented(pool);
        _ = Rented(pool);

        Assert.Null(pool.Rent());
        Assert.Equal(2, Gauge("rwgateway_ingest_inflight_requests"));

        pool.Return(first);
        Assert.NotNull(pool.Rent());
    }

    [Fact]
    public void Buffers_of_all_requests_together_stay_within_the_bytes_and_give_them_back()
    {
        WriteWorkPool pool = Pool(maxRequests: 10, maxBytes: 100_000);
        WriteWork first = Rented(pool);
        WriteWork second = Rented(pool);
        first.Body.Reserve(60_000);

        Assert.Throws<ByteBudgetExceededException>(() => second.Body.Reserve(60_000));
        Assert.Equal(first.HeldBytes, Gauge("rwgateway_ingest_inflight_bytes"));

        pool.Return(first);
        second.Body.Reserve(60_000);
        pool.Return(second);
        Assert.Equal(0, Gauge("rwgateway_ingest_inflight_bytes"));
        Assert.Equal(0, Gauge("rwgateway_ingest_inflight_requests"));
    }

    [Fact]
    public void What_was_used_is_used_again_without_its_contents()
    {
        WriteWorkPool pool = Pool(maxRequests: 10, maxBytes: 1 << 20);
        WriteWork first = Rented(pool);
        first.Stamped.Append("one tenant's labels"u8);
        first.Result.Accepted = new ItemCounts(1, 0, 0);
        byte[] buffer = first.Stamped.Array;
        pool.Return(first);

        WriteWork again = Rented(pool);

        Assert.Same(buffer, again.Stamped.Array);
        Assert.Equal(0, again.Stamped.Length);
        Assert.Equal(default, again.Result.Accepted);
    }

    [Fact]
    public void A_buffer_that_one_large_request_needed_is_let_go()
    {
        WriteWorkPool pool = Pool(maxRequests: 10, maxBytes: 1 << 30);
        WriteWork work = Rented(pool);
        work.Decoded.Reserve(16 << 20);
        pool.Return(work);

        Assert.Equal(0, Rented(pool).HeldBytes);
    }

    [Fact]
    public void Idle_buffers_hold_a_quarter_of_the_bytes_at_most()
    {
        WriteWorkPool pool = Pool(maxRequests: 10, maxBytes: 400_000);
        WriteWork[] works = [Rented(pool), Rented(pool), Rented(pool)];
        foreach (WriteWork work in works)
        {
            work.Body.Reserve(60_000);
        }

        foreach (WriteWork work in works)
        {
            pool.Return(work);
        }

        long held = Enumerable.Range(0, 3).Sum(_ => Rented(pool).HeldBytes);
        Assert.InRange(held, 60_000, 100_000);
    }

    [Fact]
    public void A_request_whose_kept_buffers_are_over_what_is_left_is_not_taken_and_takes_no_place()
    {
        WriteWorkPool pool = Pool(maxRequests: 2, maxBytes: 100_000);
        WriteWork kept = Rented(pool);
        WriteWork growing = Rented(pool);
        kept.Body.Reserve(20_000);
        pool.Return(kept);
        growing.Body.Reserve(90_000);

        Assert.Null(pool.Rent());
        pool.Return(growing);
        Assert.NotNull(pool.Rent());
        Assert.NotNull(pool.Rent());
    }

    [Fact]
    public void Large_buffers_that_were_put_back_serve_the_next_request_without_their_contents_while_the_first_waits()
    {
        WriteWorkPool pool = Pool(maxRequests: 10, maxBytes: 1 << 20);
        WriteWork waiting = Rented(pool);
        waiting.Body.Append("body"u8);
        waiting.Stamped.Append("one tenant's labels"u8);
        waiting.Output.Append("output"u8);
        waiting.Result.Accepted = new ItemCounts(1, 0, 0);
        byte[] buffer = waiting.Stamped.Array;

        waiting.PutBack();
        WriteWork next = Rented(pool);

        Assert.False(waiting.HoldsSet);
        Assert.Same(buffer, next.Stamped.Array);
        Assert.Equal(0, next.Stamped.Length);
        Assert.Equal("body"u8, waiting.Body.Span);
        Assert.Equal("output"u8, waiting.Output.Span);
        Assert.Equal(new ItemCounts(1, 0, 0), waiting.Result.Accepted);
        Assert.NotSame(buffer, waiting.Stamped.Array);
        Assert.Equal(waiting.HeldBytes + next.HeldBytes, Gauge("rwgateway_ingest_inflight_bytes"));
        pool.Return(waiting);
        pool.Return(next);
        Assert.Equal(0, Gauge("rwgateway_ingest_inflight_bytes"));
    }

    [Fact]
    public void A_request_that_needs_little_is_not_refused_for_the_size_of_what_others_needed()
    {
        WriteWorkPool pool = Pool(maxRequests: 10, maxBytes: 200_000);
        WriteWork first = Rented(pool);
        first.Decoded.Reserve(40_000);
        byte[] large = first.Decoded.Array;
        first.PutBack();
        first.Body.Reserve(180_000);

        WriteWork second = Rented(pool);
        second.Decoded.Reserve(10_000);
        Assert.NotSame(large, second.Decoded.Array);
        Assert.Throws<ByteBudgetExceededException>(() => second.Decoded.Reserve(30_000));
        Assert.Equal(first.HeldBytes + second.HeldBytes, Gauge("rwgateway_ingest_inflight_bytes"));

        pool.Return(first);
        pool.Return(second);
        Assert.Equal(0, Gauge("rwgateway_ingest_inflight_bytes"));
    }

    [Fact]
    public void Large_buffers_are_kept_before_what_only_held_bodies()
    {
        WriteWorkPool pool = Pool(maxRequests: 10, maxBytes: 400_000);
        WriteWork working = Rented(pool);
        working.Decoded.Reserve(60_000);
        byte[] large = working.Decoded.Array;
        WriteWork other = Rented(pool);
        other.Body.Reserve(80_000);
        pool.Return(other);

        pool.Return(working);

        Assert.Same(large, Rented(pool).Decoded.Array);
    }

    [Fact]
    public async Task As_many_requests_have_a_turn_as_there_are_processors_and_a_turn_ends_once()
    {
        WriteWorkPool pool = Pool(maxRequests: 1000, maxBytes: 1 << 20);
        List<WriteWork> working = [];
        for (int i = 0; i < Environment.ProcessorCount; i++)
        {
            working.Add(Rented(pool));
            ValueTask turn = working[i].WaitForTurnAsync();
            Assert.True(turn.IsCompleted);
            await turn;
        }

        WriteWork next = Rented(pool);
        WriteWork last = Rented(pool);
        Task nextTurn = next.WaitForTurnAsync().AsTask();
        Task lastTurn = last.WaitForTurnAsync().AsTask();
        Assert.False(nextTurn.IsCompleted);

        // Ended twice, and then with the request: it is one turn all the same.
        working[0].EndTurn();
        working[0].PutBack();
        pool.Return(working[0]);
        await nextTurn;
        Assert.False(lastTurn.IsCompleted);

        pool.Return(next);
        await lastTurn;
    }

    private static WriteWork Rented(WriteWorkPool pool) => pool.Rent() ?? throw new InvalidOperationException("The pool gave nothing.");

    private WriteWorkPool Pool(int maxRequests, long maxBytes) => new(maxRequests, maxBytes, Metrics.WithCustomRegistry(_registry));

    private double Gauge(string name) => Metrics.WithCustomRegistry(_registry).CreateGauge(name, "").Value;
}
