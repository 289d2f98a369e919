using System.Diagnostics;
using System.Text.RegularExpressions;
using EntraEmulator;
using EntraEmulator.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace RemoteWriteGateway.Tests.Deployment;

/// <summary>What can be known of <c>docker-compose.yml</c> without an engine that runs it: that its parts fit each other, and what it must not hold.</summary>
public sealed partial class ComposeTests
{
    private const string Folder = "deploy/compose";

    private static readonly Dictionary<string, object?> Compose = Parse(RepositoryFile.Read("docker-compose.yml"));

    private static Dictionary<string, object?> Services => Map(Compose["services"]);

    [Fact]
    public void Every_service_comes_from_a_target_of_the_Dockerfile_or_from_an_image_of_one_version()
    {
        string dockerfile = RepositoryFile.Read("Dockerfile");
        foreach ((string name, object? service) in Services)
        {
            Dictionary<string, object?> one = Map(service);
            if (one.TryGetValue("build", out object? build))
            {
                Assert.Equal(".", Map(build)["context"]);
                Assert.Contains($" AS {Map(build)["target"]}\n", dockerfile, StringComparison.Ordinal);
            }
            else
            {
                Assert.Matches(@"^[a-z/]+:v?[0-9]+(\.[0-9]+)*$", (string)one["image"]!); // not null: it has no build
            }

            Assert.True(one.ContainsKey("restart"), name);
        }
    }

    [Fact]
    public void What_is_not_the_database_runs_as_nobody_in_particular_on_a_file_system_that_it_cannot_write()
    {
        foreach ((string name, object? service) in Services.Where(service => service.Key != "postgres"))
        {
            Dictionary<string, object?> one = Map(service);
            Assert.Equal("true", one["read_only"]);
            Assert.Equal(["ALL"], List(one["cap_drop"]));
            Assert.Equal(["no-new-privileges:true"], List(one["security_opt"]));
            Assert.Matches("^[1-9][0-9]*:[1-9][0-9]*$", (string)one["user"]!); // not null: no service without one
            Assert.False(one.ContainsKey("privileged") || one.ContainsKey("network_mode") || one.ContainsKey("cap_add"), name);
        }
    }

    [Fact]
    public void Ports_are_published_on_loopback_only_and_once() =>
        Assert.All(
            Services.Values.SelectMany(service => Map(service).TryGetValue("ports", out object? ports) ? List(ports) : []).GroupBy(port => port.Split(':')[1]),
            port => Assert.StartsWith("127.0.0.1:", Assert.Single(port), StringComparison.Ordinal));

