using System.Text;
using RemoteWriteGateway.Query;

namespace RemoteWriteGateway.Tests.Query;

public sealed class ParameterValueTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("1767225600", 1_767_225_600_000)]
    [InlineData("1767225600.1236", 1_767_225_600_124)]
    [InlineData("+1.5e3", 1_500_000)]
    [InlineData("2026-01-01T00:00:00Z", 1_767_225_600_000)]
    [InlineData("2026-01-01T01:00:00.123456789+01:00", 1_767_225_600_123)]
    [InlineData("292277025-08-18T07:12:54.999999999Z", 9_223_309_901_257_974_000)]
    public void Times_are_read_as_Prometheus_reads_them(string text, long ms)
    {
        Assert.True(ParameterValues.TryTime(Encoding.UTF8.GetBytes(text), out long read));
        Assert.Equal(ms, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nan")]
    [InlineData("inf")]
    [InlineData("0x1")]
    [InlineData(" 1")]
    [InlineData("1,5")]
    [InlineData("1_000")]
    [InlineData("1e300")]
    [InlineData("2026-01-01")]
    [InlineData("2026-01-01T00:00:00")]
    [InlineData("2026-13-01T00:00:00Z")]
    public void Other_times_are_refused(string text) => Assert.False(ParameterValues.TryTime(Encoding.UTF8.GetBytes(text), out _));

    [Theory]
    [InlineData("15", 15_000)]
    [InlineData("0.25", 250)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("1y1w1d1h1m1s1ms", 32_230_861_001)]
    public void Durations_are_seconds_or_have_units(string text, long ms)
    {
        Assert.True(ParameterValues.TryDuration(Encoding.UTF8.GetBytes(text), out long read));
        Assert.Equal(ms, read);
    }

    [Theory]
    [InlineData("m")]
    [InlineData("5")]
    [InlineData("1m1h")]
    [InlineData("1.5m")]
    [InlineData("5M")]
    [InlineData("99999999999y")]
    public void Other_durations_are_refused_unless_they_are_seconds(string text) =>
        Assert.Equal(text == "5", ParameterValues.TryDuration(Encoding.UTF8.GetBytes(text), out _));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1_500, "1.5")]
    [InlineData(-1, "-0.001")]
    [InlineData(120_000, "120")]
    [InlineData(-9_223_309_901_257_974_000, "-9223309901257974")]
    public void They_leave_as_seconds(long ms, string text) => Assert.Equal(text, ParameterValues.Seconds(ms));

    [Theory]
    [InlineData("zone", "zone")]
    [InlineData("zone.id", "U__zone_2e_id")]
    [InlineData("U__x", "U__U____x")]
    [InlineData("1a", "U___31_a")]
    [InlineData("é_b", "U___e9___b")]
    public void A_labels_segment_comes_back_as_the_label(string name, string segment)
    {
        Assert.Equal(segment, LabelNames.Segment(name));
        Assert.True(LabelNames.TryRead(segment, out string read));
        Assert.Equal(name, read);
    }

    [Theory]
    [InlineData("U__a_zz_", "U__a_zz_")]
    [InlineData("U__a_d800_", "U__a_d800_")]
    [InlineData("a+b", "a+b")]
    [InlineData("a%2Fb", "a/b")]
    public void A_segment_that_is_no_escaped_name_stays(string segment, string name)
    {
        Assert.True(LabelNames.TryRead(segment, out string read));
        Assert.Equal(name, read);
    }
}
