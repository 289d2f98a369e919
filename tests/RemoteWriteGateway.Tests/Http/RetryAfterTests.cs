using Microsoft.AspNetCore.Http;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Tests.Http;

public sealed class RetryAfterTests
{
    [Theory]
    [InlineData(null, 5, 7)]
    [InlineData("0", 5, 7)]
    [InlineData("1", 10, 13)]
    [InlineData("2", 20, 25)]
    [InlineData("4", 80, 100)]
    [InlineData("99", 80, 100)]
    [InlineData("4294967295", 80, 100)]
    [InlineData("-1", 5, 7)]
    [InlineData("x", 5, 7)]
    public void It_grows_with_the_attempts_of_the_sender(string? attempt, int least, int most)
    {
        var http = new DefaultHttpContext();
        http.Request.Headers["Retry-Attempt"] = attempt;

        for (int i = 0; i < 100; i++)
        {
            Assert.InRange(RetryAfter.ForSender(http.Request), least, most);
        }
    }

    [Theory]
    [InlineData(-3, 1)]
    [InlineData(0, 1)]
    [InlineData(0.2, 1)]
    [InlineData(1.2, 2)]
    [InlineData(100000, 300)]
    [InlineData(double.PositiveInfinity, 300)]
    public void It_is_whole_seconds_from_1_to_300(double seconds, int expected) => Assert.Equal(expected, RetryAfter.Clamp(seconds));

    [Fact]
    public void An_exact_time_that_is_left_is_not_spread()
    {
        var refusal = new Refusal("key-not-yet-known", 503, "") { RetryAfter = TimeSpan.FromSeconds(17), RetryAfterIsExact = true };

        Assert.Equal(17, RetryAfter.Of(refusal, new DefaultHttpContext().Request));
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(500)]
    public void Only_429_and_503_have_one(int statusCode) =>
        Assert.Null(RetryAfter.Of(new Refusal("x", statusCode, ""), null));
}
