using System.Globalization;
using System.Text.Json.Nodes;
using EntraEmulator.Directories;
using EntraEmulator.Faults;
using EntraEmulator.Tokens;

namespace EntraEmulator.Issuing;

/// <summary>The two identity endpoints of Azure hosts, which hand out tokens without a credential: reaching them is the proof.</summary>
internal static class ManagedIdentityEndpoints
{
    private const string MsiVersion = "2019-08-01";
    private const string ImdsVersion = "2018-02-01";

    /// <summary>Maps the endpoint of App Service and that of virtual machines.</summary>
    public static void MapManagedIdentities(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/msi/token", GetMsiToken).WithFaults(EmulatedEndpoint.Msi);
        routes.MapGet("/metadata/identity/oauth2/token", GetImdsToken).WithFaults(EmulatedEndpoint.Imds);
    }

    /// <summary>App Service. The header keeps forged requests out: any value will do, but it must be there.</summary>
    private static IResult GetMsiToken(HttpRequest request, DirectorySet directories, TokenMint mint)
    {
        string? problem = string.IsNullOrEmpty(request.Headers["X-IDENTITY-HEADER"])
            ? "The header X-IDENTITY-HEADER is missing."
            : ProblemOfVersion(request, MsiVersion);
        IssuedToken? token = null;
        ManagedIdentity? identity = null;
        if (problem is null)
        {
            (token, identity, problem) = Issue(request.Query, directories, mint);
        }

        return token is null || identity is null
            ? Results.Json(
                new JsonObject { ["statusCode"] = 400, ["message"] = problem, ["correlationId"] = Guid.NewGuid().ToString() },
                statusCode: StatusCodes.Status400BadRequest)
            : Results.Json(new JsonObject
            {
                ["access_token"] = token.Text,
                ["expires_on"] = UnixSeconds(token.ExpiresAt),
                ["resource"] = request.Query["resource"].ToString(),
                ["token_type"] = "Bearer",
                ["client_id"] = identity.ClientId.ToString(),
            });
    }

    /// <summary>The instance metadata service of virtual machines.</summary>
    private static IResult GetImdsToken(HttpRequest request, DirectorySet directories, TokenMint mint)
    {
        string? problem = string.Equals(request.Headers["Metadata"], "true", StringComparison.OrdinalIgnoreCase)
            ? ProblemOfVersion(request, ImdsVersion)
            : "The header \"Metadata: true\" is missing.";
        IssuedToken? token = null;
        ManagedIdentity? identity = null;
        if (problem is null)
        {
            (token, identity, problem) = Issue(request.Query, directories, mint);
        }

        if (token is null || identity is null)
        {
            return Results.Json(
                new JsonObject { ["error"] = "invalid_request", ["error_description"] = problem }, statusCode: StatusCodes.Status400BadRequest);
        }

        string seconds = ((long)(token.ExpiresAt - token.IssuedAt).TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return Results.Json(new JsonObject
        {
            ["access_token"] = token.Text,
            ["client_id"] = identity.ClientId.ToString(),
            ["expires_in"] = seconds,
            ["expires_on"] = UnixSeconds(token.ExpiresAt),
            ["ext_expires_in"] = seconds,
            ["not_before"] = UnixSeconds(token.IssuedAt),
            ["resource"] = request.Query["resource"].ToString(),
            ["token_type"] = "Bearer",
        });
    }

    private static string? ProblemOfVersion(HttpRequest request, string known)
    {
        string version = request.Query["api-version"].ToString();
        return version == known ? null : $"api-version is \"{version}\", not {known}.";
    }

    private static (IssuedToken? Token, ManagedIdentity? Identity, string? Problem) Issue(
        IQueryCollection query, DirectorySet directories, TokenMint mint)
    {
        (EntraDirectory Directory, ManagedIdentity Identity)? found = Find(query, directories);
        if (found is not var (directory, identity))
        {
            return (null, null, "Identity not found: no managed identity goes by what the request names.");
        }

        string resource = query["resource"].ToString();
        return directory.FindApi(resource) is { } api
            ? (mint.IssueToManagedIdentity(directory, api, resource, identity), identity, null)
            : (null, null, $"AADSTS500011: The resource principal named {resource} is not in the directory {directory.Id}.");
    }

    /// <summary>The identity a request names by client, object or ARM id; without a name the system-assigned one, if there is one.</summary>
    private static (EntraDirectory Directory, ManagedIdentity Identity)? Find(IQueryCollection query, DirectorySet directories)
    {
        string client = query["client_id"].ToString();
        string principal = First(query, "principal_id", "object_id");
        string resourceId = First(query, "mi_res_id", "msi_res_id");
        bool isNamed = client.Length + principal.Length + resourceId.Length > 0;

        var all = directories.All.SelectMany(
            directory => directory.ManagedIdentities, (directory, identity) => (Directory: directory, Identity: identity));
        return all
            .Where(entry => isNamed
                ? Fits(client, entry.Identity.ClientId)
                    && Fits(principal, entry.Identity.PrincipalId)
                    && (resourceId.Length == 0 || string.Equals(resourceId, entry.Identity.ResourceId, StringComparison.OrdinalIgnoreCase))
                : entry.Identity.IsSystemAssigned)
            .Select(entry => ((EntraDirectory, ManagedIdentity)?)entry)
            .FirstOrDefault();

        static bool Fits(string wanted, Guid id) => wanted.Length == 0 || (Guid.TryParse(wanted, out Guid guid) && guid == id);
    }

    private static string First(IQueryCollection query, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (!string.IsNullOrEmpty(query[name]))
            {
                return query[name].ToString();
            }
        }

        return "";
    }

    private static string UnixSeconds(DateTimeOffset time) => time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
}
