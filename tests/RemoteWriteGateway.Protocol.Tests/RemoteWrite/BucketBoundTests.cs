using System.Globalization;
using System.Text;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

public class BucketBoundTests
{
    /// <summary>Right column: what Prometheus 3.5.3 stored for a scraped classic histogram with the bound of the left one.</summary>
    [Theory]
    [InlineData(1, "1.0")]
    [InlineData(0, "0.0")]
    [InlineData(-1, "-1.0")]
    [InlineData(0.005, "0.005")]
    [InlineData(-0.5, "-0.5")]
    [InlineData(10, "10.0")]
    [InlineData(2.5, "2.5")]
    [InlineData(123456, "123456.0")]
    [InlineData(123456.5, "123456.5")]
    [InlineData(999999, "999999.0")]
    [InlineData(1e6, "1e+06")]
    [InlineData(-1e6, "-1e+06")]
    [InlineData(1234567, "1.234567e+06")]
    [InlineData(1234567.25, "1.23456725e+06")]
    [InlineData(1e15, "1e+15")]
    [InlineData(1e21, "1e+21")]
    [InlineData(1e100, "1e+100")]
    [InlineData(9007199254740992, "9.007199254740992e+15")]
    [InlineData(9223372036854775808, "9.223372036854776e+18")]
    [InlineData(0.0001, "0.0001")]
    [InlineData(0.00012345, "0.00012345")]
    [InlineData(0.00001, "1e-05")]
    [InlineData(0.000015, "1.5e-05")]
    [InlineData(-1e-7, "-1e-07")]
    [InlineData(0.30000000000000004, "0.30000000000000004")]
    [InlineData(5.684341886080802e-14, "5.684341886080802e-14")]
    [InlineData(2.98023223876953125e-08, "2.9802322387695312e-08")]
    [InlineData(4.1045368012983762e-289, "4.1045368012983762e-289")]
    [InlineData(5e-324, "5e-324")]
    [InlineData(2.2250738585072014e-308, "2.2250738585072014e-308")]
    [InlineData(-1.7976931348623157e308, "-1.7976931348623157e+308")]
    [InlineData(double.PositiveInfinity, "+Inf")]
    [InlineData(double.NegativeInfinity, "-Inf")]
    public void A_bound_is_printed_as_Prometheus_3_prints_it(double bound, string expected) => Assert.Equal(expected, Format(bound));

    [Fact]
    public void Minus_zero_is_printed_as_zero() => Assert.Equal("0.0", Format(BitConverter.Int64BitsToDouble(long.MinValue)));

    [Fact]
    public void Any_bound_reads_back_as_itself_and_has_a_point_or_an_exponent()
    {
        var random = new Random(11);
        for (int i = 0; i < 50_000; i++)
        {
            double bound = i < 2048
                ? BitConverter.Int64BitsToDouble((long)i << 52)
                : BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue));
            if (double.IsFinite(bound))
            {
                string text = Format(bound);
                Assert.Equal(bound, double.Parse(text, CultureInfo.InvariantCulture));
                Assert.Contains(text, c => c is '.' or 'e');
            }
        }
    }

    private static string Format(double bound)
    {
        Span<byte> text = stackalloc byte[BucketBound.MaxLength];
        return Encoding.ASCII.GetString(text[..BucketBound.Format(bound, text)]);
    }
}
