using System.Net;
using System.Text.Json.Nodes;

namespace RemoteWriteGateway.Tests.EntraEmulator;

public sealed class ManagedIdentityTests
{
    private const string Resource = $"api://{EmulatorHost.Gateway}";
    private const string Msi = $"/msi/token?api-version=2019-08-01&resource={Resource}";
    private const string Imds = $"/metadata/identity/oauth2/token?api-version=2018-02-01&resource={Resource}";
    private const string ClientId = "99999999-0000-4000-8000-000000000009";
    private const string PrincipalId = "0f0f0f0f-1111-4222-8333-000000000009";

    private const string ResourceId =
        "/subscriptions/22222222-0000-4000-8000-000000000001/resourcegroups/monitoring/providers/Microsoft.ManagedIdentity/userAssignedIdentities/prom-mi";

    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task App_Service_gets_its_shape()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (HttpStatusCode status, JsonObject answer) = await GetAsync(emulator, Msi, "X-IDENTITY-HEADER", "dev");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(["access_token", "expires_on", "resource", "token_type", "client_id"], answer.Select(member => member.Key));
        string expiry = (emulator.Time.GetUtcNow().ToUnixTimeSeconds() + 86400).ToString(System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal((expiry, Resource, "Bearer", ClientId), (Text("expires_on"), Text("resource"), Text("token_type"), Text("client_id")));
        JsonObject claims = JwtParts.Claims(Text("access_token"));
        Assert.Equal(("2.0", PrincipalId, "2"), ((string?)claims["ver"], (string?)claims["oid"], (string?)claims["azpacr"]));
        Assert.Equal(86700, (long)claims["exp"]! - (long)claims["iat"]!);

        string Text(string name) => (string)answer[name]!;
    }

    [Fact]
    public async Task A_virtual_machine_gets_its_shape()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (HttpStatusCode status, JsonObject answer) = await GetAsync(emulator, Imds, "Metadata", "true");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(
            ["access_token", "client_id", "expires_in", "expires_on", "ext_expires_in", "not_before", "resource", "token_type"],
            answer.Select(member => member.Key));
        Assert.All(answer, member => Assert.Equal(System.Text.Json.JsonValueKind.String, member.Value!.GetValueKind()));
        Assert.Equal("86400", (string?)answer["expires_in"]);
        Assert.Equal(PrincipalId, (string?)JwtParts.Claims((string)answer["access_token"]!)["oid"]);
    }

    [Fact]
    public async Task The_token_has_the_version_of_the_api()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(options => options with
        {
            Directories = [options.Directories[0] with { Apis = [options.Directories[0].Apis[0] with { TokenVersion = 1 }] }],
        });

        (_, JsonObject answer) = await GetAsync(emulator, Imds, "Metadata", "true");

        JsonObject claims = JwtParts.Claims((string)answer["access_token"]!);
        Assert.Equal(("1.0", Resource, ResourceId), ((string?)claims["ver"], (string?)claims["aud"], (string?)claims["xms_mirid"]));
    }

    [Theory]
    [InlineData("client_id", ClientId)]
    [InlineData("principal_id", PrincipalId)]
    [InlineData("object_id", PrincipalId)]
    [InlineData("mi_res_id", ResourceId)]
    [InlineData("msi_res_id", ResourceId)]
    public async Task An_identity_is_found_by_each_of_its_names_and_not_by_that_of_another(string parameter, string value)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(options => options with
        {
            Directories = [options.Directories[0] with { ManagedIdentities = [options.Directories[0].ManagedIdentities[0] with { SystemAssigned = false }] }],
        });

        Assert.Equal(HttpStatusCode.OK, await StatusAsync($"&{parameter}={value}"));
        Assert.Equal(HttpStatusCode.BadRequest, await StatusAsync($"&{parameter}={value}0"));
        Assert.Equal(HttpStatusCode.BadRequest, await StatusAsync(""));

        async Task<HttpStatusCode> StatusAsync(string query) => (await GetAsync(emulator, Msi + query, "X-IDENTITY-HEADER", "dev")).Status;
    }

    [Theory]
    [InlineData(Msi, "X-Other", "dev", "X-IDENTITY-HEADER")]
    [InlineData("/msi/token?api-version=2017-09-01&resource=x", "X-IDENTITY-HEADER", "dev", "2017-09-01")]
    [InlineData("/msi/token?api-version=2019-08-01&resource=api://unknown", "X-IDENTITY-HEADER", "dev", "AADSTS500011")]
    [InlineData("/msi/token?api-version=2019-08-01", "X-IDENTITY-HEADER", "dev", "AADSTS500011")]
    [InlineData(Imds, "Metadata", "false", "Metadata: true")]
    [InlineData("/metadata/identity/oauth2/token?api-version=2017-01-01&resource=x", "Metadata", "true", "2017-01-01")]
    [InlineData("/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api://unknown", "Metadata", "true", "AADSTS500011")]
    [InlineData(Imds + "&client_id=99999999-0000-4000-8000-000000000001", "Metadata", "true", "Identity not found")]
    public async Task A_wrong_request_is_refused_with_what_is_wrong(string path, string header, string value, string problem)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();

        (HttpStatusCode status, JsonObject answer) = await GetAsync(emulator, path, header, value);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(problem, (string?)(answer["message"] ?? answer["error_description"]), StringComparison.Ordinal);
    }

    private static async Task<(HttpStatusCode Status, JsonObject Answer)> GetAsync(EmulatorHost emulator, string path, string header, string value)
    {
        using HttpClient http = emulator.CreateClient();
        http.DefaultRequestHeaders.Add(header, value);
        using HttpResponseMessage response = await http.GetAsync(path, Cancellation);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!.AsObject());
    }
}
