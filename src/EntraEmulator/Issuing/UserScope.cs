using EntraEmulator.Directories;

namespace EntraEmulator.Issuing;

/// <summary>The scope of a sign-in: one API, and what OpenID Connect adds.</summary>
/// <param name="Api">What access tokens are for.</param>
/// <param name="Resource">The name that the client called it by.</param>
/// <param name="IsOpenId">An ID token is wanted.</param>
/// <param name="IsOffline">A refresh token is wanted.</param>
/// <param name="Text">As it was asked for.</param>
internal sealed record UserScope(ApiRegistration Api, string Resource, bool IsOpenId, bool IsOffline, string Text)
{
    private const string Default = ".default";

    /// <summary>Reads a scope such as <c>openid offline_access api://metrics/Metrics.Access</c>.</summary>
    /// <returns>The scope, or what is wrong with it.</returns>
    public static (UserScope? Scope, EntraError? Error) Read(EntraDirectory directory, string text)
    {
        string[] parts = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] ofApis = [.. parts.Where(part => part is not ("openid" or "profile" or "email" or "offline_access"))];
        string? resource = null;
        foreach (string part in ofApis)
        {
            int slash = part.LastIndexOf('/');
            if (slash <= 0 || (resource is not null && resource != part[..slash]))
            {
                return (null, EntraError.BadUserScope(text));
            }

            resource = part[..slash];
        }

        if (resource is null)
        {
            return (null, EntraError.BadUserScope(text));
        }

        if (directory.FindApi(resource) is not { } api)
        {
            return (null, EntraError.UnknownResource(resource, directory.Id));
        }

        return ofApis.Select(part => part[(resource.Length + 1)..]).FirstOrDefault(name => name != Default && !api.Scopes.Contains(name)) is { } unknown
            ? (null, EntraError.UnknownScope(unknown, resource))
            : (new UserScope(api, resource, parts.Contains("openid"), parts.Contains("offline_access"), text), null);
    }
}
