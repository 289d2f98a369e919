using System.Globalization;
using System.Text.Json;
using RemoteWriteGateway.EndToEnd.Tests.Programs;

namespace RemoteWriteGateway.EndToEnd.Tests.Reads;

/// <summary><c>promtool query</c>, unmodified, with a token in its HTTP configuration: each of its commands finds the reader's own data and nothing else.</summary>
public sealed class PromtoolTests(ReadStand stand) : IClassFixture<ReadStand>
{
    public static TheoryData<string> Stores => [.. ReadStand.Stores];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Url => stand.Gateway.Url.ToString().TrimEnd('/');

    // Whole seconds, none of them before the sample that it is to show.
    private string Newest => Seconds(stand.Now.AddSeconds(1));

    private string Oldest => Seconds(stand.Now.AddSeconds(-59));

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Query_instant_finds_the_readers_own(string store)
    {
        JsonElement own = Json(await GoodAsync(store, "instant", "--format=json", "--time=" + Newest, Url, "lift_floor{zone=\"a\"} * 2"));

        JsonElement sample = Assert.Single(own.EnumerateArray());
        Assert.Equal("14", sample.GetProperty("value")[1].GetString());
        Assert.Equal($"red-{store}", sample.GetProperty("metric").GetProperty("tenant").GetString());
        Assert.Equal("", (await GoodAsync(store, "instant", "--time=" + Newest, Url, "vault_balance or vault_untagged")).Trim());
        Assert.Contains(" 2 @", await GoodAsync(store, "instant", Url, "1+1"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Query_range_finds_the_readers_own(string store)
    {
        JsonElement own = Json(await GoodAsync(store, "range", "--format=json", "--start=" + Oldest, "--end=" + Newest, "--step=15s", Url, "lift_floor"));

        JsonElement series = Assert.Single(own.EnumerateArray());
        Assert.Equal(5, series.GetProperty("values").GetArrayLength());
        Assert.All(series.GetProperty("values").EnumerateArray(), point => Assert.Equal("7", point[1].GetString()));
        Assert.Equal("", (await GoodAsync(store, "range", "--start=" + Oldest, "--end=" + Newest, "--step=15s", Url, "{hush_label!=\"\"}")).Trim());

        // A header of promtool's own, by which one of the granted tenants is chosen.
        string chosen = await GoodAsync(
            store, "range", $"--header=X-Scope-OrgID=red-{store}", "--start=" + Oldest, "--end=" + Newest, "--step=15s", Url, "count(lift_floor)");
        Assert.Contains("1 @", chosen, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Query_series_and_labels_find_the_readers_own(string store)
    {
        string series = await GoodAsync(store, "series", "--match=lift_floor", "--match={hush_label!=\"\"}", "--start=" + Oldest, "--end=" + Newest, Url);
        string names = await GoodAsync(store, "labels", "--start=" + Oldest, "--end=" + Newest, Url, "__name__");
        string zones = await GoodAsync(store, "labels", "--match=lift_floor", "--start=" + Oldest, "--end=" + Newest, Url, "zone");

        Assert.Contains("lift_floor", Assert.Single(Lines(series)), StringComparison.Ordinal);
        Assert.Equal([.. ReadStand.OddNames.Append("lift_floor").Order(StringComparer.Ordinal)], Lines(names).Order(StringComparer.Ordinal));
        Assert.Equal(["a"], Lines(zones));
        Assert.Empty(Lines(await GoodAsync(store, "labels", "--start=" + Oldest, "--end=" + Newest, Url, "hush_label")));
    }

    [Fact]
    public async Task A_refusal_is_shown_with_its_reason_and_what_to_do()
    {
        CommandResult wrong = await RunAsync("prometheus3", await stand.TokenAsync("red-prometheus3"), "instant", Url, "rate(lift_floor)");
        CommandResult foreign = await RunAsync("prometheus3", "not-a-token", "instant", Url, "lift_floor");

        Assert.NotEqual(0, wrong.Code);
        Assert.Contains("bad_data: query-invalid", wrong.Error, StringComparison.Ordinal);
        Assert.Contains("rate() takes a range vector", wrong.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, foreign.Code);
        Assert.DoesNotContain("lift_floor{", foreign.Text, StringComparison.Ordinal);
    }

    private async Task<string> GoodAsync(string store, string command, params string[] arguments)
    {
        CommandResult result = await RunAsync(store, await stand.TokenAsync($"red-{store}"), command, arguments);
        Assert.True(result.Code == 0, $"promtool query {command} {string.Join(' ', arguments)} ({store}): {result.Text}");
        Assert.DoesNotContain(ReadStand.Secret, result.Text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(ReadStand.SecretValue, result.Text, StringComparison.Ordinal);
        return result.Output;
    }

    private Task<CommandResult> RunAsync(string store, string token, string command, params string[] arguments)
    {
        string folder = $"promtool-{store}-{Guid.NewGuid():N}";
        stand.Workspace.Write(folder, "token", token);
        string configuration = stand.Workspace.Write(folder, "http.yml", "authorization: { credentials_file: token }\n");
        return Command.RunAsync(
            Repository.RealProgram("RWGATEWAY_PROMTOOL", "promtool 3.5 or newer"),
            ["query", command, "--http.config.file=" + configuration, .. arguments],
            stand.Workspace.Folder(folder),
            Cancellation);
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;

    private static string Seconds(DateTimeOffset time) => time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
}
