using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Primitives;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// The way of a token, in the events of the one bearer scheme. A refusal is left in the request's features, for whoever writes the answer.
/// <list type="number">
/// <item>Exactly one <c>Authorization: Bearer</c>, of bounded length. Query string and cookies are never looked at.</item>
/// <item>There are signing keys, and they are not stale.</item>
/// <item>A token that was validated a short time ago is answered from the cache.</item>
/// <item>The header says what we accept, before any cryptography.</item>
/// <item>Its key is known, or is learned; then Microsoft.Identity.Web and IdentityModel validate.</item>
/// <item>What they refuse becomes one of our reasons.</item>
/// <item>What they accept must be consistent, of our directory, and an access token; it becomes a <see cref="Caller"/>.</item>
/// </list>
/// </summary>
internal sealed class EntraAuthentication(
    EntraDirectory directory, MetadataSnapshots keys, TokenCache cache, CallerReader callers, TimeProvider time)
{
    private const string BearerPrefix = "Bearer ";

    private readonly Refusal _wrongAudience = IdentityRefusals.WrongAudience(directory);
    private readonly Refusal _tokenExpired = IdentityRefusals.TokenExpired(directory);
    private readonly Refusal _tokenNotYetValid = IdentityRefusals.TokenNotYetValid(directory);

    /// <summary>Puts these steps around the events that are there already (Microsoft.Identity.Web's own).</summary>
    public void Attach(JwtBearerEvents events)
    {
        Func<MessageReceivedContext, Task> received = events.OnMessageReceived;
        Func<AuthenticationFailedContext, Task> failed = events.OnAuthenticationFailed;
        Func<TokenValidatedContext, Task> validated = events.OnTokenValidated;
        events.OnMessageReceived = context => ReceiveAsync(context, received);
        events.OnAuthenticationFailed = context => FailAsync(context, failed);
        events.OnTokenValidated = context => AcceptAsync(context, validated);
    }

    /// <summary>IdentityModel's rules of a token's lifetime, by our clock.</summary>
    public bool IsLifetimeValid(DateTime? notBefore, DateTime? expires, SecurityToken token, TokenValidationParameters parameters)
    {
        DateTime now = time.GetUtcNow().UtcDateTime;
        return expires is not { } until ? throw new SecurityTokenNoExpirationException()
            : notBefore > until ? throw new SecurityTokenInvalidLifetimeException()
            : notBefore > now + directory.ClockSkew ? throw new SecurityTokenNotYetValidException()
            : until < now - directory.ClockSkew ? throw new SecurityTokenExpiredException()
            : true;
    }

    /// <summary>
    /// Exact comparison. Microsoft.Identity.Web's own validator fetches metadata, within the request, when nothing matches.
    /// </summary>
    public string ValidateIssuer(string issuer, SecurityToken token, TokenValidationParameters parameters) =>
        directory.Accepts(issuer) ? issuer : throw new SecurityTokenInvalidIssuerException();

    private Task ReceiveAsync(MessageReceivedContext context, Func<MessageReceivedContext, Task> next)
    {
        HttpContext http = context.HttpContext;
        if (http.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is not null)
        {
            context.NoResult();
            return Task.CompletedTask;
        }

        // 1. One token.
        StringValues authorization = http.Request.Headers.Authorization;
        if (authorization.Count > 1)
        {
            return Refuse(context, IdentityRefusals.SeveralCredentials);
        }

        ReadOnlySpan<char> token = BearerToken(authorization);
        if (token.IsEmpty)
        {
            return Refuse(context, IdentityRefusals.NoCredentials);
        }

        if (token.Length > IdentityRefusals.MaxTokenLength)
        {
            return Refuse(context, IdentityRefusals.TokenTooLarge(token.Length));
        }

        // 2. Keys.
        DateTimeOffset now = time.GetUtcNow();
        if (!keys.TryGetUsable(now, out MetadataSnapshot? snapshot))
        {
            return Refuse(context, IdentityRefusals.IdentityUnavailable);
        }

        // 3. The cache: nothing is allocated up to here (AuthenticateBenchmarks).
        if (!TokenFingerprint.TryOfToken(token, out TokenFingerprint fingerprint))
        {
            return Refuse(context, IdentityRefusals.MalformedToken);
        }

        if (cache.TryGet(fingerprint, snapshot, now, out CallerPrincipal? principal))
        {
            Accept(context, principal);
            return Task.CompletedTask;
        }

        // 4. The header.
        if (JoseHeader.Read(token, directory, out string keyId) is { } refusal)
        {
            return Refuse(context, refusal);
        }

        // 5. The key.
        context.Token = token.ToString();
        return snapshot.Knows(keyId) ? next(context) : LearnKeyAsync(context, keyId, next);
    }

    private async Task LearnKeyAsync(MessageReceivedContext context, string keyId, Func<MessageReceivedContext, Task> next)
    {
        KeyVerdict verdict;
        try
        {
            verdict = await keys.LearnAsync(keyId, context.HttpContext.RequestAborted);
        }
        catch (OperationCanceledException) when (context.HttpContext.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to read the answer.
            verdict = new KeyVerdict(KeyOutcome.Unavailable);
        }

        await (verdict.Outcome switch
        {
            KeyOutcome.Known => next(context),
            KeyOutcome.Unknown => Refuse(context, IdentityRefusals.UnknownKey),
            KeyOutcome.NotYetKnown => Refuse(context, IdentityRefusals.KeyNotYetKnown(verdict.Left)),
            _ => Refuse(context, IdentityRefusals.IdentityUnavailable),
        });
    }

    private async Task FailAsync(AuthenticationFailedContext context, Func<AuthenticationFailedContext, Task> next)
    {
        await next(context);

        // 6. The reason.
        await Refuse(context, context.Exception switch
        {
            SecurityTokenSignatureKeyNotFoundException => IdentityRefusals.UnknownKey,
            SecurityTokenInvalidSignatureException => IdentityRefusals.BadSignature,
            SecurityTokenExpiredException or SecurityTokenNoExpirationException or SecurityTokenInvalidLifetimeException => _tokenExpired,
            SecurityTokenNotYetValidException => _tokenNotYetValid,
            SecurityTokenInvalidAudienceException => _wrongAudience,
            SecurityTokenInvalidIssuerException or SecurityTokenInvalidSigningKeyException => IdentityRefusals.WrongIssuer,
            SecurityTokenInvalidAlgorithmException => IdentityRefusals.AlgorithmNotAllowed,
            SecurityTokenInvalidTypeException => IdentityRefusals.WrongTokenType,
            SecurityTokenMalformedException or ArgumentException => IdentityRefusals.MalformedToken,
            _ => IdentityRefusals.InvalidToken,
        });
    }

    private async Task AcceptAsync(TokenValidatedContext context, Func<TokenValidatedContext, Task> next)
    {
        // 7. The caller.
        await next(context);
        if (context.Result is not null || context.SecurityToken is not JsonWebToken { SigningKey: { } key } token)
        {
            await Refuse(context, IdentityRefusals.InvalidToken);
            return;
        }

        // It was hashed when it came, so it has only characters that can be.
        _ = TokenFingerprint.TryOfToken(token.EncodedToken, out TokenFingerprint fingerprint);
        if (!TryReadCaller(token, fingerprint, out Caller? caller, out Refusal? refusal))
        {
            await Refuse(context, refusal);
            return;
        }

        var principal = new CallerPrincipal(caller);
        bool isFirstUse = cache.Add(fingerprint, principal, key, caller.ExpiresAt + directory.ClockSkew, time.GetUtcNow());
        Accept(context, principal);
        if (isFirstUse)
        {
            AuditScope.Of(context.HttpContext)?.Add(AuditEvents.Authn);
        }
    }

    private static void Accept(ResultContext<JwtBearerOptions> context, CallerPrincipal principal)
    {
        if (AuditScope.Of(context.HttpContext) is { } audit)
        {
            audit.Caller = principal.Columns;
        }

        context.Principal = principal;
        context.Success();
    }

    private bool TryReadCaller(
        JsonWebToken token,
        in TokenFingerprint fingerprint,
        [NotNullWhen(true)] out Caller? caller,
        [NotNullWhen(false)] out Refusal? refusal)
    {
        ReadOnlySpan<char> payload = token.EncodedToken;
        payload = payload[(payload.IndexOf('.') + 1)..payload.LastIndexOf('.')];
        byte[] json = ArrayPool<byte>.Shared.Rent(Base64Url.GetMaxDecodedLength(payload.Length));
        try
        {
            int length = Base64Url.DecodeFromChars(payload, json);
            return callers.TryRead(json.AsSpan(0, length), token.Kid, fingerprint.FirstHalf(), out caller, out refusal);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(json, clearArray: true);
        }
    }

    private static ReadOnlySpan<char> BearerToken(StringValues authorization)
    {
        ReadOnlySpan<char> value = authorization.Count == 1 ? authorization[0] : default;
        return value.StartsWith(BearerPrefix, StringComparison.OrdinalIgnoreCase) ? value[BearerPrefix.Length..].Trim() : default;
    }

    private static Task Refuse(ResultContext<JwtBearerOptions> context, Refusal refusal)
    {
        context.HttpContext.Features.Set(refusal);
        context.Fail(refusal.Reason);
        return Task.CompletedTask;
    }
}
