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
            Assert.Throws<InvalidDataException>(() => PayloadBody.Parse(cut));
        }

        byte[] longer = [.. stored, 0];
        Assert.Throws<InvalidDataException>(() => PayloadBody.Parse(longer));
        byte[] other = [3, .. stored[1..]];
        Assert.Contains("version 3", Assert.Throws<InvalidDataException>(() => PayloadBody.Parse(other)).Message, StringComparison.Ordinal);
    }
}
