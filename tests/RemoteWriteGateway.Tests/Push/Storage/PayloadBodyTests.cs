using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Tests.Push.Storage;

public sealed class PayloadBodyTests
{
    private const string Text = "# HELP c What.\n# TYPE c counter\nc{zone=\"x\"} 1\nc{zone=\"y\"} 2\n# TYPE g gauge\ng 3\n";

    [Fact]
    public void The_directory_says_what_there_is_without_a_message_being_read()
    {
        PushRequest request = PushHost.Request("job=j", Text, PushVerb.Post, PushMode.Sum);
        byte[] stored = new PayloadMerge(request, PayloadBody.Empty, inheritsStarts: false, nowMs: 1_764_000_000_123).Merge()!;

        PayloadBody body = PayloadBody.Parse(stored);

        Assert.Equal(PayloadBody.Plain, stored[0]);
        Assert.Equal(["c Counter 0+2 2 1764000000123", "g Gauge 2+1 1 1764000000123"], body.Families.Select(family =>
            FormattableString.Invariant($"{family.Name} {family.Type} {family.FirstMetric}+{family.Metrics} {family.Series} {family.PushMs}")));
        Assert.Equal(request.Families.Hashes.ToArray(), Enumerable.Range(0, body.Metrics).Select(body.Hash));
        Assert.Equal([true, true, false], Enumerable.Range(0, body.Metrics).Select(body.IsStart));
        Assert.True(body.HasStarts);
        Assert.Equal(3, body.Series);
        Assert.Equal(stored.Length - 1, body.Length);
    }

    [Fact]
    public void The_same_push_gives_the_same_bytes()
    {
        byte[] Merge() => new PayloadMerge(PushHost.Request("job=j", Text), PayloadBody.Empty, inheritsStarts: false, nowMs: 5).Merge()!;

        Assert.Equal(Merge(), Merge());
    }

    [Fact]
    public void From_a_kibibyte_on_a_payload_is_packed()
    {
        string many = string.Concat(Enumerable.Range(0, 100).Select(i => $"# TYPE m{i} gauge\nm{i}{{zone=\"abcdefgh\"}} {i}\n"));

        byte[] stored = new PayloadMerge(PushHost.Request("job=j", many), PayloadBody.Empty, inheritsStarts: false, nowMs: 5).Merge()!;

        Assert.Equal(PayloadBody.Packed, stored[0]);
        PayloadBody body = PayloadBody.Parse(stored);
        Assert.True(body.Length > stored.Length && body.Length >= PayloadBody.PackFrom);
        MetricFamilies families = new();
        body.ReadInto(families);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (double)i), families.Metrics.ToArray().Select(metric => metric.Value));
    }

    [Fact]
    public void A_row_that_was_cut_or_is_of_another_version_is_an_error_and_no_other_payload()
    {
        byte[] stored = new PayloadMerge(PushHost.Request("job=j", Text), PayloadBody.Empty, inheritsStarts: false, nowMs: 5).Merge()!;
        for (int length = 0; length < stored.Length; length++)
        {
            byte[] cut = stored[..length];
            Assert.Throws<UnreadablePayloadException>(() => PayloadBody.Parse(cut));
        }

        byte[] longer = [.. stored, 0];
        Assert.Throws<UnreadablePayloadException>(() => PayloadBody.Parse(longer));
        byte[] other = [3, .. stored[1..]];
        Assert.Contains("version 3", Assert.Throws<UnreadablePayloadException>(() => PayloadBody.Parse(other)).Message, StringComparison.Ordinal);
    }

    /// <summary>
    /// Whatever byte is changed, reading it fails in one way, or what the group holds at the catalog (names, types, series) is what it was.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_changed_byte_makes_it_hold_something_else(bool isPacked)
    {
        string text = "# HELP h What.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 3\ns_count 2\n"
            + string.Concat(Enumerable.Range(0, isPacked ? 30 : 3).Select(i => $"# TYPE m{i} counter\nm{i}{{zone=\"abcdefgh\"}} {i}\n"));
        byte[] stored = new PayloadMerge(PushHost.Request("job=j", text), PayloadBody.Empty, inheritsStarts: false, nowMs: 5).Merge()!;
        Assert.Equal(isPacked ? PayloadBody.Packed : PayloadBody.Plain, stored[0]);
        MetricFamilies families = new();
        Assert.Null(PayloadBody.Parse(stored).FindFault(families));
        string[] held = [.. HeldBy(PayloadBody.Parse(stored))];
        int believed = 0;

        for (int i = 0; i < stored.Length; i++)
        {
            foreach (byte change in (byte[])[1, 0x20, 0x80, 0xFF])
            {
                byte[] changed = [.. stored];
                changed[i] ^= change;
                if (TryParse(changed) is { } body && body.FindFault(families) is null)
                {
                    believed++;
                    Assert.Equal(held, HeldBy(body));
                }
            }
        }

        // Values and start bits have nothing that tells.
        Assert.InRange(believed, 1, stored.Length * 2);
    }

    [Theory]
    [InlineData("02FFFFFFFF0F00")] // states four gigabytes
    [InlineData("02")]
    [InlineData("01FFFFFFFF07")] // two milliards of families
    [InlineData("01FFFFFFFFFFFFFFFFFF01")]
    [InlineData("0101FFFFFFFF0761")] // a name of two gigabytes
    public void Whatever_it_states_is_looked_at_before_it_is_believed(string hex) =>
        Assert.Throws<UnreadablePayloadException>(() => PayloadBody.Parse(Convert.FromHexString(hex)));

    private static PayloadBody? TryParse(byte[] stored)
    {
        try
        {
            return PayloadBody.Parse(stored);
        }
        catch (UnreadablePayloadException)
        {
            return null;
        }
    }

    private static IEnumerable<string> HeldBy(PayloadBody body) => body.Families.Select(family => $"{family.Name} {family.Type}")
        .Concat(Enumerable.Range(0, body.Metrics).Select(metric => Convert.ToHexString(body.SeriesOf(metric).Span)));
}
