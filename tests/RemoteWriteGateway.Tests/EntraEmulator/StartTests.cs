using EntraEmulator;
using EntraEmulator.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Tests.EntraEmulator;

public sealed class StartTests
{
    private static readonly EmulatorOptions Sample = EmulatorConfiguration.LoadSample();

    [Fact]
    public async Task The_sample_is_valid_and_is_the_one_of_the_documentation()
    {
        await BuildAsync(Sample);

        DirectoryOptions directory = Assert.Single(Sample.Directories);
        AppOptions prom = directory.Apps.Single(app => app.Name == "prom");
        Assert.Equal(Guid.Parse(EmulatorHost.DirectoryId), directory.Id);
        Assert.Equal(Guid.Parse(EmulatorHost.Gateway), Assert.Single(directory.Apis).ClientId);
        Assert.Equal(("99999999-0000-4000-8000-000000000001", "local-dev-secret"), (prom.ClientId.ToString(), prom.Secret));
    }

    [Fact]
    public void It_does_not_start_in_production()
    {
        InvalidOperationException refusal = Assert.Throws<InvalidOperationException>(
            () => EmulatorApp.Build(Sample, builder => builder.Environment.EnvironmentName = Environments.Production));

        Assert.Contains("Production", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://login.microsoftonline.com")]
    [InlineData("https://LOGIN.MicrosoftOnline.com.")]
    [InlineData("https://login.microsoftonline.us")]
    [InlineData("https://login.partner.microsoftonline.cn")]
    [InlineData("https://sts.windows.net/")]
    [InlineData("https://windows.net")]
    [InlineData("https://sts.chinacloudapi.cn")]
    [InlineData("https://login.azure.com:8443")]
    public void It_does_not_pass_itself_off_as_the_real_one(string url) =>
        Assert.Contains("PublicBaseUrl: ", FaultOf(Sample with { PublicBaseUrl = url }), StringComparison.Ordinal);

    [Theory]
    [InlineData("https://entra.example.org")]
    [InlineData("https://notwindows.net")]
    [InlineData("https://microsoftonline.example.org")]
    [InlineData("https://localhost:5903/")]
    public async Task Names_that_only_look_like_it_are_fine(string url)
    {
        await BuildAsync(Sample with { PublicBaseUrl = url });
    }

    [Theory]
    [InlineData("http://localhost:5903")]
    [InlineData("localhost")]
    [InlineData("https://localhost?a=b")]
    [InlineData("https://localhost/path")]
    [InlineData("https://user@localhost")]
    public void Its_public_url_must_be_an_https_origin(string url) =>
        Assert.Contains("PublicBaseUrl: ", FaultOf(Sample with { PublicBaseUrl = url }), StringComparison.Ordinal);

    [Theory]
    [InlineData("https://0.0.0.0:5903")]
    [InlineData("https://[::]:5903")]
    [InlineData("https://192.0.2.1:5903")]
    public async Task It_listens_beyond_loopback_only_where_that_is_allowed(string url)
    {
        Assert.Contains("AllowRemote", FaultOf(Sample with { Https = url }), StringComparison.Ordinal);
        await BuildAsync(Sample with { Https = url, AllowRemote = true });
    }

    [Theory]
    [InlineData("https://127.0.0.1:5903")]
    [InlineData("https://[::1]:5903")]
    [InlineData("https://localhost:5903")]
    [InlineData("")]
    public async Task It_listens_on_loopback_without_being_allowed(string url)
    {
        await BuildAsync(Sample with { Https = url });
    }

    [Theory]
    [InlineData("http://127.0.0.1:5903")]
    [InlineData("https://emulator.example.org:5903")]
    [InlineData("https://127.0.0.1:5903/path")]
    [InlineData("127.0.0.1:5903")]
    [InlineData("https://localhost:0")]
    public void A_listener_that_cannot_be_is_refused(string url) =>
        Assert.StartsWith("Https: ", FaultOf(Sample with { Https = url }), StringComparison.Ordinal);

    [Fact]
    public void All_faults_are_told_at_once_each_with_its_key()
    {
        DirectoryOptions good = Sample.Directories[0];
        AppOptions app = good.Apps[0];
        DirectoryOptions bad = new()
        {
            Apis = [good.Apis[0] with { TokenVersion = 3, OptionalClaims = ["email"], IdUris = ["not a uri"] }, new ApiOptions()],
            Apps =
            [
                app with { Certificate = "no-such-file.pem" },
                app with { Secret = "", FederatedIssuers = [new FederatedIssuerOptions { Keys = "{}" }], Agent = new AgentOptions() },
            ],
            ManagedIdentities = [good.ManagedIdentities[0], good.ManagedIdentities[0] with { Name = "second", PrincipalId = Guid.Empty }],
            Users = [good.Users[0] with { ExtraGroups = -1, PreferredUsername = "" }],
        };

        string[] faults = FaultsOf(Sample with { TlsNames = ["a b"], Directories = [bad] });

        Assert.Equal(
            [
                "TlsNames:0: \"a b\" is neither a host name nor an address",
                "Directories:0:Id: is missing",
                "Directories:0:Apis:0:TokenVersion: 3 is neither 1 nor 2",
                "Directories:0:Apis:0:IdUris:0: \"not a uri\" is not a URI",
                "Directories:0:Apis:0:OptionalClaims:0: \"email\" is neither idtyp nor xms_cc",
                "Directories:0:Apis:1:ClientId: is missing",
                "Directories:0:Apis:1:IdUris: there is none",
                "Directories:0:Apps:1:Name: \"prom\" stands twice",
                "Directories:0:Apps:1:ClientId: \"99999999-0000-4000-8000-000000000001\" stands twice",
                "Directories:0:Apps:0:Certificate: ",
                "Directories:0:Apps:1:Secret: is empty; leave it out if the app has none",
                "Directories:0:Apps:1:Agent:Parent: is missing",
                "Directories:0:Apps:1:FederatedIssuers:0:Issuer: is missing",
                "Directories:0:Apps:1:FederatedIssuers:0:Subject: is missing",
                "Directories:0:Apps:1:FederatedIssuers:0:Keys: The key set holds no signing key.",
                "Directories:0:ManagedIdentities:1:ClientId: \"99999999-0000-4000-8000-000000000009\" stands twice",
                "Directories:0:ManagedIdentities:1:PrincipalId: is missing",
                "Directories:0:Users:0:PreferredUsername: is missing",
                "Directories:0:Users:0:ExtraGroups: -1 is not between 0 and 10000",
                "Directories: 2 managed identities are SystemAssigned; at most one can be",
            ],
            faults.Select(fault => fault.StartsWith("Directories:0:Apps:0:Certificate: ", StringComparison.Ordinal) ? fault[..34] : fault));
    }

    [Theory]
    [InlineData("""{"PublicBaseUrl":"https://a.test","Hook":true}""", "Hook")]
    [InlineData("""{"Directories":[{"Id":"11111111-2222-4333-8444-555555555555","Apps":[{"Nmae":"x"}]}]}""", "Nmae")]
    [InlineData("""{"Directories":[{"Id":"no guid"}]}""", "Directories:0:Id")]
    [InlineData("""{"Hooks":"perhaps"}""", "Hooks")]
    public void An_unknown_key_and_an_unreadable_value_stop_the_start_and_are_named(string json, string name)
    {
        using ConfigFile file = new(json);

        InvalidOperationException refusal = Assert.Throws<InvalidOperationException>(
            () => EmulatorConfiguration.Load(["--config", file.Path], readEnvironment: false));

        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_takes_the_place_of_the_sample_and_the_command_line_has_the_last_word()
    {
        using ConfigFile file = new("""{"PublicBaseUrl":"https://a.test","Http":"http://127.0.0.1:1"}""");

        EmulatorOptions options = EmulatorConfiguration.Load(
            [$"--config={file.Path}", "--Http", "http://127.0.0.1:2", "--Directories:0:Apps:0:Name=x"], readEnvironment: false);

        Assert.Equal(("https://a.test", "http://127.0.0.1:2"), (options.PublicBaseUrl, options.Http));
        Assert.Equal("x", Assert.Single(Assert.Single(options.Directories).Apps).Name);
        Assert.False(options.Hooks);
    }

    [Fact]
    public void Environment_variables_with_the_prefix_change_single_keys()
    {
        const string Name = "EMULATOR_Directories__0__Apps__0__Secret";
        Environment.SetEnvironmentVariable(Name, "from the environment");
        try
        {
            EmulatorOptions options = EmulatorConfiguration.Load([]);

            Assert.Equal("from the environment", options.Directories[0].Apps[0].Secret);
            Assert.Equal("prom", options.Directories[0].Apps[0].Name);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Name, null);
        }
    }

    [Theory]
    [InlineData("--config")]
    [InlineData("--Http")]
    [InlineData("http://127.0.0.1:5901")]
    [InlineData("-Http=x")]
    public void An_argument_that_says_nothing_is_refused(string argument) =>
        Assert.Throws<ArgumentException>(() => EmulatorConfiguration.Load([argument], readEnvironment: false));

    private static string FaultOf(EmulatorOptions options) => Assert.Single(FaultsOf(options));

    private static string[] FaultsOf(EmulatorOptions options) =>
        [.. Assert.Throws<OptionsValidationException>(() => EmulatorApp.Build(options)).Failures];

    private static async Task BuildAsync(EmulatorOptions options)
    {
        await using WebApplication app = EmulatorApp.Build(options);
    }

    /// <summary>A configuration file, for as long as a test takes.</summary>
    private sealed class ConfigFile : IDisposable
    {
        public ConfigFile(string json) => File.WriteAllText(Path, json);

        public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"emulator-{Guid.NewGuid():N}.json");

        public void Dispose() => File.Delete(Path);
    }
}
