using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using EntraEmulator.Directories;
using EntraEmulator.Tokens;

namespace EntraEmulator.Issuing;

/// <summary>The grants of users who have signed in: a code once, and then refresh tokens.</summary>
internal sealed class UserGrants(SignIns signIns, TokenMint mint)
{
    public const string Code = "authorization_code";
    public const string RefreshToken = "refresh_token";

    /// <summary>The answer to an app that has proved itself, or the error.</summary>
    /// <param name="grant"><see cref="Code"/> or <see cref="RefreshToken"/>.</param>
    /// <param name="directory">The directory of the URL.</param>
    /// <param name="app">The client.</param>
    /// <param name="form">The body.</param>
    public (JsonObject? Answer, EntraError? Error) Issue(string grant, EntraDirectory directory, AppRegistration app, IFormCollection form)
    {
        (SignIn? signIn, EntraError? error) = grant == Code ? OfCode(app, form) : OfRefreshToken(form);
        if (signIn is null)
        {
            return (null, error);
        }

        if (signIn.Directory != directory || signIn.Client.ClientId != app.ClientId)
        {
            return (null, EntraError.InvalidGrant("It was issued to another app or in another directory"));
        }

        IssuedToken access = mint.IssueToUser(directory, signIn.Scope.Api, signIn.Scope.Resource, signIn.User, app);
        long seconds = (long)(access.ExpiresAt - access.IssuedAt).TotalSeconds;
        JsonObject answer = new()
        {
            ["token_type"] = "Bearer",
            ["scope"] = signIn.Scope.Text,
            ["expires_in"] = seconds,
            ["ext_expires_in"] = seconds,
            ["access_token"] = access.Text,
        };
        if (signIn.Scope.IsOffline)
        {
            answer["refresh_token"] = signIns.AddRefreshToken(signIn with { Nonce = null });
        }

        if (signIn.Scope.IsOpenId)
        {
            answer["id_token"] = mint.IssueIdToken(directory, app, signIn.User, signIn.Nonce);
        }

        return (answer, null);
    }

    private (SignIn? SignIn, EntraError? Error) OfCode(AppRegistration app, IFormCollection form)
    {
        string code = form["code"].ToString();
        if (code.Length == 0)
        {
            return (null, EntraError.Missing("code"));
        }

        // Taken whatever follows: a code that somebody has tried is not good any more.
        if (signIns.TakeCode(code) is not { } pending)
        {
            return (null, EntraError.InvalidGrant("The code is not known, was used before, or is too old"));
        }

        if (pending.SignIn.Client.ClientId != app.ClientId)
        {
            return (null, EntraError.InvalidGrant("The code was issued to another app"));
        }

        if (form["redirect_uri"] != pending.RedirectUri)
        {
            return (null, EntraError.InvalidGrant("The redirect_uri is not the one that the code was sent to"));
        }

        string verifier = form["code_verifier"].ToString();
        string? proved = verifier.Length == 0 ? null : Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
        return proved == pending.Challenge
            ? (pending.SignIn, null)
            : (null, EntraError.InvalidGrant("The code_verifier does not fit the code_challenge"));
    }

    private (SignIn? SignIn, EntraError? Error) OfRefreshToken(IFormCollection form)
    {
        string token = form["refresh_token"].ToString();
        return token.Length == 0 ? (null, EntraError.Missing("refresh_token"))
            : signIns.FindRefreshToken(token) is { } signIn ? (signIn, null)
            : (null, EntraError.InvalidGrant("The refresh token is not known or too old"));
    }
}
