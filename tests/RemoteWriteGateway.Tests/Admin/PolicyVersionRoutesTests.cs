using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Tests.Attacks;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary>What the policy file said, when and where; who has access by it, and who used it.</summary>
public sealed class PolicyVersionRoutesTests
{
    private const string Versions = "/admin/v1/policy/versions";

    /// <summary>App <c>prom</c> writes <c>theirs</c> instead of <c>ours</c>, and nobody is an auditor of <c>ours</c> alone.</summary>
    private static readonly string Changed = GatewayHost.AdminPolicy
        .Replace("role: [Metrics.Write] }\n  grant: { permissions: [metrics:write], tenants: [ours] }", "role: [Metrics.Write] }\n  grant: { permissions: [metrics:write], tenants: [theirs] }", StringComparison.Ordinal)
        .Replace("- id: audit-ours\n  match: { kind: user, role: [Audit.Ours] }\n  grant: { permissions: [audit:read], tenants: [ours] }\n", "", StringComparison.Ordinal);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Versions_are_listed_newest_first_and_read_word_for_word(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, [("Catalog:ReplicaName", "gw-0")], catalog: catalog);
        string first = gateway.Services.GetPolicyVersion();
        string second = await ChangeAsync(gateway);
        string reader = gateway.UserToken("Policy.Read");

        JsonNode list = await UntilListedAsync(gateway, 2);

        Assert.Equal(
            $$"""{"items":[{"version":"{{second}}","replica":"gw-0","from":"2026-11-24T12:01:00Z","to":null},{"version":"{{first}}","replica":"gw-0","from":"2026-11-24T12:00:00Z","to":"2026-11-24T12:01:00Z"}],"next":null}""",
            list.ToJsonString());
        JsonNode page = await gateway.JsonAsync("GET", $"{Versions}?limit=1", reader);
        Assert.Equal(first, (await gateway.JsonAsync("GET", $"{Versions}?limit=1&cursor={page["next"]}", reader))["items"]![0]!["version"]!.GetValue<string>());
        JsonNode document = await gateway.JsonAsync("GET", $"{Versions}/{first}", reader);
        Assert.Equal((first, GatewayHost.AdminPolicy, "2026-11-24T12:00:00Z"), (document["version"]!.GetValue<string>(), document["document"]!.GetValue<string>(), document["loadedAt"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("0123456789abcdef")]
    [InlineData("%27%20OR%201%3d1--")]
    [InlineData("%00")]
    public async Task A_version_that_there_is_not_is_not_found(string version)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string reader = gateway.UserToken("Policy.Read");
        string known = gateway.Services.GetPolicyVersion();

        foreach (string path in (string[])[$"{Versions}/{version}", $"{Versions}/{version}/diff/{known}", $"{Versions}/{known}/diff/{version}"])
        {
            using HttpResponseMessage answer = await gateway.CallAsync("GET", path, reader);
            Assert.True(answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.BadRequest, $"{answer.StatusCode}"); // the server itself refuses a NUL
        }
    }

    [Fact]
    public async Task A_difference_is_told_by_rules()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);
        string first = gateway.Services.GetPolicyVersion();
        string second = await ChangeAsync(gateway);
        await UntilListedAsync(gateway, 2);

        JsonNode diff = await gateway.JsonAsync("GET", $"{Versions}/{first}/diff/{second}", gateway.UserToken("Policy.Read"));

        Assert.Equal(
            $$"""{"gains":[{"caller":null,"binding":"prom","deny":null,"revocation":null,"who":"app, client {{GatewayHost.PromClient}}, role Metrics.Write","permission":"metrics:write","tenants":["theirs"]}],"loses":[{"caller":null,"binding":"prom","deny":null,"revocation":null,"who":"app, client {{GatewayHost.PromClient}}, role Metrics.Write","permission":"metrics:write","tenants":["ours"]},{"caller":null,"binding":"audit-ours","deny":null,"revocation":null,"who":"user, role Audit.Ours","permission":"audit:read","tenants":["ours"]}],"changed":[],"callers":null}""",
            diff.ToJsonString());
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_difference_is_told_by_callers_that_the_audit_knows(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        await WriteAsync(gateway, "prom");
        await WriteAsync(gateway, "other");
        await gateway.JsonAsync("GET", "/whoami", gateway.UserToken("Audit.Ours"));
        string first = gateway.Services.GetPolicyVersion();
        string second = await ChangeAsync(gateway);
        await UntilListedAsync(gateway, 2);
        await FlushAuditAsync(gateway);

        JsonNode diff = await gateway.JsonAsync("GET", $"{Versions}/{first}/diff/{second}?callers=30d", gateway.UserToken("Policy.Read"));

        Assert.Equal("prom metrics:write theirs", Show(diff["gains"]!));
        Assert.Contains("prom metrics:write ours", Show(diff["loses"]!), StringComparison.Ordinal);
        Assert.True(diff["callers"]!.GetValue<int>() >= 3);
        using HttpResponseMessage tooLong = await gateway.CallAsync("GET", $"{Versions}/{first}/diff/{second}?callers=401d", gateway.UserToken("Policy.Read"));
        Assert.Equal(["callers: is not a time from 1ms to 400d"], await ProblemCheck.AssertAsync(tooLong, 400, "bad-request"));
    }

