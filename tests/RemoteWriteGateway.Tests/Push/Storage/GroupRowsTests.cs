using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>When a changed group is due, as a function of the row and the time.</summary>
public sealed class GroupRowsTests
{
    private static readonly TimeSpan Gap = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(null, null, 50_000, 50_000)] // never written: at once
    [InlineData(49_800L, null, 50_000, 50_800)] // written 200 ms ago: when the gap is over
    [InlineData(49_800L, 50_300L, 50_000, 50_300)] // never later than it was due anyway
    [InlineData(10_000L, 70_000L, 50_000, 50_000)] // but a refresh to come does not put it off
    [InlineData(60_000L, null, 50_000, 51_000)] // the clock went back ten seconds: nobody waits for it to catch up
    [InlineData(60_000L, 60_500L, 50_000, 51_000)]
    public void A_change_is_due_at_once_or_when_the_gap_is_over(long? lastWriteMs, long? nextEmitMs, long nowMs, long expected)
    {
        StoredGroup row = new() { Key = PushHost.Key("job=j").Bytes, Labels = "{}", Generation = 1, ChangedMs = 1, LastWriteMs = lastWriteMs, NextEmitMs = nextEmitMs };

        StoredGroup pushed = GroupRows.Pushed(row, PushHost.Request("job=j", ""), PayloadBody.Empty, isSame: false, nowMs, Gap);

        Assert.Equal((expected, nowMs, nowMs, nowMs, 2), (pushed.NextEmitMs, pushed.PushMs, pushed.ChangedMs, pushed.DirtySinceMs, pushed.Generation));
        Assert.Equal(expected, GroupRows.Refused(row, "series-duplicate", nowMs, Gap).NextEmitMs);
        Assert.Equal(expected, GroupRows.Deleted(row, nowMs, Gap).NextEmitMs);
    }

    [Fact]
    public void The_oldest_change_that_is_not_written_stays_the_oldest()
    {
        StoredGroup row = new() { Labels = "{}", ChangedMs = 7, DirtySinceMs = 5 };

        Assert.Equal(5, GroupRows.Refused(row, "series-duplicate", 9, Gap).DirtySinceMs);
    }

    /// <summary>A number with another digit must not have every push of the tenant wait for its usage row.</summary>
    [Fact]
    public void Bytes_are_counted_in_steps()
    {
        StoredGroup row = new() { Labels = "{}" };
        int BytesOf(string text) => GroupRows.Pushed(
            row,
            PushHost.Request("job=j", text),
            PayloadBody.Parse(new PayloadMerge(PushHost.Request("job=j", text), PayloadBody.Empty, inheritsStarts: false, 5).Merge()!),
            isSame: false,
            9,
            Gap).Bytes;

        Assert.Equal(256, BytesOf("a 1\n"));
        Assert.Equal(256, BytesOf("abcdefgh 1\n"));
        Assert.Equal(512, BytesOf(string.Concat(Enumerable.Range(0, 5).Select(i => $"a{i}{{zone=\"abcdefgh\"}} 1\n"))));
    }
}
