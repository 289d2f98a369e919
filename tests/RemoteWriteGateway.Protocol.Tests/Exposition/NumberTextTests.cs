using System.Globalization;
using System.Text;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Protocol.Tests.Exposition;

public class NumberTextTests
{
    [Theory]
    [InlineData("0", 0x0000000000000000)]
    [InlineData("-0", 0x8000000000000000)]
    [InlineData("1", 0x3FF0000000000000)]
    [InlineData("+1.5e1", 0x402E000000000000)]
    [InlineData(".5", 0x3FE0000000000000)]
    [InlineData("5.", 0x4014000000000000)]
    [InlineData("1e-400", 0x0000000000000000)]
    [InlineData("4.9E-324", 0x0000000000000001)]
    [InlineData("9007199254740993", 0x4340000000000000)]
    [InlineData("nAn", 0x7FF8000000000001)]
    [InlineData("inf", 0x7FF0000000000000)]
    [InlineData("+INF", 0x7FF0000000000000)]
    [InlineData("-Infinity", 0xFFF0000000000000)]
    public void Numbers_have_the_bits_that_Go_gives_them(string text, ulong bits)
    {
        Assert.True(NumberText.TryParse(Encoding.ASCII.GetBytes(text), out ulong parsed));
        Assert.Equal(bits, parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("1\0")]
    [InlineData("+")]
    [InlineData(".")]
    [InlineData("e5")]
    [InlineData("1e")]
    [InlineData("1e+")]
    [InlineData("1e5.0")]
    [InlineData("--1")]
    [InlineData("1-")]
    [InlineData("0x10")]
    [InlineData("0x1p4")]
    [InlineData("1_000")]
    [InlineData("1,5")]
    [InlineData("\"1\"")]
    [InlineData("1e400")]
    [InlineData("-1e400")]
    [InlineData("+nan")]
    [InlineData("infin")]
    [InlineData("∞")]
    public void What_is_no_number_is_none(string text) => Assert.False(NumberText.TryParse(Encoding.UTF8.GetBytes(text), out _));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(-0.0, "-0")]
    [InlineData(1, "1")]
    [InlineData(-2.5, "-2.5")]
    [InlineData(999999, "999999")]
    [InlineData(1000000, "1e+06")]
    [InlineData(1234567, "1.234567e+06")]
    [InlineData(0.0001, "0.0001")]
    [InlineData(0.00001, "1e-05")]
    [InlineData(1e100, "1e+100")]
    [InlineData(double.PositiveInfinity, "+Inf")]
    [InlineData(double.NegativeInfinity, "-Inf")]
    [InlineData(double.NaN, "NaN")]
    public void Numbers_are_printed_as_Go_prints_them(double value, string text) => Assert.Equal(text, Format(value));

    [Fact]
    public void What_is_printed_reads_back_as_the_same_bits()
    {
        var random = new Random(7);
        for (int i = 0; i < 20_000; i++)
        {
            double value = BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue));
            if (double.IsNaN(value))
            {
                continue;
            }

            Assert.True(NumberText.TryParse(Encoding.ASCII.GetBytes(Format(value)), out ulong bits), Format(value));
            Assert.Equal(BitConverter.DoubleToUInt64Bits(value).ToString("x", CultureInfo.InvariantCulture), bits.ToString("x", CultureInfo.InvariantCulture));
        }
    }

    private static string Format(double value)
    {
        Span<byte> text = stackalloc byte[NumberText.MaxLength];
        return Encoding.ASCII.GetString(text[..NumberText.Format(value, text)]);
    }
}
