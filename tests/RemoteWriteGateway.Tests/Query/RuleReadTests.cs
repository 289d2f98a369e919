using System.Net;
using System.Text.Json.Nodes;

namespace RemoteWriteGateway.Tests.Query;

/// <summary>Rules and alerts: all of the store's are read, and what each tenant may see of them is written anew.</summary>
public sealed class RuleReadTests
{
    private const string Rules = """
        {"status":"success","data":{"groupNextToken":"hidden","groups":[
          {"name":"red","file":"a.yml","interval":15,"limit":0,"secret":"x","rules":[
            {"type":"recording","name":"red:floor","query":"lift_floor","health":"ok","labels":{"tenant":"red"},"secret":"x"},
            {"type":"alerting","name":"RedDown","query":"up == 0","state":"firing","lastError":"mine","labels":{"tenant":"red"},"alerts":[
              {"labels":{"tenant":"red","alertname":"RedDown"},"state":"firing","activeAt":"t","value":"1","secret":"x"}]}]},
          {"name":"shared","file":"b.yml","interval":15,"rules":[
            {"type":"alerting","name":"Both","query":"q","state":"firing","lastError":"vault_balance","labels":{"severity":"page"},"alerts":[
              {"labels":{"tenant":"red"},"state":"pending","value":"1"},{"labels":{"tenant":"blue","n":"vault_balance"},"state":"firing","value":"2"}]},
            {"type":"alerting","name":"OnlyBlue","query":"vault_balance","state":"firing","labels":{},"alerts":[{"labels":{"tenant":"blue"},"state":"firing"}]},
            {"type":"alerting","name":"Templated","query":"t","state":"firing","labels":{"tenant":"{{ $labels.tenant }}"},"alerts":[{"labels":{"tenant":"red"},"state":"firing"}]},
            {"type":"recording","name":"vault:sum","query":"sum(vault_balance)","labels":{}},
            {"type":"alerting","name":"Untagged","query":"vault_balance","labels":{},"alerts":[{"labels":{},"state":"firing"}]}]},
          {"name":"blue","file":"c.yml","rules":[
            {"type":"alerting","name":"BlueDown","query":"vault_balance","labels":{"tenant":"blue"},"alerts":[{"labels":{"tenant":"red"},"state":"firing"}]},
            {"type":"recording","name":"twice","query":"vault_balance","labels":{"tenant":"red","tenant":"blue"}}]}]}}
        """;

    [Fact]
    public async Task A_reader_sees_its_own_rules_and_its_own_alerts_of_shared_ones()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json(Rules);

        (HttpStatusCode _, string text) = await host.CallAsync("/api/v1/rules?group_limit=1&group_next_token=hidden");

        Assert.DoesNotContain("vault", text, StringComparison.Ordinal);
        Assert.DoesNotContain("blue", text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", text, StringComparison.Ordinal);
        Assert.Equal(["red:floor", "RedDown", "Both", "Templated"], NamesIn(text));
        JsonNode shared = JsonNode.Parse(text)!["data"]!["groups"]![1]!["rules"]![0]!; // of the form above
        Assert.Equal("pending", (string?)shared["state"]);
        Assert.Equal("", (string?)shared["lastError"]);
        Assert.Equal("/api/v1/rules", Assert.Single(host.Asked).Target);
        Assert.Contains("\"filtered\":{\"rules\":5,\"alerts\":", (await host.RecordsAsync())[0].Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("type=Record", "red:floor")]
    [InlineData("type=alert&rule_group[]=red", "RedDown")]
    [InlineData("rule_name[]=Both&rule_name[]=RedDown", "RedDown Both")]
    [InlineData("file[]=c.yml", "")]
    public async Task What_a_client_wishes_is_applied_to_what_is_left(string wishes, string names)
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json(Rules);

        (HttpStatusCode _, string text) = await host.CallAsync("/api/v1/rules?" + wishes);

        Assert.Equal(names, string.Join(' ', NamesIn(text)));
        Assert.Equal("/api/v1/rules", Assert.Single(host.Asked).Target);
    }

