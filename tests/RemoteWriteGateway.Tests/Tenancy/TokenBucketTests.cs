using Microsoft.Extensions.Time.Testing;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class TokenBucketTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_full_bucket_gives_its_burst_and_then_what_is_refilled()
    {
        var bucket = new TokenBucket(_time);

        Assert.Null(bucket.TryTake(1, rate: 2, burst: 2));
        Assert.Null(bucket.TryTake(1, rate: 2, burst: 2));
        Assert.Equal(TimeSpan.FromSeconds(0.5), bucket.TryTake(1, rate: 2, burst: 2));
        _time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Null(bucket.TryTake(1, rate: 2, burst: 2));
        Assert.NotNull(bucket.TryTake(1, rate: 2, burst: 2));
    }

    [Fact]
    public void What_is_larger_than_the_burst_passes_on_a_full_bucket_and_is_paid_off()
    {
        var bucket = new TokenBucket(_time);

        Assert.Null(bucket.TryTake(30, rate: 10, burst: 10));
        Assert.Equal(TimeSpan.FromSeconds(3), bucket.TryTake(30, rate: 10, burst: 10));
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Null(bucket.TryTake(30, rate: 10, burst: 10));
    }

    [Fact]
    public void A_refusal_takes_nothing_and_what_is_given_back_is_there()
    {
        var bucket = new TokenBucket(_time);
        bucket.TryTake(10, rate: 1, burst: 10);

        Assert.Equal(TimeSpan.FromSeconds(5), bucket.TryTake(5, rate: 1, burst: 10));
        Assert.Equal(TimeSpan.FromSeconds(5), bucket.TryTake(5, rate: 1, burst: 10));
        bucket.GiveBack(5);
        Assert.Null(bucket.TryTake(5, rate: 1, burst: 10));
    }

    [Fact]
    public void It_is_full_again_when_its_burst_is_refilled()
    {
        var bucket = new TokenBucket(_time);
        bucket.TryTake(4, rate: 1, burst: 4);

        Assert.False(bucket.IsFull);
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.True(bucket.IsFull);
    }
}
