using System.Text;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.EntraEmulator;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>The header that says what to do about a refusal.</summary>
public sealed class ChallengeTests
{
    private static readonly Caller Caller = new()
    {
        Kind = CallerKind.User,
        Directory = Guid.Empty,
        ObjectId = Guid.Empty,
        Client = Guid.Empty,
        ClientAuth = ClientAuth.Public,
        KeyId = "k",
        TokenVersion = TokenVersion.V2,
        IssuedAt = DateTimeOffset.UnixEpoch,
        ExpiresAt = DateTimeOffset.UnixEpoch,
    };

    [Fact]
    public void What_is_forbidden_names_the_scope_to_ask_for()
    {
        Challenges challenges = new(new EntraDirectory(
            new EntraOptions { TenantId = EmulatorHost.DirectoryId, ClientId = EmulatorHost.Gateway }, acceptsEmulator: false));

        Assert.Equal(
            "Bearer realm=\"remote-write-gateway\", error=\"insufficient_scope\", scope=\"api://aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee/.default\"",
            challenges.InsufficientScope);
    }

    [Fact]
    public void A_client_that_takes_claims_challenges_is_asked_for_a_token_issued_from_now_on()
    {
        DateTimeOffset now = DateTimeOffset.FromUnixTimeSeconds(1_790_000_000);

        string plain = Challenges.NewTokenNeeded(Caller, "revoked", now);
        string challenge = Challenges.NewTokenNeeded(Caller with { TakesClaimsChallenge = true }, "revoked", now);

        Assert.Equal("Bearer realm=\"remote-write-gateway\", error=\"invalid_token\", error_description=\"revoked\"", plain);
        const string Start = "Bearer realm=\"remote-write-gateway\", error=\"insufficient_claims\", claims=\"";
        Assert.StartsWith(Start, challenge, StringComparison.Ordinal);
        Assert.Equal(
            """{"access_token":{"nbf":{"essential":true,"value":"1790000000"}}}""",
            Encoding.ASCII.GetString(Convert.FromBase64String(challenge[Start.Length..^1])));
    }
}