    [Fact]
    public async Task Access_is_told_for_now_and_for_then()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, [("Catalog:ReplicaName", "gw-0")]);
        string first = gateway.Services.GetPolicyVersion();
        string second = await ChangeAsync(gateway);
        await UntilListedAsync(gateway, 2);
        string reader = gateway.UserToken("Policy.Read");

        JsonNode now = await gateway.JsonAsync("GET", "/admin/v1/access?tenant=ours&permission=metrics:write", reader);
        JsonNode then = await gateway.JsonAsync("GET", "/admin/v1/access?tenant=ours&permission=metrics:write&at=2026-11-24T12:00:30Z", reader);
        JsonNode operators = await gateway.JsonAsync("GET", "/admin/v1/access?permission=policy:read", reader);

        Assert.Equal((second, "both"), (now["policyVersion"]!.GetValue<string>(), Bindings(now)));
        Assert.Equal((first, "prom both"), (then["policyVersion"]!.GetValue<string>(), Bindings(then)));
        Assert.Equal("operators policy-readers", Bindings(operators));
        Assert.Equal(
            $$"""{"binding":"prom","match":{"kind":["app"],"client":["{{GatewayHost.PromClient}}"],"oid":null,"group":null,"role":["Metrics.Write"],"scope":null,"clientAuth":null,"roleTemplate":null},"permissions":["metrics:write"],"notBefore":null,"notAfter":null,"policyVersions":["{{first}}"]}""",
            then["items"]![0]!.ToJsonString());
        Assert.Equal($$"""[{"version":"{{first}}","replicas":["gw-0"]}]""", then["versions"]!.ToJsonString());
    }

    [Theory]
    [InlineData("permission=metrics:read", "tenant: is required with metrics:read")]
    [InlineData("permission=gateway:admin&tenant=ours", "tenant: gateway:admin is about the gateway and not about tenants; leave it out")]
    [InlineData("tenant=ours", "permission: is required")]
    [InlineData("tenant=ours&permission=metrics:all", "permission: is none of metrics:write, metrics:push, metrics:delete, metrics:read, audit:read, policy:read, gateway:admin")]
    [InlineData("tenant=ours&permission=metrics:read&at=2026-11-24T12:00:01Z", "at: is in the future: nobody knows the policy of then")]
    public async Task A_question_for_access_that_makes_no_sense_is_refused(string query, string error)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);

        using HttpResponseMessage answer = await gateway.CallAsync("GET", $"/admin/v1/access?{query}", gateway.UserToken("Policy.Read"));

        Assert.Equal([error], await ProblemCheck.AssertAsync(answer, 400, "bad-request"));
    }

    [Theory]
    [InlineData("tenant=nobody&permission=metrics:read")]
    [InlineData("tenant=ours&permission=metrics:read&at=2020-01-01T00:00:00Z")]
    public async Task Access_to_what_there_is_not_is_not_found(string query)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy);

        using HttpResponseMessage answer = await gateway.CallAsync("GET", $"/admin/v1/access?{query}", gateway.UserToken("Policy.Read"));

        await ProblemCheck.AssertAsync(answer, 404, "not-found");
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_review_tells_who_used_what_and_what_nobody_used(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, catalog: catalog);
        for (int i = 0; i < 3; i++)
        {
            await WriteAsync(gateway, "prom");
        }

        await FlushAuditAsync(gateway);
        gateway.Time.Advance(TimeSpan.FromSeconds(1));
        string auditor = gateway.UserToken("Gateway.Audit");

        JsonNode review = await gateway.JsonAsync("GET", "/admin/v1/access-review", auditor);

        JsonNode use = review["items"]!.AsArray().Single(item => item!["binding"]!.GetValue<string>() == "prom")!;
        Assert.Equal(("ours", "metrics:write", 3L), (use["tenant"]!.GetValue<string>(), use["permission"]!.GetValue<string>(), use["uses"]!.GetValue<long>()));
        Assert.Equal(("app", GatewayHost.PromClient), (use["subject"]!["kind"]!.GetValue<string>(), use["subject"]!["client"]!.GetValue<string>()));
        Assert.Equal("audit-ours audit-theirs auditors both operators other policy-readers", string.Join(' ', review["unusedBindings"]!.AsArray().Select(one => one!.GetValue<string>())));

        using HttpResponseMessage csv = await gateway.CallAsync("GET", "/admin/v1/access-review", auditor, change: request => request.Headers.Accept.ParseAdd("text/csv"));
        string[] lines = (await csv.Content.ReadAsStringAsync(Cancel)).Split("\r\n");
        Assert.Equal(("text/csv", "no-store"), (csv.Content.Headers.ContentType?.MediaType, csv.Headers.CacheControl?.ToString()));
        Assert.Equal("binding,subject,subjectKind,subjectName,client,tenant,permission,firstUsed,lastUsed,uses", lines[0]);
        Assert.Contains(lines, line => line.StartsWith("prom,", StringComparison.Ordinal) && line.EndsWith(",3", StringComparison.Ordinal));
        Assert.Contains("both,,,,,,,,,0", lines);

        using HttpResponseMessage partly = await gateway.CallAsync("GET", "/admin/v1/access-review", gateway.UserToken("Audit.Ours"));
        await ProblemCheck.AssertAsync(partly, 403, "tenant-not-granted");
        using HttpResponseMessage backwards = await gateway.CallAsync("GET", "/admin/v1/access-review?from=2026-11-24T00:00:00Z&to=2026-11-23T00:00:00Z", auditor);
        await ProblemCheck.AssertAsync(backwards, 400, "bad-request");
    }

    [Fact]
    public async Task Replicas_tell_what_runs_on_them()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(GatewayHost.AdminPolicy, [("Catalog:ReplicaName", "gw-0")]);

        JsonNode answer = await gateway.JsonAsync("GET", "/admin/v1/replicas", gateway.UserToken("Gateway.Admin"));

        JsonNode one = Assert.Single(answer["items"]!.AsArray())!;
        Assert.Equal(("gw-0", true, gateway.Services.GetPolicyVersion()), (one["name"]!.GetValue<string>(), one["live"]!.GetValue<bool>(), one["policyVersion"]!.GetValue<string>()));
        Assert.Equal([gateway.Services.GetPolicyVersion()], answer["policyVersions"]!.AsArray().Select(version => version!.GetValue<string>()));
    }

    /// <summary>Takes <see cref="Changed"/>, a minute after the start.</summary>
    private static async Task<string> ChangeAsync(GatewayHost gateway)
    {
        string before = gateway.Services.GetPolicyVersion();
        gateway.Time.Advance(TimeSpan.FromMinutes(1));
        await gateway.ReloadPolicyAsync(Changed); // or the poll of that minute
        string after = gateway.Services.GetPolicyVersion();
        Assert.NotEqual(before, after);
        return after;
    }

    /// <summary>A version is written down in the background.</summary>
    private static async Task<JsonNode> UntilListedAsync(GatewayHost gateway, int count)
    {
        while (true)
        {
            JsonNode list = await gateway.JsonAsync("GET", Versions, gateway.UserToken("Policy.Read"));
            if (list["items"]!.AsArray().Count == count)
            {
                return list;
            }
        }
    }

    /// <summary>Has everything written that is to be on record, and waits until the catalog has it: it may take the way through the spool.</summary>
    private static async Task FlushAuditAsync(GatewayHost gateway)
    {
        await gateway.Services.GetRequiredService<AuditLog>().FlushAsync(Cancel);
        while (gateway.Services.GetRequiredService<AuditStore>().SpooledRecords > 0)
        {
            Cancel.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private static async Task WriteAsync(GatewayHost gateway, string app)
    {
        using HttpResponseMessage answer = await gateway.WriteAsync(SenderMessages.ToV1(SenderMessages.Series("up").At(gateway.NowMs)), gateway.Token(app));
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    private static string Bindings(JsonNode access) => string.Join(' ', access["items"]!.AsArray().Select(item => item!["binding"]!.GetValue<string>()));

    /// <summary>The changes of known apps, each as <c>app permission tenants</c>.</summary>
    private static string Show(JsonNode changes) => string.Join(", ", changes.AsArray().Select(change =>
    {
        string client = change!["caller"]!["client"]!.GetValue<string>();
        string name = client == GatewayHost.PromClient ? "prom" : client == GatewayHost.OtherClient ? "other" : "ann";
        return $"{name} {change["permission"]} {string.Join('|', change["tenants"]!.AsArray())}";
    }));
}
