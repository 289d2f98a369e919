using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;
using static RemoteWriteGateway.Tests.Tenancy.TestCaller;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class RevocationListTests
{
    [Theory]
    [InlineData("subject: 0f0f0f0f-1111-4222-8333-444444444444", true)]
    [InlineData("subject: 0F0F0F0F-1111-4222-8333-444444444444", true)]
    [InlineData("subject: 99999999-0000-4000-8000-000000000001", false)]
    [InlineData("client: 99999999-0000-4000-8000-000000000001", true)]
    [InlineData("client: 0f0f0f0f-1111-4222-8333-444444444444", false)]
    [InlineData("token: token-1", true)]
    [InlineData("token: Token-1", false)]
    [InlineData("token: key-1", false)]
    [InlineData("key: key-1", true)]
    [InlineData("key: token-1", false)]
    public void Each_kind_refuses_those_it_names(string named, bool isRevoked) =>
        Assert.Equal(isRevoked ? "revoked" : null, Check($"{{ {named}, reason: INC-42 }}", App()));

    // The token was issued at 11:55, and it is 12:00.
    [Theory]
    [InlineData("issuedBefore: 2026-11-24T11:55:01Z", true)]
    [InlineData("issuedBefore: 2026-11-24T11:55:00Z", false)]
    [InlineData("until: 2026-11-24T12:00:01Z", true)]
    [InlineData("until: 2026-11-24T12:00:00Z", false)]
    [InlineData("issuedBefore: 2026-11-24T11:55:01Z, until: 2026-11-24T12:00:00Z", false)]
    public void Its_times_limit_whom_and_how_long_it_refuses(string times, bool isRevoked)
    {
        foreach (string named in (string[])["subject: 0f0f0f0f-1111-4222-8333-444444444444", "client: 99999999-0000-4000-8000-000000000001", "token: token-1", "key: key-1"])
        {
            Assert.Equal(isRevoked ? "revoked" : null, Check($"{{ {named}, {times}, reason: INC-42 }}", App()));
        }
    }

    [Fact]
    public void One_that_has_ended_does_not_hide_one_that_has_not() => Assert.Equal(
        "revoked",
        Check("{ token: token-1, until: 2026-11-24T11:00:00Z, reason: old }, { token: token-1, reason: new }", App()));

    [Fact]
    public void An_agent_for_a_human_is_refused_with_either()
    {
        Assert.Equal("revoked", Check($"{{ subject: {Ann}, reason: r }}", AgentForAnn()));
        Assert.Equal("revoked", Check($"{{ client: {Bot}, reason: r }}", AgentForAnn()));
    }

    [Fact]
    public void A_token_without_an_id_is_not_the_one_that_is_named() =>
        Assert.Null(Check("{ token: token-1, reason: r }", App() with { TokenId = null }));

    [Fact]
    public void A_revocation_comes_before_the_rules_for_tokens() =>
        Assert.Equal("revoked", Check($"{{ subject: {Ann}, reason: r }}", User() with { Scopes = [] }));

    [Theory]
    [InlineData("{ token: token-1, reason: file }", "subject", "99999999-0000-4000-8000-000000000001")]
    [InlineData("{ token: token-2, reason: file }", "subject", "0f0f0f0f-1111-4222-8333-444444444444")]
    public void One_of_the_file_and_one_of_the_catalog_each_suffice(string inFile, string kind, string value)
    {
        RevocationList catalog = new([new Revocation(Enum.Parse<RevocationKind>(kind, ignoreCase: true), value, null, null, "catalog")]);

        Assert.Equal("revoked", PolicyEvaluator.CheckToken(TestPolicy.Of("", revocations: $"[ {inFile} ]"), App(), Now, catalog));
        Assert.Equal("revoked", PolicyEvaluator.CheckValidity(TestPolicy.Of("", revocations: $"[ {inFile} ]"), App(), Now, catalog));
    }

    [Fact]
    public void An_ended_one_of_the_file_does_not_hide_one_of_the_catalog()
    {
        RevocationList catalog = new([new Revocation(RevocationKind.Token, "token-1", null, null, "catalog")]);

        Assert.Equal("revoked", PolicyEvaluator.CheckToken(
            TestPolicy.Of("", revocations: "[ { token: token-1, until: 2026-11-24T11:00:00Z, reason: old } ]"), App(), Now, catalog));
    }

    [Fact]
    public void Looking_for_a_caller_in_a_long_list_allocates_nothing()
    {
        RevocationList catalog = new(
        [
            .. Enumerable.Range(0, 1000).Select(i => new Revocation((RevocationKind)(i % 4), i % 4 < 2 ? Guid.NewGuid().ToString("D") : $"other-{i}", null, null, "r")),
            new Revocation(RevocationKind.Subject, App().ObjectId.ToString("D"), Now.AddDays(-1), null, "long ago"),
        ]);
        PolicySnapshot policy = TestPolicy.Of("", revocations: "[ { token: token-2, reason: file } ]");
        Caller caller = App();
        Assert.Null(PolicyEvaluator.CheckToken(policy, caller, Now, catalog));

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            _ = PolicyEvaluator.CheckToken(policy, caller, Now, catalog);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static string? Check(string revocations, Caller caller) =>
        PolicyEvaluator.CheckToken(TestPolicy.Of("", revocations: $"[ {revocations} ]"), caller, Now);
}
