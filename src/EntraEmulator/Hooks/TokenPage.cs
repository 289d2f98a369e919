using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using EntraEmulator.Directories;

namespace EntraEmulator.Hooks;

/// <summary>The page at <c>/</c>, where a developer copies a token of anybody.</summary>
internal static class TokenPage
{
    private const string Placeholder = "{{directories}}";
    private const string ContentSecurityPolicy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly Lazy<string> Template = new(ReadTemplate);

    /// <summary>The page with everybody on it.</summary>
    public static IResult Show(HttpContext http, DirectorySet directories)
    {
        http.Response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
        http.Response.Headers.CacheControl = "no-store";
        JsonArray list = new([.. directories.All.Select(Describe)]);

        // The default encoder writes "<" as \u003C: no name can end the script element.
        string page = Template.Value.Replace(Placeholder, list.ToJsonString(JsonSerializerOptions.Default), StringComparison.Ordinal);
        return Results.Text(page, "text/html", Encoding.UTF8);
    }

    private static JsonObject Describe(EntraDirectory directory) => new()
    {
        ["id"] = directory.Id.ToString(),
        ["apis"] = Texts(directory.Apis.Select(api => api.IdUris[0])),
        ["apps"] = Texts(directory.Apps.Select(app => app.Name)),
        ["managedIdentities"] = Texts(directory.ManagedIdentities.Select(identity => identity.Name)),
        ["users"] = Texts(directory.Users.Select(user => user.Name)),
    };

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(text => JsonValue.Create(text))]);

    private static string ReadTemplate()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("TokenPage.html")!; // Embedded by the project file.
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
