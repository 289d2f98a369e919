using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

public sealed partial class StampLabelTests
{
    [Theory, MemberData(nameof(Protocols))]
    public void Limits_of_labels_hold_to_the_byte(WriteProtocol protocol)
    {
        StampOptions limits = StampRunner.Ours with
        {
            MaxLabelsPerSeries = 2,
            MaxMetricNameBytes = 4,
            MaxLabelNameBytes = 8,
            MaxLabelValueBytes = 3,
        };
        Assert.Equal("""four{a="333",tenant="ours"} 1""", StampRunner.Stamp(protocol, """four{a="333",b=""} 1""", limits));
        AssertRefused(StampReason.TooManyLabels, """four{a="1",b="2"} 1""", "3 labels, limit 2 (maxLabelsPerSeries)");
        AssertRefused(StampReason.MetricNameTooLong, """fiver{a="1"} 1""", "5 bytes in the metric name, limit 4 (maxMetricNameBytes)");
        AssertRefused(StampReason.LabelNameTooLong, """four{a23456789="1"} 1""", "9 bytes in the name of \"a23456789\", limit 8 (maxLabelNameBytes)");
        AssertRefused(StampReason.LabelValueTooLong, """four{a="4444"} 1""", "4 bytes in the value of \"a\", limit 3 (maxLabelValueBytes)");

        void AssertRefused(StampReason reason, string series, string text)
        {
            StampOutcome outcome = StampRunner.Run(protocol, series, limits);
            Assert.Equal(reason, outcome.OnlyReason);
            Assert.StartsWith(text, outcome.Result.Text(reason), StringComparison.Ordinal);
            Assert.False(outcome.Result.HasOutput);
        }
    }

    [Theory, MemberData(nameof(Protocols))]
    public void The_label_of_the_metrics_name_is_within_any_limit_of_names(WriteProtocol protocol) => Assert.Equal(
        """up{a="1",tenant="ours"} 1""", StampRunner.Stamp(protocol, """up{a="1"} 1""", StampRunner.Ours with { MaxLabelNameBytes = 1 }));

    [Theory, MemberData(nameof(Protocols))]
    public void Far_too_many_labels_are_refused_unseen(WriteProtocol protocol)
    {
        string labels = string.Join(',', Enumerable.Range(0, 9).Select(static i => $"a=\"{i}\""));
        StampOutcome outcome = StampRunner.Run(protocol, $$"""up{{{labels}}} 1""", StampRunner.Ours with { MaxLabelsPerSeries = 2 });
        // Not for the name that occurs nine times: that was not looked at.
        Assert.Equal(StampReason.TooManyLabels, outcome.OnlyReason);
        Assert.StartsWith("10 labels, limit 2", outcome.Result.Text(StampReason.TooManyLabels), StringComparison.Ordinal);
    }
}
