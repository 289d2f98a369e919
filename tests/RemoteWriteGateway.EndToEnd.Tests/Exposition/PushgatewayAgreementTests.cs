using System.Net;
using System.Text;
using System.Text.Json;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.EndToEnd.Tests.Exposition;

/// <summary>
/// What a real Pushgateway takes and what it makes of it, and what our reader does, for thousands of texts. Where they differ on purpose,
/// <c>docs/exposition.md</c> says so and <see cref="KnownDifference"/> recognises it.
/// </summary>
public sealed class PushgatewayAgreementTests
{
    private const int Texts = 1500;

    private static readonly GroupingLabels Group = GroupingLabels.Create([KeyValuePair.Create("job", "j")]);

    private static readonly ExpositionOptions Options = new()
    {
        Limits = new StampOptions { TenantLabel = "tenant", TenantValue = "ours" },
    };

    private static readonly HttpClient Client = new();

    [Fact]
    public async Task Valid_texts_are_taken_by_both_and_mean_the_same()
    {
        await using Workspace workspace = new();
        PushgatewayServer pushgateway = await PushgatewayServer.StartAsync(workspace, TestContext.Current.CancellationToken);
        for (int seed = 0; seed < Texts; seed++)
        {
            string body = new RandomTexts(new Random(seed)).NextValid();
            string difference = await CompareAsync(pushgateway.Url, body);
            Assert.True(difference.Length == 0, $"seed {seed}: {difference}\n{body}");
        }
    }

    [Fact]
    public async Task Edited_texts_are_taken_or_refused_by_both_but_for_the_documented_differences()
    {
        await using Workspace workspace = new();
        PushgatewayServer pushgateway = await PushgatewayServer.StartAsync(workspace, TestContext.Current.CancellationToken);
        List<string> differences = [];
        Dictionary<string, int> known = [];
        int refused = 0;
        for (int seed = 0; seed < 2 * Texts; seed++)
        {
            string body = new RandomTexts(new Random(seed)).NextEdited();
            string difference = await CompareAsync(pushgateway.Url, body);
            refused += difference == "both refuse" ? 1 : 0;
            if (difference.Length == 0 || difference == "both refuse")
            {
                continue;
            }

            if (KnownDifference.Name(difference, body) is { } name)
            {
                known[name] = known.GetValueOrDefault(name) + 1;
            }
            else
            {
                differences.Add($"seed {seed}: {difference}\n{body}\n---");
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{refused} refused by both; {string.Join(", ", known)}");
        Assert.True(differences.Count == 0, $"{differences.Count} differences:\n{string.Join('\n', differences.Take(12))}");
        Assert.InRange(refused, Texts / 4, 2 * Texts);
    }

    /// <summary>How the two differ on a body; empty if both take it and mean the same.</summary>
    private static async Task<string> CompareAsync(Uri pushgateway, string body)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        using ByteArrayContent content = new(bytes);
        using HttpResponseMessage answer = await Client.PutAsync(
            new Uri(pushgateway, "/metrics/job/j"), content, TestContext.Current.CancellationToken);
        string theirs = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        MetricFamilies families = new();
        ExpositionFault fault = ExpositionReader.Read(bytes, ExpositionFormat.Text, Options, families);
        fault = fault.IsNone ? ContentRules.Check(families, Group, Options) : fault;
        bool isTaken = answer.StatusCode == HttpStatusCode.OK;
        if (isTaken != fault.IsNone)
        {
            return isTaken ? $"only we refuse: {fault.Reason.Id()}: {fault.Text}" : $"only they refuse: {theirs.Trim()}";
        }

        if (!isTaken)
        {
            return "both refuse";
        }

        await using Stream stream = await Client.GetStreamAsync(
            new Uri(pushgateway, "/api/v1/metrics"), TestContext.Current.CancellationToken);
        using JsonDocument document = await JsonDocument.ParseAsync(stream, default, TestContext.Current.CancellationToken);
        string expected = GroupText.Of(document.RootElement);
        string actual = GroupText.Of(families, Group);
        return expected == actual ? "" : $"they have\n{expected}\nwe have\n{actual}";
    }
}
