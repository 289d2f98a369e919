using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using EntraEmulator.Directories;

namespace EntraEmulator.Issuing;

/// <summary>A user who has signed in to an app, and what the app asked for.</summary>
/// <param name="Directory">Of user and app.</param>
/// <param name="User">Who has signed in.</param>
/// <param name="Client">To which app.</param>
/// <param name="Scope">What the app may ask for in the user's name.</param>
/// <param name="Nonce">Comes back in the ID token; null for none.</param>
internal sealed record SignIn(EntraDirectory Directory, DirectoryUser User, AppRegistration Client, UserScope Scope, string? Nonce);

/// <summary>A sign-in on its way back to the app, which has to send the rest of this along to get tokens for it.</summary>
/// <param name="SignIn">Whose.</param>
/// <param name="RedirectUri">Where the code was sent.</param>
/// <param name="Challenge">Base64url of the SHA-256 of the app's verifier (PKCE); null for none.</param>
internal sealed record PendingSignIn(SignIn SignIn, string RedirectUri, string? Challenge);

/// <summary>Keeps codes and refresh tokens, in memory: after a restart everybody signs in again.</summary>
internal sealed class SignIns(EmulatorClock clock)
{
    /// <summary>How long a code is good for.</summary>
    public static readonly TimeSpan CodeLifetime = TimeSpan.FromMinutes(10);

    /// <summary>How long a refresh token is good for, as for web apps at Entra.</summary>
    public static readonly TimeSpan RefreshLifetime = TimeSpan.FromDays(90);

    // For development: nobody signs in more often than this between two clean-ups.
    private const int MaxKept = 10_000;

    private readonly ConcurrentDictionary<string, (PendingSignIn Pending, DateTimeOffset Until)> _codes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (SignIn SignIn, DateTimeOffset Until)> _refresh = new(StringComparer.Ordinal);

    /// <summary>A new code for a sign-in.</summary>
    public string AddCode(PendingSignIn pending) => Add(_codes, (pending, clock.UtcNow + CodeLifetime));

    /// <summary>Takes a code, which is good once; null if it is not known or too old.</summary>
    public PendingSignIn? TakeCode(string code) =>
        _codes.TryRemove(code, out (PendingSignIn Pending, DateTimeOffset Until) entry) && clock.UtcNow < entry.Until ? entry.Pending : null;

    /// <summary>A new refresh token for a sign-in.</summary>
    public string AddRefreshToken(SignIn signIn) => Add(_refresh, (signIn, clock.UtcNow + RefreshLifetime));

    /// <summary>The sign-in of a refresh token; null if it is not known or too old. Using one does not end it, as at Entra.</summary>
    public SignIn? FindRefreshToken(string token) =>
        _refresh.TryGetValue(token, out (SignIn SignIn, DateTimeOffset Until) entry) && clock.UtcNow < entry.Until ? entry.SignIn : null;

    private static string Add<T>(ConcurrentDictionary<string, (T, DateTimeOffset Until)> kept, (T, DateTimeOffset) entry)
    {
        if (kept.Count >= MaxKept)
        {
            // The oldest half at once, so that this is rare.
            foreach (string old in kept.OrderBy(one => one.Value.Until).Take(MaxKept / 2).Select(one => one.Key))
            {
                kept.TryRemove(old, out _);
            }
        }

        string name = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        kept[name] = entry;
        return name;
    }
}
