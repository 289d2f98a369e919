using System.Text;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;

namespace RemoteWriteGateway.Tests.Audit;

public sealed class RecordCapsTests
{
    [Fact]
    public void A_record_within_its_caps_stays_as_it_is()
    {
        AuditRecord record = AuditRecords.Full();

        Assert.Equal(record, RecordCaps.Apply(record));
        Assert.Same(record.Caller, RecordCaps.Apply(record).Caller);
    }

    // In the test and not its data: a lone surrogate does not survive there.
    [Fact]
    public void What_no_database_stores_is_replaced()
    {
        foreach ((string text, string stored) in new[]
        {
            ("a\0b", "a\uFFFDb"), ("a\uD800b", "a\uFFFDb"), ("a\uDC00", "a\uFFFD"), ("\uD800", "\uFFFD"), ("\uDC00\uD800", "\uFFFD\uFFFD"),
            ("🐳\uD83D", "🐳\uFFFD"), ("\r\n\t\u0001", "\r\n\t\u0001"),
        })
        {
            AuditRecord capped = RecordCaps.Apply(AuditRecords.Bare() with { UserAgent = text, Bindings = [text], QueryText = text });

            Assert.Equal((stored, stored, stored), (capped.UserAgent, capped.Bindings[0], capped.QueryText));
        }
    }

    [Theory]
    [InlineData("a", 512)]
    [InlineData("é", 512)]
    [InlineData("🐳", 512)]
    [InlineData("xé", 512)]
    public void Text_is_cut_at_a_character_by_its_bytes(string piece, int cap)
    {
        string text = string.Concat(Enumerable.Repeat(piece, cap));

        string cut = RecordCaps.Apply(AuditRecords.Bare() with { UserAgent = text }).UserAgent!;

        int bytes = Encoding.UTF8.GetByteCount(cut);
        Assert.InRange(bytes, cap - 3, cap);
        Assert.StartsWith(cut, text, StringComparison.Ordinal);
        Assert.DoesNotContain('\uFFFD', cut);
    }

    [Fact]
    public void A_query_is_cut_at_8_KiB()
    {
        Assert.Equal(8192, RecordCaps.Apply(AuditRecords.Bare() with { QueryText = new string('q', 9000) }).QueryText!.Length);
        Assert.Equal(8192, RecordCaps.Apply(AuditRecords.Bare() with { QueryText = new string('q', 8192) }).QueryText!.Length);
    }

    [Fact]
    public void An_object_that_is_too_long_is_replaced_and_not_cut() => Assert.Equal(
        """{"omittedBytes":70005}""", RecordCaps.Apply(AuditRecords.Bare() with { Detail = $"[\"{new string('x', 70_000)}\" ]"[..^1] + "]" }).Detail);

    [Fact]
    public void A_callers_texts_are_capped_as_well()
    {
        AuditCaller hostile = new()
        {
            Directory = Guid.NewGuid(), ObjectId = Guid.NewGuid(), Kind = "user", Client = Guid.NewGuid(), ClientAuth = "public", TokenVersion = "2.0",
            IssuedAt = AuditRecords.Start, ExpiresAt = AuditRecords.Start,
            KeyId = "k\0", Name = new string('n', 5000), TokenId = "\uD800", Roles = ["\0", "ok"], Scopes = [new string('s', 600)],
        };

        AuditCaller capped = RecordCaps.Apply(AuditRecords.Bare() with { Caller = hostile }).Caller!;

        Assert.Equal(("k\uFFFD", 1024, "\uFFFD", 512), (capped.KeyId, capped.Name!.Length, capped.TokenId, capped.Scopes[0].Length));
        Assert.Equal(["\uFFFD", "ok"], capped.Roles);
    }
}