    [Fact]
    public async Task Without_alerts_shared_rules_are_still_those_with_an_alert_of_ours()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json(Rules);

        (HttpStatusCode _, string text) = await host.CallAsync("/api/v1/rules?exclude_alerts=true");

        Assert.Equal(["red:floor", "RedDown", "Both", "Templated"], NamesIn(text));
        Assert.DoesNotContain("activeAt", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shared_rules_can_be_hidden()
    {
        await using ReadHost host = await ReadHost.StartAsync([("Query:SharedRules", "Hide")]);
        host.Answering = _ => ReadHost.Json(Rules);

        Assert.Equal(["red:floor", "RedDown"], NamesIn((await host.CallAsync("/api/v1/rules")).Text));
    }

    [Fact]
    public async Task One_answer_of_the_store_serves_all_readers_for_ten_seconds()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json(Rules);

        string red = (await host.CallAsync("/api/v1/rules")).Text;
        string blue = (await host.CallAsync("/api/v1/rules", token: host.Blue)).Text;
        host.Gateway.Time.Advance(TimeSpan.FromSeconds(10));
        await host.CallAsync("/api/v1/rules");

        Assert.DoesNotContain("OnlyBlue", red, StringComparison.Ordinal);
        Assert.Equal(["Both", "OnlyBlue", "BlueDown"], NamesIn(blue));
        Assert.Equal(2, host.Asked.Count);
    }

    [Fact]
    public async Task A_clients_own_selector_is_written_anew_and_the_answer_filtered_all_the_same()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json(Rules);

        (HttpStatusCode _, string text) = await host.CallAsync("/api/v1/rules?match[]={ 'tenant' = \"blue\" }");

        Assert.Equal([("match[]", """{tenant="blue"}""")], ReadHost.ParametersOf(Assert.Single(host.Asked)));
        Assert.DoesNotContain("vault", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Alerts_are_those_with_a_tenant_of_the_read()
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json("""
            {"status":"success","data":{"alerts":[
              {"labels":{"tenant":"red"},"annotations":{"a":"b"},"state":"firing","activeAt":"t","value":"1e+00"},
              {"labels":{"tenant":"blue","n":"vault_balance"},"state":"firing"},{"labels":{"n":"vault_balance"},"state":"firing"}]}}
            """);

        (HttpStatusCode _, string text) = await host.CallAsync("/api/v1/alerts");

        Assert.Equal("""{"status":"success","data":{"alerts":[{"labels":{"tenant":"red"},"annotations":{"a":"b"},"state":"firing","activeAt":"t","value":"1e+00"}]}}""", text);
    }

    [Theory]
    [InlineData("""{"status":"success","data":[]}""")]
    [InlineData("""{"status":"success","data":{"groups":{}}}""")]
    [InlineData("""{"status":"success","data":{"groups":[{"name":"x"}]}}""")]
    [InlineData("not json")]
    public async Task An_answer_of_another_form_is_refused(string answer)
    {
        await using ReadHost host = await ReadHost.StartAsync();
        host.Answering = _ => ReadHost.Json(answer);

        Assert.Equal("store-answer-invalid", await host.ReasonAsync(HttpStatusCode.BadGateway, "/api/v1/rules"));
    }

    [Fact]
    public async Task Metadata_of_a_label_store_is_empty_without_asking()
    {
        await using ReadHost host = await ReadHost.StartAsync();

        Assert.Equal((HttpStatusCode.OK, """{"status":"success","data":{}}"""), await host.CallAsync("/api/v1/metadata?metric=vault_balance&limit=1"));
        Assert.Empty(host.Asked);
    }

    private static IEnumerable<string?> NamesIn(string text) => JsonNode.Parse(text)!["data"]!["groups"]!.AsArray() // of the API's form
        .SelectMany(group => group!["rules"]!.AsArray().Select(rule => (string?)rule!["name"]));
}
