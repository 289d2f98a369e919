using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Tests.Push.Storage;

public sealed class GroupKeyTests
{
    private static readonly StampOptions Options = new() { TenantLabel = "tenant", TenantValue = "ours", ReservedLabels = ["cluster"] };

    [Fact]
    public void The_order_of_labels_and_empty_ones_make_no_other_group()
    {
        GroupKey key = Key(Options, ("job", "j"), ("zone", "x"));

        Assert.Equal(16, key.Bytes.Length);
        Assert.Equal(key.Bytes, Key(Options, ("zone", "x"), ("instance", ""), ("job", "j")).Bytes);
        Assert.NotEqual(key.Bytes, Key(Options, ("job", "j")).Bytes);
        Assert.NotEqual(key.Bytes, Key(Options, ("job", "jzone"), ("", "x")).Bytes);
        Assert.NotEqual(Key(Options, ("a", "bc")).Bytes, Key(Options, ("ab", "c")).Bytes);
    }

    /// <summary>Other replicas and later programs must find the same rows.</summary>
    [Fact]
    public void The_bytes_of_a_key_are_for_ever() =>
        Assert.Equal("BE86A262E73125474DB0CC6301AE6CAE", Convert.ToHexString(Key(Options, ("job", "nightly"), ("instance", "ä")).Bytes));

    [Fact]
    public void The_spelling_keeps_empty_labels_and_any_text()
    {
        GroupKey key = Key(Options, ("job", "a\"b/ü\n"), ("instance", ""));

        Assert.Equal("""{"instance":"","job":"a\"b/ü\n"}""", key.LabelsJson);
        GroupKey stored = GroupKey.Stored(key.Bytes, key.LabelsJson);
        Assert.Equal(key.Spelling, stored.Spelling);
        Assert.Equal([KeyValuePair.Create("job", "a\"b/ü\n")], stored.Labels);
        Assert.Equal(key.LabelsJson, stored.LabelsJson);
    }

    [Fact]
    public void What_the_stamp_takes_away_names_no_group()
    {
        GroupKey key = Key(Options, ("job", "j"), ("tenant", "theirs"), ("cluster", "c"), ("vm_account_id", "7"));

        Assert.Equal(Key(Options, ("job", "j")).Bytes, key.Bytes);
        Assert.Equal("""{"job":"j"}""", key.LabelsJson);
    }

    [Fact]
    public void A_writers_tenant_may_be_kept_under_another_name()
    {
        StampOptions keep = Options with { KeepWriterTenant = true };

        Assert.Equal("""{"exported_tenant":"theirs","job":"j"}""", Key(keep, ("job", "j"), ("tenant", "theirs")).LabelsJson);
        Assert.Equal(
            """{"exported_exported_tenant":"theirs","exported_tenant":"x","job":"j"}""",
            Key(keep, ("job", "j"), ("tenant", "theirs"), ("exported_tenant", "x")).LabelsJson);
        Assert.Equal(
            """{"exported_tenant":"theirs","job":"j"}""", Key(keep, ("job", "j"), ("tenant", "theirs"), ("exported_tenant", "")).LabelsJson);
    }

    [Theory]
    [InlineData("tenant", "x", "reserved-label")]
    [InlineData("cluster", "x", "reserved-label")]
    [InlineData("abcdefghi", "x", "label-name-too-long")]
    [InlineData("zone", "ääääää", "label-value-too-long")]
    [InlineData("zö", "x", "label-name-invalid")]
    public void A_path_beyond_the_rules_is_refused(string name, string value, string reason)
    {
        StampOptions strict = Options with
        {
            RefuseReservedLabels = true, MaxLabelNameBytes = 8, MaxLabelValueBytes = 11, NameScheme = NameScheme.Legacy,
        };

        Assert.False(GroupKey.TryCreate([KeyValuePair.Create("job", "j"), KeyValuePair.Create(name, value)], strict, out _, out PushRefusal? refusal));
        Assert.Equal(reason, refusal!.Reason);
    }

    private static GroupKey Key(StampOptions options, params (string Name, string Value)[] labels)
    {
        Assert.True(GroupKey.TryCreate(labels.Select(label => KeyValuePair.Create(label.Name, label.Value)), options, out GroupKey key, out PushRefusal? refusal), refusal?.Text);
        return key;
    }
}
