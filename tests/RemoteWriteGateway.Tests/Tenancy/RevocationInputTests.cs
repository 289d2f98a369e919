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
            Read("subject", Subject.ToUpperInvariant(), "2026-11-24T12:00:00+01:00", "2026-11-25T12:00:00Z", "  INC-42 "));
        Assert.Equal(new Revocation(RevocationKind.Token, "AbC-_.d", null, null, "r"), Read("token", "AbC-_.d", null, null, "r"));
    }

    [Theory]
    [InlineData(null, Subject, null, null, "r", "kind: is missing; expected subject, client, token or key")]
    [InlineData("Subject", Subject, null, null, "r", "kind: expected subject, client, token or key")]
    [InlineData("0", Subject, null, null, "r", "kind: expected subject, client, token or key")]
    [InlineData("subject", null, null, null, "r", "value: expected the object id, a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("subject", "ann@example.org", null, null, "r", "value: expected the object id, a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("subject", "00000000-0000-0000-0000-000000000000", null, null, "r", "value: expected the object id, a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("client", "{0f0f0f0f-1111-4222-8333-444444444444}", null, null, "r", "value: expected the client id, a GUID such as 11111111-2222-4333-8444-555555555555")]
    [InlineData("token", "", null, null, "r", "value: expected the token's uti: 1 to 256 printable ASCII characters without spaces")]
    [InlineData("key", "a b", null, null, "r", "value: expected the token's kid: 1 to 256 printable ASCII characters without spaces")]
    [InlineData("key", "a\nb", null, null, "r", "value: expected the token's kid: 1 to 256 printable ASCII characters without spaces")]
    [InlineData("key", "ключ", null, null, "r", "value: expected the token's kid: 1 to 256 printable ASCII characters without spaces")]
    [InlineData("subject", Subject, "yesterday", null, "r", "issuedBefore: expected a time with offset, such as 2027-01-31T00:00:00Z, with at most 6 digits of a second")]
    [InlineData("subject", Subject, "2026-11-24T12:00:00", null, "r", "issuedBefore: expected a time with offset, such as 2027-01-31T00:00:00Z, with at most 6 digits of a second")]
    [InlineData("subject", Subject, "2026-11-24T12:00:00.1234567Z", null, "r", "issuedBefore: expected a time with offset, such as 2027-01-31T00:00:00Z, with at most 6 digits of a second")]
    [InlineData("subject", Subject, null, "2026-11-24T12:00:00Z", "r", "until: is in the past: the revocation would refuse nobody")]
    [InlineData("subject", Subject, null, null, null, "reason: is missing; say why, for whoever reads the audit")]
    [InlineData("subject", Subject, null, null, " \t ", "reason: is missing; say why, for whoever reads the audit")]
    [InlineData("subject", Subject, null, null, "a\u0007b", "reason: has control characters; write one line")]
    public void What_is_wrong_is_named_and_not_repeated(string? kind, string? value, string? issuedBefore, string? until, string? reason, string expected) =>
        Assert.Equal([expected], Faults(kind, value, issuedBefore, until, reason));

    [Fact]
    public void Everything_that_is_wrong_is_told_at_once() => Assert.Equal(
        ["kind", "issuedBefore", "until", "reason"],
        Faults("who", "?", "x", "y", new string('r', 1001)).Select(fault => fault.Split(':')[0]));

    [Theory]
    [InlineData(1000, 256, true)]
    [InlineData(1001, 256, false)]
    [InlineData(1000, 257, false)]
    public void Texts_have_limits(int reason, int value, bool isGood) =>
        Assert.Equal(isGood, Faults("token", new string('v', value), null, null, new string('r', reason)).Length == 0);

    private static Revocation? Read(string? kind, string? value, string? issuedBefore, string? until, string? reason)
    {
        Assert.True(RevocationInput.TryRead(kind, value, issuedBefore, until, reason, Now, out Revocation? revocation, out ImmutableArray<InputFault> faults));
        Assert.Empty(faults);
        return revocation;
    }

    private static string[] Faults(string? kind, string? value, string? issuedBefore, string? until, string? reason)
    {
        bool isRead = RevocationInput.TryRead(kind, value, issuedBefore, until, reason, Now, out Revocation? revocation, out ImmutableArray<InputFault> faults);
        Assert.Equal((faults.IsEmpty, isRead), (revocation is not null, revocation is not null));
        return [.. faults.Select(fault => $"{fault.Key}: {fault.Message}")];
    }
}
