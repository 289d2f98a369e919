using System.Text;
using System.Text.Encodings.Web;
using EntraEmulator.Directories;
using Microsoft.AspNetCore.WebUtilities;

namespace EntraEmulator.Issuing;

/// <summary>
/// The page where users sign in: a list of everybody, each a link. <c>login_hint</c> names a user who needs no page. A fault of the request is
/// told here and never sent on, since the redirect URI may be what is wrong.
/// </summary>
internal sealed class AuthorizeEndpoint(DirectorySet directories, SignIns signIns, EmulatorClock clock)
{
    private const string ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly string[] Parameters =
        ["client_id", "response_type", "response_mode", "redirect_uri", "scope", "state", "nonce", "login_hint", "code_challenge", "code_challenge_method"];

    /// <summary>Shows the page, or sends the user back with a code.</summary>
    /// <param name="http">The request.</param>
    /// <param name="directoryName">The directory of the URL.</param>
    public IResult Answer(HttpContext http, string directoryName)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
        if (directories.Find(directoryName) is not { } directory)
        {
            return EntraError.UnknownDirectory(directoryName).ToResult(http, clock);
        }

        IQueryCollection query = http.Request.Query;
        (PendingSignIn? pending, EntraError? error) = Read(directory, query);
        if (pending is null)
        {
            return error!.ToResult(http, clock); // One of the two is there.
        }

        string hint = query["login_hint"].ToString();
        if (directory.Users.FirstOrDefault(user => user.Name == hint || user.PreferredUsername == hint) is not { } found)
        {
            return Page(http, directory, pending.SignIn.Client);
        }

        string code = signIns.AddCode(pending with { SignIn = pending.SignIn with { User = found } });
        return Results.Redirect(QueryHelpers.AddQueryString(pending.RedirectUri, new Dictionary<string, string?>
        {
            ["code"] = code,
            ["state"] = query["state"],
            ["session_state"] = Guid.NewGuid().ToString(),
        }.Where(pair => !string.IsNullOrEmpty(pair.Value))));
    }

    private static (PendingSignIn? Pending, EntraError? Error) Read(EntraDirectory directory, IQueryCollection query)
    {
        if (Parameters.FirstOrDefault(name => query[name].Count > 1) is { } repeated)
        {
            return (null, EntraError.Repeated(repeated));
        }

        if (((string[])["client_id", "response_type", "redirect_uri", "scope"]).FirstOrDefault(name => string.IsNullOrEmpty(query[name])) is { } missing)
        {
            return (null, EntraError.Missing(missing));
        }

        string client = query["client_id"].ToString();
        if ((Guid.TryParse(client, out Guid id) ? directory.FindApp(id.ToString()) : null) is not { } app)
        {
            return (null, EntraError.UnknownClient(client, directory.Id));
        }

        string redirectUri = query["redirect_uri"].ToString();
        if (!app.RedirectUris.Contains(redirectUri, StringComparer.Ordinal))
        {
            return (null, EntraError.UnknownRedirectUri(redirectUri, app.ClientId));
        }

        if (query["response_type"] != "code" || query["response_mode"] is not ([] or ["query"]))
        {
            return (null, EntraError.Malformed("The emulator knows response_type=code with response_mode=query only"));
        }

        string? challenge = query["code_challenge"];
        if (challenge is not null && query["code_challenge_method"] != "S256")
        {
            return (null, EntraError.Malformed("The emulator knows code_challenge_method=S256 only"));
        }

        (UserScope? scope, EntraError? error) = UserScope.Read(directory, query["scope"].ToString());
        return scope is null
            ? (null, error)
            : directory.Users.Count == 0
                ? (null, EntraError.Malformed("The directory has no user who could sign in"))
                : (new PendingSignIn(new SignIn(directory, directory.Users[0], app, scope, query["nonce"]), redirectUri, challenge), null);
    }

    private static IResult Page(HttpContext http, EntraDirectory directory, AppRegistration app)
    {
        HtmlEncoder html = HtmlEncoder.Default;
        StringBuilder page = new("<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sign in</title>");
        page.Append("<style>body{font:16px sans-serif;margin:4em auto;max-width:30em}a{display:block;padding:.6em 0}</style></head><body>");
        page.Append($"<h1>Sign in to {html.Encode(app.Name)}</h1><p>The Entra emulator asks for no password.</p>");
        Dictionary<string, string?> query = http.Request.Query.Where(pair => pair.Key != "login_hint").ToDictionary(pair => pair.Key, pair => (string?)pair.Value);
        foreach (DirectoryUser user in directory.Users)
        {
            string link = QueryHelpers.AddQueryString(http.Request.PathBase + http.Request.Path, query.Append(KeyValuePair.Create("login_hint", (string?)user.Name)));
            page.Append($"<a href=\"{html.Encode(link)}\">{html.Encode(user.DisplayName)} ({html.Encode(user.PreferredUsername)})</a>");
        }

        return Results.Text(page.Append("</body></html>").ToString(), "text/html", Encoding.UTF8);
    }
}
