using System.Net;
using Microsoft.Extensions.Time.Testing;
using RemoteWriteGateway.Audit;

namespace RemoteWriteGateway.Tests.Audit;

public sealed class RefusalRateTests
{
    private readonly FakeTimeProvider _time = new(AuditRecords.Start);

    [Fact]
    public void Fifty_a_second_by_address_and_reason_get_a_record_of_their_own()
    {
        RefusalRate rate = new(_time);

        Assert.Equal(50, Take(rate, 200, "10.0.0.1", "revoked"));
        Assert.Equal(50, Take(rate, 200, "10.0.0.1", "unknown-key"));
        Assert.Equal(50, Take(rate, 200, "10.0.0.2", "revoked"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(50, Take(rate, 200, "10.0.0.1", "revoked"));
    }

    [Fact]
    public void Five_hundred_a_second_in_all_do()
    {
        RefusalRate rate = new(_time);

        Assert.Equal(500, Enumerable.Range(0, 1000).Sum(i => Take(rate, 3, $"10.0.{i / 250}.{i % 250}", "no-credentials")));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(500, Enumerable.Range(0, 1000).Sum(i => Take(rate, 3, $"10.0.{i / 250}.{i % 250}", "no-credentials")));
    }

    private static int Take(RefusalRate rate, int times, string address, string reason)
    {
        IPAddress parsed = IPAddress.Parse(address);
        return Enumerable.Range(0, times).Count(_ => rate.TryTake(parsed, reason));
    }
}
