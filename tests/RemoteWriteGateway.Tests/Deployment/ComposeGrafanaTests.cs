using System.Text;
using System.Text.Json.Nodes;
using EntraEmulator.Configuration;
using RemoteWriteGateway.Protocol.PromQL;
using YamlDotNet.Serialization;

namespace RemoteWriteGateway.Tests.Deployment;

/// <summary>Grafana of <c>docker-compose.yml</c>: its sign-in fits the issuer, its data source the gateway, and its dashboard is PromQL.</summary>
public sealed class ComposeGrafanaTests
{
    private const string Folder = "deploy/compose/grafana";

    private static readonly Dictionary<string, string> Settings = ReadIni();

    private static JsonNode Dashboard => JsonNode.Parse(RepositoryFile.Read($"{Folder}/dashboards/tenant.json"))!; // An object, or each test fails.

    [Fact]
    public void Its_sign_in_is_an_app_of_the_issuer_and_asks_for_a_token_of_the_gateway()
    {
        EmulatorOptions emulator = EmulatorConfiguration.Load(["--config", RepositoryFile.PathOf("deploy/compose/emulator.template.json")], readEnvironment: false);
        DirectoryOptions directory = emulator.Directories.Single();
        AppOptions grafana = directory.Apps.Single(app => app.ClientId == Guid.Parse(Settings["auth.generic_oauth:client_id"]));

        Assert.Equal([Settings["server:root_url"] + "login/generic_oauth"], grafana.RedirectUris);
        string scope = Settings["auth.generic_oauth:scopes"].Split(' ').Single(part => part.StartsWith("api://", StringComparison.Ordinal));
        ApiOptions api = directory.Apis.Single(one => one.IdUris.Contains(scope[..scope.LastIndexOf('/')]));
        Assert.Contains(scope[(scope.LastIndexOf('/') + 1)..], api.Scopes);
        Assert.Equal(JsonNode.Parse(RepositoryFile.Read("deploy/compose/gateway/appsettings.json"))!["AzureAd"]!["ClientId"]!.ToString(), api.ClientId.ToString());
        Assert.Equal($"{emulator.PublicBaseUrl}/{directory.Id}/oauth2/v2.0/token", Settings["auth.generic_oauth:token_url"]);
        Assert.Equal($"http://127.0.0.1:5901/{directory.Id}/oauth2/v2.0/authorize", Settings["auth.generic_oauth:auth_url"]);
    }

    [Fact]
    public void Nobody_signs_in_with_a_password_and_its_secrets_are_files()
    {
        Assert.Equal("true", Settings["auth:disable_login_form"]);
        Assert.Equal("true", Settings["security:disable_initial_admin_creation"]);
        Assert.Equal("$__file{/run/secrets/grafana-key}", Settings["security:secret_key"]);
        Assert.Equal("$__file{/run/secrets/grafana-client-secret}", Settings["auth.generic_oauth:client_secret"]);
    }

    [Fact]
    public void Its_data_source_forwards_who_has_signed_in()
    {
        Dictionary<object, object> file = new DeserializerBuilder().Build().Deserialize<Dictionary<object, object>>(
            RepositoryFile.Read($"{Folder}/provisioning/datasources/metrics.yaml"));
        Dictionary<object, object> source = (Dictionary<object, object>)((List<object>)file["datasources"]).Single();
        Dictionary<object, object> settings = (Dictionary<object, object>)source["jsonData"];

        Assert.Equal(("prometheus", "proxy", "http://gateway:8080"), (source["type"], source["access"], source["url"]));
        Assert.Equal(("POST", "true", "Prometheus", "false"), (settings["httpMethod"], settings["oauthPassThru"], settings["prometheusType"], settings["manageAlerts"]));
        Assert.False(source.ContainsKey("secureJsonData") || source.ContainsKey("basicAuth"));
        Assert.All(Everything(Dashboard).Where(pair => pair.Name == "datasource"), pair => Assert.Equal((string)source["uid"], (string?)pair.Value!["uid"]));
    }

    [Fact]
    public void Its_dashboard_asks_in_PromQL()
    {
        string[] queries = [.. Everything(Dashboard).Where(pair => pair.Name == "expr").Select(pair => (string)pair.Value!)]; // an expression is a text

        Assert.NotEmpty(queries);
        Assert.All(queries, query =>
        {
            ParsedQuery parsed = new();
            string filled = query.Replace("$__rate_interval", "1m", StringComparison.Ordinal).Replace("$job", "a|b", StringComparison.Ordinal);
            Assert.DoesNotContain("$", filled, StringComparison.Ordinal);
            Assert.True(PromQLParser.TryParse(Encoding.UTF8.GetBytes(filled), PromQLEntry.Query, ParseOptions.Default, parsed), $"{query}: {parsed.Error}");
        });
    }

    private static Dictionary<string, string> ReadIni()
    {
        Dictionary<string, string> settings = [];
        string section = "";
        foreach (string line in RepositoryFile.Read($"{Folder}/grafana.ini").Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#'))
        {
            if (line[0] == '[')
            {
                section = line[1..^1];
            }
            else
            {
                string[] pair = line.Split('=', 2, StringSplitOptions.TrimEntries);
                settings.Add($"{section}:{pair[0]}", pair[1]);
            }
        }

        return settings;
    }

    private static IEnumerable<(string Name, JsonNode? Value)> Everything(JsonNode node) => node switch
    {
        JsonObject members => members.SelectMany(member => Inside(member.Value).Prepend((member.Key, member.Value))),
        JsonArray items => items.SelectMany(Inside),
        _ => [],
    };

    private static IEnumerable<(string Name, JsonNode? Value)> Inside(JsonNode? node) => node is null ? [] : Everything(node);
}
