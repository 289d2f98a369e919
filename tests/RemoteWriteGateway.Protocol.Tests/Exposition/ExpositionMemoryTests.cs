using System.Text;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Protocol.Tests.Exposition;

public class ExpositionMemoryTests
{
    // What a check makes once: a copy of the tenant's limits.
    private const long BytesPerCheck = 1024;

    public static TheoryData<ExpositionFormat, byte[]> Bodies => new()
    {
        { ExpositionFormat.Text, Encoding.UTF8.GetBytes(Lines("h", "# TYPE h histogram\n", "")) },
        { ExpositionFormat.OpenMetrics, Encoding.UTF8.GetBytes(Lines("h", "# TYPE h histogram\n", "# EOF")) },
        { ExpositionFormat.Protobuf, RandomFamilies.Some(1).Single() },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public void A_body_like_the_one_before_allocates_nothing_by_line(ExpositionFormat format, byte[] body)
    {
        MetricFamilies families = new();
        for (int i = 0; i < 3; i++)
        {
            Assert.True(Pushed.TryRead(body, format, families).IsNone);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        ExpositionFault fault = Pushed.TryRead(body, format, families);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(fault.IsNone);
        Assert.InRange(allocated, 0, BytesPerCheck);
    }

    [Theory]
    [InlineData("a{x=\"1\"} 1\n", 1)]
    [InlineData("# TYPE h histogram\nh_bucket{le=\"1\"} 1\n", 4)]
    public void A_push_may_have_as_many_series_as_the_limit_says(string body, int series)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        Assert.Equal("none", Pushed.Fault(bytes, ExpositionFormat.Text, Pushed.Options with { MaxSeriesPerPush = series }));
        Assert.Equal(
            $"too-many-series: more than {series - 1} series in one push, limit {series - 1} (push.limits.maxSeriesPerPush); push less at once",
            Pushed.Fault(bytes, ExpositionFormat.Text, Pushed.Options with { MaxSeriesPerPush = series - 1 }));
    }

    [Fact]
    public void Families_and_labels_have_limits()
    {
        Assert.StartsWith("too-many-families: more than 2 ", Pushed.TextFault("a 1\nb 1\n# HELP c d\n", Pushed.Options with { MaxFamiliesPerPush = 2 }), StringComparison.Ordinal);
        string labels = string.Join(',', Enumerable.Range(0, 60).Select(i => $"l{i}=\"1\""));
        Assert.StartsWith("too-many-labels: line 1: a series of a has 61 labels", Pushed.TextFault($"a{{{labels}}} 1"), StringComparison.Ordinal);
        string many = string.Join(',', Enumerable.Range(0, 241).Select(i => $"l{i}=\"\""));
        Assert.StartsWith("too-many-labels: line 1: more than 240 labels", Pushed.TextFault($"a{{{many}}} 1"), StringComparison.Ordinal);
        Assert.StartsWith("label-value-too-long: line 1: 2049 bytes", Pushed.TextFault($"a{{x=\"{new string('v', 2049)}\"}} 1"), StringComparison.Ordinal);
        Assert.StartsWith("label-name-too-long: line 1: 257 bytes", Pushed.TextFault($"a{{{new string('n', 257)}=\"\"}} 1"), StringComparison.Ordinal);
        Assert.StartsWith("metric-name-too-long: line 1: 513 bytes", Pushed.TextFault($"{new string('m', 513)} 1"), StringComparison.Ordinal);
    }

    private static string Lines(string name, string head, string end)
    {
        StringBuilder text = new(head);
        for (int i = 0; i < 300; i++)
        {
            text.Append($"{name}_bucket{{le=\"0.5\",n=\"{i}\"}} 1\n{name}_bucket{{n=\"{i}\",le=\"+Inf\"}} 2\n{name}_sum{{n=\"{i}\"}} 2.5\n{name}_count{{n=\"{i}\"}} 2\n");
        }

        return text.Append(end).ToString();
    }
}
