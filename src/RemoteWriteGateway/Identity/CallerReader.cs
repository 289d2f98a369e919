using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// Makes a <see cref="Caller"/> of the payload of a token whose signature, lifetime, audience and issuer were found good.
/// </summary>
internal sealed class CallerReader(EntraDirectory directory)
{
    private const int MaxDisplayNameLength = 256;

    /// <summary>A facet of an agent identity, and of an agent's own user account.</summary>
    private const string AgentFacet = "11";
    private const string AgentUserFacet = "13";

    private readonly Refusal _notAnAccessToken = IdentityRefusals.NotAnAccessToken(directory);

    /// <summary>Checks that the claims fit together, and reads them.</summary>
    /// <param name="payload">The JSON of the payload, as UTF-8. Not kept.</param>
    /// <param name="keyId">The header's <c>kid</c>.</param>
    /// <param name="tokenHash">First half of the token's fingerprint; empty where there is no token.</param>
    /// <param name="caller">Who is calling, if nothing is wrong.</param>
    /// <param name="refusal">What is wrong.</param>
    public bool TryRead(
        ReadOnlySpan<byte> payload,
        string keyId,
        ImmutableArray<byte> tokenHash,
        [NotNullWhen(true)] out Caller? caller,
        [NotNullWhen(false)] out Refusal? refusal)
    {
        caller = null;
        if (TokenClaims.Read(payload) is not { Issuer: { } issuer, ExpiresAt: { } expiresAt } claims
            || VersionOf(claims.Version) is not { } version
            || version != EntraDirectory.VersionOf(issuer)
            || !Guid.TryParseExact(claims.Directory, "D", out Guid tid)
            || !Guid.TryParseExact(claims.ObjectId, "D", out Guid oid))
        {
            refusal = IdentityRefusals.ClaimsInconsistent;
            return false;
        }

        if (tid != directory.Id)
        {
            refusal = IdentityRefusals.DirectoryNotAllowed;
            return false;
        }

        string? client = version == TokenVersion.V2 ? claims.Azp : claims.AppId;
        if (client is null || claims.HasIdTokenClaims || claims.IdTyp is not (null or "app" or "user"))
        {
            refusal = _notAnAccessToken;
            return false;
        }

        if (!Guid.TryParseExact(client, "D", out Guid clientId))
        {
            refusal = IdentityRefusals.ClaimsInconsistent;
            return false;
        }

        (CallerKind kind, bool onBehalfOfUser) = KindOf(claims);
        refusal = null;
        caller = new Caller
        {
            Kind = kind,
            OnBehalfOfUser = onBehalfOfUser,
            Directory = tid,
            ObjectId = oid,
            Client = clientId,
            ClientAuth = ClientAuthOf(version == TokenVersion.V2 ? claims.AzpAcr : claims.AppIdAcr),
            Roles = claims.Roles,
            Scopes = claims.Scopes,
            Groups = claims.HasMoreGroups ? [] : claims.Groups,
            GroupsUnknown = claims.HasMoreGroups,
            DisplayName = ForDisplay(claims.PreferredUsername ?? claims.Upn ?? claims.UniqueName ?? claims.Name),
            AgentParent = ForDisplay(claims.AgentParent),
            TokenId = claims.TokenId,
            KeyId = keyId,
            TokenVersion = version,
            TokenHash = tokenHash,

            // Without it a token counts as issued before everything, so that every rule about its age refuses it.
            IssuedAt = claims.IssuedAt ?? DateTimeOffset.UnixEpoch,
            ExpiresAt = expiresAt,
            TakesClaimsChallenge = claims.ClientCapabilities.Contains("cp1", StringComparer.Ordinal),
            HasIdTyp = claims.IdTyp is not null,
        };
        return true;
    }

    /// <summary>Who a token stands for, first match: facets of agents, then <c>idtyp</c>, then a delegated scope.</summary>
    private static (CallerKind Kind, bool OnBehalfOfUser) KindOf(TokenClaims claims)
    {
        bool isUserToken = claims.IdTyp is { } idtyp ? idtyp == "user" : !claims.Scopes.IsEmpty;
        bool isSubjectAgent = claims.SubjectFacets.Contains(AgentFacet) || claims.SubjectFacets.Contains(AgentUserFacet);
        if (isSubjectAgent || claims.ActorFacets.Contains(AgentFacet))
        {
            return (CallerKind.Agent, !isSubjectAgent && isUserToken);
        }

        return (isUserToken ? CallerKind.User : CallerKind.App, false);
    }

    private static TokenVersion? VersionOf(string? text) => text switch
    {
        "1.0" => TokenVersion.V1,
        "2.0" => TokenVersion.V2,
        _ => null,
    };

    /// <summary>Absent or unheard-of counts as the weakest.</summary>
    private static ClientAuth ClientAuthOf(string? acr) => acr switch
    {
        "1" => ClientAuth.Secret,
        "2" => ClientAuth.Assertion,
        _ => ClientAuth.Public,
    };

    /// <summary>Without control characters, and cut, not within a surrogate pair.</summary>
    private static string? ForDisplay(string? text)
    {
        if (text is null)
        {
            return null;
        }

        var display = new StringBuilder(Math.Min(text.Length, MaxDisplayNameLength));
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Rune.IsControl(rune))
            {
                continue;
            }

            if (display.Length + rune.Utf16SequenceLength > MaxDisplayNameLength)
            {
                break;
            }

            display.Append(rune.ToString());
        }

        return display.ToString();
    }
}
