using System.Collections.Immutable;
using RemoteWriteGateway.Tenancy;
using static RemoteWriteGateway.Tests.Tenancy.TestCaller;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class RevocationInputTests
{
    private const string Subject = "0f0f0f0f-1111-4222-8333-444444444444";

    [Fact]
    public void What_is_good_is_read_in_one_spelling()
    {
        Assert.Equal(
            new Revocation(RevocationKind.Subject, Subject, Now.AddHours(-1), Now.AddDays(1), "INC-42"),
            Read("subject", Subject.ToUpperInvariant(), Now.AddHours(-1).ToOffset(TimeSpan.FromHours(1)), Now.AddDays(1), "  INC-42 "));
        Assert.Equal(new Revocation(RevocationKind.Token, "AbC-_.d", null, null, "r"), Read("token", "AbC-_.d", null, null, "r"));
    }

    [Theory]
    [InlineData(null, Subject, false, "r", "kind: is missing; expected subject, client, token, key")]
    [InlineData("Subject", Subject, false, "r", "kind: expected subject, client, token, key")]
    [InlineData("0", Subject, false, "r", "kind: expected subject, client, token, key")]
    [InlineData("subject", null, false, "r", "value: expected the object id, a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("subject", "ann@example.org", false, "r", "value: expected the object id, a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("subject", "00000000-0000-0000-0000-000000000000", false, "r", "value: expected the object id, a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("client", "{0f0f0f0f-1111-4222-8333-444444444444}", false, "r", "value: expected the client id, a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("token", "", false, "r", "value: expected the token's uti: 1 to 256 printable ASCII characters without spaces")]
    [InlineData("key", "a b", false, "r", "value: expected the token's kid: 1 to 256 printable ASCII characters without spaces")]
    [InlineData("key", "a\nb", false, "r", "value: expected the token's kid: 1 to 256 printable ASCII characters without spaces")]
    [InlineData("key", "ключ", false, "r", "value: expected the token's kid: 1 to 256 printable ASCII characters without spaces")]
    [InlineData("subject", Subject, true, "r", "until: is in the past: the revocation would refuse nobody")]
    [InlineData("subject", Subject, false, null, "reason: is missing; say why, for whoever reads the audit")]
    [InlineData("subject", Subject, false, " \t ", "reason: is missing; say why, for whoever reads the audit")]
    [InlineData("subject", Subject, false, "a\u0007b", "reason: has control characters; write one line")]
    public void What_is_wrong_is_named_and_not_repeated(string? kind, string? value, bool isOver, string? reason, string expected) =>
        Assert.Equal([expected], Faults(kind, value, isOver ? Now : null, reason));

    [Fact]
    public void Everything_that_is_wrong_is_told_at_once() => Assert.Equal(
        ["kind", "until", "reason"],
        Faults("who", "?", Now.AddDays(-1), new string('r', 1001)).Select(fault => fault.Split(':')[0]));

    [Theory]
    [InlineData(1000, 256, true)]
    [InlineData(1001, 256, false)]
    [InlineData(1000, 257, false)]
    public void Texts_have_limits(int reason, int value, bool isGood) =>
        Assert.Equal(isGood, Faults("token", new string('v', value), null, new string('r', reason)).Length == 0);

    private static Revocation? Read(string? kind, string? value, DateTimeOffset? issuedBefore, DateTimeOffset? until, string? reason)
    {
        Assert.True(RevocationInput.TryRead(kind, value, issuedBefore, until, reason, Now, out Revocation? revocation, out ImmutableArray<InputFault> faults));
        Assert.Empty(faults);
        return revocation;
    }

    private static string[] Faults(string? kind, string? value, DateTimeOffset? until, string? reason)
    {
        bool isRead = RevocationInput.TryRead(kind, value, null, until, reason, Now, out Revocation? revocation, out ImmutableArray<InputFault> faults);
        Assert.Equal((faults.IsEmpty, isRead), (revocation is not null, revocation is not null));
        return [.. faults.Select(fault => $"{fault.Key}: {fault.Message}")];
    }
}
