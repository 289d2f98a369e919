using System.Globalization;

namespace RemoteWriteGateway.Tests.Tenancy;

/// <summary>Every way to name a tenant, and to smuggle one. The writer may write to <c>ours</c> and <c>second</c>, the reader read both.</summary>
public sealed class RequestedTenantsTests
{
    private const string NoSuchTenant = "403 tenant-not-granted: no {0} on a requested tenant; see /whoami";
    private const string HowToName = "name one in header X-Scope-OrgID or by /tenants/<name>/";
    private const string Invalid = $"400 tenant-invalid: that is not the name of a tenant; {HowToName}";
    private const string Conflict = $"400 tenant-conflict: the request names a tenant more than once; {HowToName}";

    private const string Policy = """
        version: 1
        tenants: { ours: {}, second: {}, theirs: {} }
        bindings:
        - { id: writers, match: { kind: app, role: [W] }, grant: { permissions: [metrics:write], tenants: [ours, second] } }
        - { id: readers, match: { kind: app, role: [R] }, grant: { permissions: [metrics:read], tenants: [ours, second] } }
        """;

    [Theory]
    [InlineData("/tenants/ours/write", null, "200 ours")]
    [InlineData("/tenants/second/write", null, "200 second")]
    [InlineData("/write", "ours", "200 ours")]
    [InlineData("/tenants/ours/write", "ours", "200 ours")]
    [InlineData("/tenants/ours/write?tenant=theirs&X-Scope-OrgID=theirs", null, "200 ours")]
    [InlineData("http://gateway/tenants/ours/write", null, "200 ours")]
    [InlineData("/write", null, $"400 tenant-ambiguous: metrics:write is granted on several tenants; {HowToName}")]
    [InlineData("/write?tenant=ours", null, $"400 tenant-ambiguous: metrics:write is granted on several tenants; {HowToName}")]
    [InlineData("/tenants/ours/write", "second", Conflict)]
    [InlineData("/tenants/ours/write", "theirs", Conflict)]
    [InlineData("/tenants/theirs/write", null, NoSuchTenant)]
    [InlineData("/tenants/gone/write", null, NoSuchTenant)]
    [InlineData("/tenants/Ours/write", null, NoSuchTenant)]
    [InlineData("/write", "theirs", NoSuchTenant)]
    [InlineData("/write", "gone", NoSuchTenant)]
    [InlineData("/write", "OURS", NoSuchTenant)]
    [InlineData("/write", "ours|second", Invalid)]
    [InlineData("/write", "ours,second", Invalid)]
    [InlineData("/write", "", Invalid)]
    [InlineData("/write", "ours second", Invalid)]
    [InlineData("/write", "*", Invalid)]
    [InlineData("/write", ".*", Invalid)]
    [InlineData("/write", "../theirs", Invalid)]
    [InlineData("/write", "öurs", Invalid)]
    [InlineData("/tenants/ours%7Csecond/write", null, Invalid)]
    [InlineData("/tenants/ours|second/write", null, Invalid)]
    [InlineData("/tenants/%6Furs/write", null, Invalid)]
    [InlineData("/tenants/our%73/write", null, Invalid)]
    [InlineData("/%74enants/ours/write", null, Invalid)]
    [InlineData("/Tenants/ours/write", null, Invalid)]
    [InlineData("/tenants/theirs/../ours/write", null, Invalid)]
    [InlineData("/tenants/./ours/write", null, Invalid)]
    [InlineData("/tenants/%2e%2e/tenants/ours/write", null, Invalid)]
    [InlineData("/x/../tenants/ours/write", null, Invalid)]
    [InlineData("/tenants/ours%2F/write", null, Invalid)]
    [InlineData("/tenants/*/write", null, Invalid)]
    [InlineData("http://gateway/x/../tenants/ours/write", null, Invalid)]
    [InlineData("http://tenants/ours/tenants/second/write", null, "404 ")]
    public async Task A_write_is_for_the_one_tenant_that_is_named(string target, string? header, string expected)
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy);

        string answer = await host.SendAsync(TestCaller.App("W"), "POST", target, header is null ? [] : [("X-Scope-OrgID", header)]);

        Assert.Equal(string.Format(CultureInfo.InvariantCulture, expected, "metrics:write"), answer);
    }

    [Theory]
    [InlineData("/read", null, "200 ours|second")]
    [InlineData("/read", "second|ours", "200 ours|second")]
    [InlineData("/read", "second|second", "200 second")]
    [InlineData("/read", "ours", "200 ours")]
    [InlineData("/tenants/ours/read", null, "200 ours")]
    [InlineData("/tenants/ours/read", "ours", "200 ours")]
    [InlineData("/tenants/ours/read", "ours|second", Conflict)]
    [InlineData("/tenants/ours/read", "ours|ours", Conflict)]
    [InlineData("/read", "ours|theirs", NoSuchTenant)]
    [InlineData("/read", "ours|gone", NoSuchTenant)]
    [InlineData("/read", "ours|", Invalid)]
    [InlineData("/read", "|", Invalid)]
    [InlineData("/read", "ours|.*", Invalid)]
    [InlineData("/read", "ours,second", Invalid)]
    [InlineData("/tenants/ours|second/read", null, Invalid)]
    public async Task A_read_is_for_all_that_are_named(string target, string? header, string expected)
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy);

        string answer = await host.SendAsync(TestCaller.App("R"), "GET", target, header is null ? [] : [("X-Scope-OrgID", header)]);

        Assert.Equal(string.Format(CultureInfo.InvariantCulture, expected, "metrics:read"), answer);
    }

    [Theory]
    [InlineData("ours", "ours")]
    [InlineData("ours", "theirs")]
    [InlineData("", "ours")]
    public async Task A_header_given_twice_is_a_conflict_whatever_it_says(string first, string second)
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy);

        Assert.Equal(Conflict, await host.SendAsync(TestCaller.App("W"), "POST", "/write", ("X-Scope-OrgID", first), ("x-scope-orgid", second)));
    }

    [Theory]
    [InlineData(128, "200 ")]
    [InlineData(129, "400 tenant-invalid")]
    public async Task A_name_has_at_most_128_characters(int length, string expected)
    {
        string name = new('a', length);
        await using TenancyHost host = await TenancyHost.StartAsync(Policy.Replace("second", new string('a', 128), StringComparison.Ordinal));

        Assert.StartsWith(expected, await host.SendAsync(TestCaller.App("W"), "POST", "/write", ("X-Scope-OrgID", name)), StringComparison.Ordinal);
        Assert.StartsWith(expected, await host.SendAsync(TestCaller.App("W"), "POST", $"/tenants/{name}/write"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tenant_that_is_foreign_and_one_that_does_not_exist_get_the_same_answer()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy);

        foreach (string target in (string[])["/tenants/{0}/write", "/write"])
        {
            string[] answers = [.. await Task.WhenAll(((string[])["theirs", "absent"]).Select(name => host.SendAsync(
                TestCaller.App("W"),
                "POST",
                target.Replace("{0}", name, StringComparison.Ordinal),
                target == "/write" ? [("X-Scope-OrgID", name)] : [])))];

            Assert.Equal(answers[0], answers[1]);
        }
    }

    [Fact]
    public async Task The_header_has_the_configured_name_and_no_other()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy, settings: [("Tenancy:Header", "X-Tenant")]);

        Assert.Equal("200 ours", await host.SendAsync(TestCaller.App("W"), "POST", "/write", ("X-Tenant", "ours"), ("X-Scope-OrgID", "theirs")));
        Assert.EndsWith("name one in header X-Tenant or by /tenants/<name>/", await host.SendAsync(TestCaller.App("W"), "POST", "/write"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_read_of_too_many_tenants_says_how_many_and_the_limit()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy, settings: [("Tenancy:MaxTenantsPerRead", "1")]);
        string expected = $"400 too-many-tenants: the read is about 2 tenants, limit 1; {HowToName}";

        Assert.Equal(expected, await host.SendAsync(TestCaller.App("R"), "GET", "/read"));
        Assert.Equal(expected, await host.SendAsync(TestCaller.App("R"), "GET", "/read", ("X-Scope-OrgID", "ours|second")));
        Assert.Equal("200 ours", await host.SendAsync(TestCaller.App("R"), "GET", "/tenants/ours/read"));
    }

    [Fact]
    public async Task What_a_request_says_about_tenants_is_not_looked_at_before_who_asks()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Policy + "\nrevocations: [ { token: token-1, reason: r } ]");

        Assert.StartsWith("401 ", await host.SendAsync(null, "POST", "/write", ("X-Scope-OrgID", "|")), StringComparison.Ordinal);
        Assert.StartsWith("401 revoked", await host.SendAsync(TestCaller.App("W"), "POST", "/write", ("X-Scope-OrgID", "|")), StringComparison.Ordinal);
    }
}
