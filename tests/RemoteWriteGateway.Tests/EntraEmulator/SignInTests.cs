using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.WebUtilities;

namespace RemoteWriteGateway.Tests.EntraEmulator;

/// <summary>The authorization code grant: a user signs in to an app, as Grafana has it.</summary>
public sealed class SignInTests
{
    private const string Root = $"/{EmulatorHost.DirectoryId}/oauth2/v2.0";
    private const string Grafana = "88888888-0000-4000-8000-000000000001";
    private const string Back = "http://127.0.0.1:3000/login/generic_oauth";
    private const string Scope = $"openid profile email offline_access api://{EmulatorHost.Gateway}/Metrics.Access";
    private const string Verifier = "a-verifier-of-at-least-forty-three-characters-long";

    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    private static string Challenge => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    [Fact]
    public async Task The_page_lists_everybody_and_a_link_of_it_leads_back_with_a_code()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient browser = emulator.CreateClient();

        string page = await browser.GetStringAsync(Authorize(), Cancellation);
        string[] links = [.. page.Split("href=\"").Skip(1).Select(part => WebUtility.HtmlDecode(part.Split('"')[0]))];
        Assert.Contains("Ann (ann@example.org)", page, StringComparison.Ordinal);
        Assert.Equal(3, links.Length);
        using HttpResponseMessage answer = await browser.GetAsync(links[0], Cancellation);

        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Uri location = answer.Headers.Location!; // A redirect has one.
        Assert.StartsWith(Back + "?", location.ToString(), StringComparison.Ordinal);
        Assert.Equal("a state & more", QueryHelpers.ParseQuery(location.Query)["state"]);
        Assert.NotEmpty(QueryHelpers.ParseQuery(location.Query)["code"].ToString());
    }

    [Fact]
    public async Task A_code_gets_the_users_tokens_and_the_refresh_token_gets_new_ones()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (HttpStatusCode status, JsonObject answer) = await PostAsync(emulator, Form(await CodeAsync(emulator)));

        Assert.Equal(HttpStatusCode.OK, status);
        JsonObject access = JwtParts.Claims((string)answer["access_token"]!);
        Assert.Equal((EmulatorHost.Gateway, Grafana, "Metrics.Access", "user"), ((string)access["aud"]!, (string)access["azp"]!, (string)access["scp"]!, (string)access["idtyp"]!));
        Assert.Equal("66666666-0000-4000-8000-000000000001", (string?)access["oid"]);
        JsonObject id = JwtParts.Claims((string)answer["id_token"]!);
        Assert.Equal((Grafana, "ann@example.org", "a-nonce"), ((string)id["aud"]!, (string)id["preferred_username"]!, (string)id["nonce"]!));

        emulator.Time.Advance(TimeSpan.FromHours(2));
        (status, JsonObject again) = await PostAsync(
            emulator, new() { ["grant_type"] = "refresh_token", ["client_id"] = Grafana, ["client_secret"] = "local-dev-secret", ["refresh_token"] = (string)answer["refresh_token"]! });

        Assert.Equal(HttpStatusCode.OK, status);
        JsonObject refreshed = JwtParts.Claims((string)again["access_token"]!);
        Assert.Equal((string?)access["oid"], (string?)refreshed["oid"]);
        Assert.Equal((long)access["exp"]! + 7200, (long)refreshed["exp"]!);
    }

    [Theory]
    [InlineData("code", "unknown", "invalid_grant", 70008)]
    [InlineData("code", null, "invalid_request", 900144)]
    [InlineData("redirect_uri", "http://127.0.0.1:3000/", "invalid_grant", 70008)]
    [InlineData("code_verifier", "another", "invalid_grant", 70008)]
    [InlineData("code_verifier", null, "invalid_grant", 70008)]
    [InlineData("client_id", "99999999-0000-4000-8000-000000000001", "invalid_grant", 70008)]
    [InlineData("client_secret", "wrong", "invalid_client", 7000215)]
    [InlineData("grant_type", "refresh_token", "invalid_request", 900144)]
    public async Task A_code_is_good_for_the_app_that_it_was_made_for_and_for_nothing_else(string parameter, string? value, string error, int number)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        Dictionary<string, string?> form = Form(await CodeAsync(emulator));
        form[parameter] = value;

        (HttpStatusCode _, JsonObject answer) = await PostAsync(emulator, form);

        Assert.Equal((error, $"[{number}]"), ((string?)answer["error"], answer["error_codes"]!.ToJsonString()));
        Assert.False(answer.ContainsKey("access_token"));
    }

    [Fact]
    public async Task A_code_is_good_once_and_not_for_long()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        Dictionary<string, string?> used = Form(await CodeAsync(emulator));
        Dictionary<string, string?> old = Form(await CodeAsync(emulator));

        Assert.Equal(HttpStatusCode.OK, (await PostAsync(emulator, used)).Status);
        Assert.Equal("invalid_grant", (string?)(await PostAsync(emulator, used)).Answer["error"]);
        emulator.Time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal("invalid_grant", (string?)(await PostAsync(emulator, old)).Answer["error"]);
    }

    [Theory]
    [InlineData("redirect_uri", "http://evil.example/", 50011)]
    [InlineData("redirect_uri", "http://127.0.0.1:3000/login/generic_oauth?x=1", 50011)]
    [InlineData("redirect_uri", null, 900144)]
    [InlineData("client_id", "99999999-0000-4000-8000-000000000001", 50011)]
    [InlineData("client_id", "grafana", 700016)]
    [InlineData("response_type", "token", 90014)]
    [InlineData("code_challenge_method", "plain", 90014)]
    [InlineData("scope", "openid", 70011)]
    [InlineData("scope", $"api://{EmulatorHost.Gateway}/Metrics.Access api://other/x", 70011)]
    [InlineData("scope", "api://other/x", 500011)]
    [InlineData("scope", $"api://{EmulatorHost.Gateway}/Other", 65005)]
    public async Task A_faulty_sign_in_is_told_and_leads_nowhere(string parameter, string? value, int number)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient browser = emulator.CreateClient();

        using HttpResponseMessage answer = await browser.GetAsync(Authorize((parameter, value), ("login_hint", "ann")), Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Null(answer.Headers.Location);
        Assert.Equal($"[{number}]", JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))!["error_codes"]!.ToJsonString());
    }

    private static string Authorize(params (string Name, string? Value)[] changes)
    {
        Dictionary<string, string?> query = new()
        {
            ["client_id"] = Grafana,
            ["response_type"] = "code",
            ["redirect_uri"] = Back,
            ["scope"] = Scope,
            ["state"] = "a state & more",
            ["nonce"] = "a-nonce",
            ["code_challenge"] = Challenge,
            ["code_challenge_method"] = "S256",
        };
        foreach ((string name, string? value) in changes)
        {
            query[name] = value;
        }

        return QueryHelpers.AddQueryString($"{Root}/authorize", query.Where(pair => pair.Value is not null));
    }

    private static async Task<string> CodeAsync(EmulatorHost emulator)
    {
        using HttpClient browser = emulator.CreateClient();
        using HttpResponseMessage answer = await browser.GetAsync(Authorize(("login_hint", "ann")), Cancellation);
        return QueryHelpers.ParseQuery(answer.Headers.Location!.Query)["code"].ToString(); // A redirect has one.
    }

    private static Dictionary<string, string?> Form(string code) => new()
    {
        ["grant_type"] = "authorization_code",
        ["client_id"] = Grafana,
        ["client_secret"] = "local-dev-secret",
        ["code"] = code,
        ["redirect_uri"] = Back,
        ["code_verifier"] = Verifier,
    };

    private static async Task<(HttpStatusCode Status, JsonObject Answer)> PostAsync(EmulatorHost emulator, Dictionary<string, string?> form)
    {
        using HttpClient http = emulator.CreateClient();
        using FormUrlEncodedContent content = new(form.Where(pair => pair.Value is not null).Select(pair => KeyValuePair.Create(pair.Key, pair.Value!))); // not null: filtered
        using HttpResponseMessage response = await http.PostAsync($"{Root}/token", content, Cancellation);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!.AsObject());
    }
}
