using System.Text.Json.Nodes;
using EntraEmulator.Directories;
using EntraEmulator.Tokens;

namespace EntraEmulator.Discovery;

/// <summary>An OpenID Connect discovery document with the fields Entra's has.</summary>
/// <remarks>Of the endpoints of interactive sign-in, that of the authorization code is served; the others are named, as clients expect.</remarks>
internal static class MetadataDocument
{
    /// <summary>Says that this is not Entra, so that a gateway in production can refuse it.</summary>
    public const string CloudInstanceName = "entra-emulator";

    /// <summary>The document of a directory.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="version">v1.0 names the endpoints without <c>/v2.0</c>.</param>
    /// <param name="baseUrl">Origin of all URLs, without a slash at the end.</param>
    public static JsonObject Of(EntraDirectory directory, TokenVersion version, string baseUrl)
    {
        string root = $"{baseUrl}/{directory.Id}";
        string infix = version == TokenVersion.V1 ? "" : "/v2.0";
        return new JsonObject
        {
            ["token_endpoint"] = $"{root}/oauth2{infix}/token",
            ["token_endpoint_auth_methods_supported"] = new JsonArray("client_secret_post", "private_key_jwt", "client_secret_basic"),
            ["jwks_uri"] = $"{root}/discovery{infix}/keys",
            ["response_modes_supported"] = new JsonArray("query", "fragment", "form_post"),
            ["subject_types_supported"] = new JsonArray("pairwise"),
            ["id_token_signing_alg_values_supported"] = new JsonArray("RS256"),
            ["response_types_supported"] = new JsonArray("code", "id_token", "code id_token", "id_token token"),
            ["scopes_supported"] = new JsonArray("openid", "profile", "email", "offline_access"),
            ["issuer"] = TokenShapes.Issuer(baseUrl, directory.Id, version),
            ["request_uri_parameter_supported"] = false,
            ["userinfo_endpoint"] = $"{root}/oidc/userinfo",
            ["authorization_endpoint"] = $"{root}/oauth2{infix}/authorize",
            ["device_authorization_endpoint"] = $"{root}/oauth2{infix}/devicecode",
            ["http_logout_supported"] = true,
            ["frontchannel_logout_supported"] = true,
            ["end_session_endpoint"] = $"{root}/oauth2{infix}/logout",
            ["claims_supported"] = new JsonArray(
                "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat",
                "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"),
            ["kerberos_endpoint"] = $"{root}/kerberos",
            ["tenant_region_scope"] = "EU",
            ["cloud_instance_name"] = CloudInstanceName,
            ["cloud_graph_host_name"] = "graph.windows.net",
            ["msgraph_host"] = "graph.microsoft.com",
            ["rbac_url"] = "https://pas.windows.net",
        };
    }
}
