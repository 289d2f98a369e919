using System.Text.RegularExpressions;
using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Deployment;

/// <summary>The alerting rules that come with the gateway: a real promtool takes them, and a real gateway has what they ask for.</summary>
public sealed partial class AlertTests
{
    private const string Rules = "deploy/alerts/rwgateway.yml";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Promtool_takes_the_rules()
    {
        await using Workspace workspace = new();

        CommandResult result = await Command.RunAsync(
            Repository.RealProgram("RWGATEWAY_PROMTOOL", "promtool 3"), ["check", "rules", Repository.PathOf(Rules)], workspace.Folder("rules"), Cancellation);

        Assert.True(result.Code == 0, result.Text);
        Assert.Contains("7 rules found", result.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_metric_of_the_rules_is_one_of_the_gateways()
    {
        await using Workspace workspace = new();
        Emulator emulator = await Emulator.StartAsync(workspace, ["ours"], Cancellation);
        Gateway gateway = await Gateway.StartAsync(
            workspace, emulator, new Dictionary<string, object> { ["main"] = new { Kind = "Prometheus", Url = "http://127.0.0.1:9" } }, [new GatewayTenant("ours", "main")], Cancellation);
        using HttpClient client = new();
        string metrics = await client.GetStringAsync(new Uri(gateway.Management, "/metrics"), Cancellation);
        string[] asked = [.. MetricName().Matches(await File.ReadAllTextAsync(Repository.PathOf(Rules), Cancellation)).Select(match => match.Value).Distinct()];

        Assert.True(asked.Length >= 9);
        Assert.All(asked, name => Assert.Contains($"# TYPE {name} gauge\n", metrics, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"\brwgateway_[a-z_]+\b")]
    private static partial Regex MetricName();
}