    [Fact]
    public void Every_folder_that_is_mounted_is_there_and_every_volume_is_declared_and_used()
    {
        string[] mounts = [.. Services.Values.SelectMany(service => Map(service).TryGetValue("volumes", out object? volumes) ? List(volumes) : [])];
        foreach (string mount in mounts.Where(mount => mount.StartsWith('.')))
        {
            Assert.True(Directory.Exists(RepositoryFile.PathOf(mount.Split(':')[0])), mount);
            Assert.EndsWith(":ro", mount, StringComparison.Ordinal);
        }

        Assert.Equal(
            Map(Compose["volumes"]).Keys.Order(StringComparer.Ordinal),
            mounts.Where(mount => !mount.StartsWith('.')).Select(mount => mount.Split(':')[0]).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(
            Map(Compose["secrets"]).Keys.Order(StringComparer.Ordinal),
            Services.Values.SelectMany(service => Map(service).TryGetValue("secrets", out object? secrets) ? List(secrets) : []).Distinct().Order(StringComparer.Ordinal));
        Assert.All(
            Services.Values.SelectMany(service => Map(service).TryGetValue("depends_on", out object? others) ? Map(others) : []),
            other => Assert.True(
                (string)Map(other.Value)["condition"]! == "service_healthy" // not null: every dependency has a condition
                && (Map(Services[other.Key]).ContainsKey("healthcheck") || other.Key == "gateway"), // of its image
                other.Key));
    }

    [Fact]
    public async Task No_secret_stands_in_a_file_and_the_script_makes_each_of_them()
    {
        foreach (string file in Directory.EnumerateFiles(RepositoryFile.PathOf(Folder), "*", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/secrets/", StringComparison.Ordinal)).Append(RepositoryFile.PathOf("docker-compose.yml")).Append(RepositoryFile.PathOf("Dockerfile")))
        {
            Assert.DoesNotMatch(Secret(), await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        }

        Assert.Contains($"{Folder}/secrets/\n", RepositoryFile.Read(".gitignore"), StringComparison.Ordinal);
        DirectoryInfo copy = PreparedCopy();
        try
        {
            foreach (object? secret in Map(Compose["secrets"]).Values)
            {
                string file = Path.Combine(copy.FullName, Path.GetRelativePath(Folder, (string)Map(secret)["file"]!)); // not null: each is a file
                Assert.True(new FileInfo(file).Length > 16, file);
            }

            string password = await File.ReadAllTextAsync(Path.Combine(copy.FullName, "secrets", "postgres-password"), TestContext.Current.CancellationToken);
            Prepare(copy);
            Assert.Equal(password, await File.ReadAllTextAsync(Path.Combine(copy.FullName, "secrets", "postgres-password"), TestContext.Current.CancellationToken));
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    [Fact]
    public void The_emulator_takes_its_configuration_and_knows_the_secrets_of_its_apps()
    {
        DirectoryInfo copy = PreparedCopy();
        try
        {
            EmulatorOptions options = EmulatorConfiguration.Load(["--config", Path.Combine(copy.FullName, "secrets", "emulator.json"), "--DataDirectory", copy.FullName], readEnvironment: false);
            using (EmulatorApp.Build(options) as IDisposable)
            {
                Assert.Equal(
                    File.ReadAllText(Path.Combine(copy.FullName, "secrets", "client-secret")).Trim(),
                    options.Directories.Single().Apps.Single(app => app.Name == "prom").Secret);
                Assert.Equal(
                    File.ReadAllText(Path.Combine(copy.FullName, "secrets", "grafana-client-secret")).Trim(),
                    options.Directories.Single().Apps.Single(app => app.Name == "grafana").Secret);
            }

            Assert.Contains(new Uri(options.PublicBaseUrl).Host, options.TlsNames);
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_gateway_takes_its_configuration_and_its_policy()
    {
        DirectoryInfo copy = PreparedCopy();
        try
        {
            WebApplicationBuilder builder = WebApplication.CreateBuilder();
            builder.Configuration.Sources.Clear();
            builder.Configuration.AddJsonFile(Path.Combine(copy.FullName, "gateway", "appsettings.json"));
            string? password = builder.Configuration["Catalog:PasswordFile"];
            Assert.Equal("/run/secrets/postgres-password", password);
            Assert.Contains("postgres-password", List(Map(Services["gateway"])["secrets"]));
            builder.Configuration["Catalog:PasswordFile"] = Path.Combine(copy.FullName, "secrets", "postgres-password");
            await using WebApplication app = Program.Build(builder);
            app.Services.GetRequiredService<IStartupValidator>().Validate();

            string socket = builder.Configuration["Catalog:ConnectionString"]!.Split(';')[0].Split('=')[1]; // not null: validated
            Assert.Contains($"postgres-socket:{socket}", List(Map(Services["gateway"])["volumes"]));
            LoadedPolicy policy = new PolicyLoader([new StoreSettingsReader(null), new WriteSettingsReader(null, null)], directory: null)
                .Load(await PolicyDocument.ReadAsync(Path.Combine(copy.FullName, "gateway", "policy.yaml"), TestContext.Current.CancellationToken));
            Assert.Empty(policy.Faults);
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    /// <summary>Who names another part names a service, and a port that this one has.</summary>
    [Theory]
    [InlineData("gateway/appsettings.json")]
    [InlineData("sender/prometheus.yml")]
    [InlineData("grafana/grafana.ini")]
    [InlineData("grafana/provisioning/datasources/metrics.yaml")]
    public void Every_address_is_one_of_a_service(string file)
    {
        Dictionary<string, int[]> ports = new() { ["gateway"] = [8080, 8081], ["entra"] = [5901, 5903], ["store"] = [9090], ["sender"] = [9090], ["localhost"] = [9090] };
        string text = RepositoryFile.Read($"{Folder}/{file}");
        MatchCollection addresses = Address().Matches(text);

        Assert.NotEmpty(addresses);
        Assert.All(addresses, address => Assert.Contains(int.Parse(address.Groups["port"].Value, System.Globalization.CultureInfo.InvariantCulture), ports[address.Groups["host"].Value]));
        Assert.All(
            FilesInContainers().Matches(text).Select(match => match.Groups["name"].Value).Where(name => name != "ca.pem"),
            name => Assert.Contains(name, Map(Compose["secrets"]).Keys));
    }

    /// <summary>A copy of the folder after its script has run.</summary>
    private static DirectoryInfo PreparedCopy()
    {
        DirectoryInfo copy = Directory.CreateTempSubdirectory("rwgateway-compose-");
        string from = RepositoryFile.PathOf(Folder);
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories).Where(file => !file.Contains("/secrets/", StringComparison.Ordinal)))
        {
            string to = Path.Combine(copy.FullName, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!); // not null: a file has a folder
            File.Copy(file, to);
        }

        Prepare(copy);
        return copy;
    }

    private static void Prepare(DirectoryInfo copy)
    {
        using Process script = Process.Start(new ProcessStartInfo("bash", [Path.Combine(copy.FullName, "prepare.sh")]) { RedirectStandardOutput = true })!; // null only where a shell may reuse a process
        script.WaitForExit();
        Assert.Equal(0, script.ExitCode);
    }

    private static Dictionary<string, object?> Parse(string yaml) =>
        new DeserializerBuilder().Build().Deserialize<Dictionary<string, object?>>(new MergingParser(new Parser(new StringReader(yaml))));

    private static Dictionary<string, object?> Map(object? value) =>
        Assert.IsType<Dictionary<object, object?>>(value, exactMatch: false).ToDictionary(pair => (string)pair.Key, pair => pair.Value);

    private static IEnumerable<string> List(object? value) => Assert.IsType<List<object>>(value, exactMatch: false).Cast<string>();

    [GeneratedRegex("""(?im)^\s*-?\s*"?[A-Z_]*(PASSWORD|SECRET|TOKEN|PRIVATE_KEY)"?\s*[:=]\s*(?!"(CLIENT|GRAFANA)_SECRET"|true$|\$__file\{/run/secrets/)\S|Password=|-----BEGIN""")]
    private static partial Regex Secret();

    [GeneratedRegex("""(https?://|")(?<host>[a-z]+):(?<port>[0-9]+)""")]
    private static partial Regex Address();

    [GeneratedRegex("""/run/secrets/(?<name>[a-z.-]+)""")]
    private static partial Regex FilesInContainers();
}
