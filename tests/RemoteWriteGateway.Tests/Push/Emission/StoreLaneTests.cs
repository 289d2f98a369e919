using Microsoft.Extensions.Time.Testing;
using Prometheus;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Push.Emission;

namespace RemoteWriteGateway.Tests.Push.Emission;

public sealed class StoreLaneTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(0.5, new[] { 1.0, 2, 4, 8, 16, 32, 60, 60 })]
    [InlineData(0.0, new[] { 0.75, 1.5, 3, 6, 12, 24, 45, 45 })]
    [InlineData(1.0, new[] { 1.25, 2.5, 5, 10, 20, 40, 75, 75 })]
    public void Pauses_double_up_to_a_minute_and_differ_by_a_quarter(double random, double[] pauses)
    {
        StoreLane lane = Lane(random);
        foreach (double seconds in pauses)
        {
            lane.Fail(null, isMisconfigured: false);
            _time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            Assert.True(lane.IsPaused);
            Assert.False(lane.TryEnter());

            _time.Advance(TimeSpan.FromMilliseconds(1));
            Assert.False(lane.IsPaused);
            Assert.True(lane.IsProbing);
        }

        lane.Succeed();
        lane.Fail(null, isMisconfigured: false);
        _time.Advance(TimeSpan.FromSeconds(pauses[0]));
        Assert.False(lane.IsPaused);
    }

    [Fact]
    public void What_the_store_asks_for_wins_over_the_pause()
    {
        StoreLane lane = Lane(0.5);

        lane.Fail(TimeSpan.FromSeconds(120), isMisconfigured: false);
        _time.Advance(TimeSpan.FromSeconds(119));

        Assert.True(lane.IsPaused);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(lane.TryEnter());
    }

    [Fact]
    public void Requests_that_fail_together_are_one_failure()
    {
        StoreLane lane = Lane(0.5);

        lane.Fail(null, isMisconfigured: false);
        lane.Fail(null, isMisconfigured: false);
        lane.Fail(null, isMisconfigured: false);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.False(lane.IsPaused);
    }

    [Fact]
    public void A_lane_is_for_one_claim_at_a_time_and_remembers_who_wanted_it()
    {
        StoreLane lane = Lane(0.5);

        Assert.True(lane.TryEnter());
        Assert.False(lane.Leave());
        Assert.True(lane.TryEnter());
        Assert.False(lane.TryEnter());
        Assert.True(lane.Leave());
        Assert.True(lane.TryEnter());
        Assert.False(lane.Leave());
    }

    [Fact]
    public void Where_there_was_no_room_the_poll_comes_next_whatever_is_due()
    {
        StoreLane lane = Lane(0.5);

        Assert.True(lane.TryEnter());
        Assert.True(lane.Leave(hasMore: true));
        Assert.True(lane.TryEnter());
        lane.Yield();
        Assert.False(lane.Leave(hasMore: true));
        Assert.True(lane.TryEnter());
        Assert.True(lane.Leave(hasMore: true));
    }

    private StoreLane Lane(double random) =>
        new("main", new EmissionMetrics(Metrics.WithCustomRegistry(Metrics.NewCustomRegistry()), new StoreDirectory([])), _time, () => random);
}
