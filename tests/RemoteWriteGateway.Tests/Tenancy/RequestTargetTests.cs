namespace RemoteWriteGateway.Tests.Tenancy;

/// <summary>What a real listener makes of request lines and headers that try to name one tenant to us and another to somebody else.</summary>
public sealed class RequestTargetTests
{
    private const string Policy = """
        version: 1
        tenants: { ours: {}, second: {}, theirs: {} }
        bindings: [ { id: writers, match: { kind: app, role: [W] }, grant: { permissions: [metrics:write], tenants: [ours, second] } } ]
        """;

    [Theory]
    [InlineData("POST /tenants/ours/write HTTP/1.0", "", "200 ours")]
    [InlineData("POST http://gateway/tenants/ours/write HTTP/1.0", "", "200 ours")]
    [InlineData("POST http://gateway/x/../tenants/ours/write HTTP/1.0", "", "400 tenant-invalid")]
    [InlineData("POST /x/../tenants/ours/write HTTP/1.0", "", "400 tenant-invalid")]
    [InlineData("POST /tenants/theirs/../ours/write HTTP/1.0", "", "400 tenant-invalid")]
    [InlineData("POST /tenants/theirs/%2e%2e/ours/write HTTP/1.0", "", "400 tenant-invalid")]
    [InlineData("POST /tenants/our%73/write HTTP/1.0", "", "400 tenant-invalid")]
    [InlineData("POST /tenant%73/ours/write HTTP/1.0", "", "400 tenant-invalid")]
    [InlineData("POST /tenants/ours%2Fwrite HTTP/1.0", "", "404 ")]
    [InlineData("POST /tenants/theirs%2F..%2Fours/write HTTP/1.0", "", "400 tenant-invalid")]
    [InlineData("POST //tenants/ours/write HTTP/1.0", "", "404 ")]
    [InlineData("POST /tenants//ours/write HTTP/1.0", "", "404 ")]
    [InlineData("POST /tenants/ours/write/ HTTP/1.0", "", "200 ours")]
    [InlineData("POST /tenants/ours;theirs/write HTTP/1.0", "", "400 tenant-invalid")]
    [InlineData("POST /tenants/ours?/write HTTP/1.0", "", "404 ")]
    [InlineData("POST /write HTTP/1.0", "X-Scope-OrgID: second\r\n", "200 second")]
    [InlineData("POST /write HTTP/1.0", "X-Scope-OrgID:\t second \r\n", "200 second")]
    [InlineData("POST /write HTTP/1.0", "X-Scope-OrgID:\r\n", "400 tenant-invalid")]
    [InlineData("POST /write HTTP/1.0", "X-Scope-OrgID: ours\r\nX-SCOPE-ORGID: ours\r\n", "400 tenant-conflict")]
    [InlineData("POST /write HTTP/1.0", "X-Scope-OrgID:\r\nX-Scope-OrgID: ours\r\n", "400 tenant-conflict")]
    [InlineData("POST /write HTTP/1.0", "X-Scope-OrgID: ours, theirs\r\n", "400 tenant-invalid")]
    [InlineData("POST /write HTTP/1.0", "X_Scope_OrgID: ours\r\n", "400 tenant-ambiguous")]
    [InlineData("POST /tenants/ours/write HTTP/1.0", "X-Scope-OrgID: second\r\n", "400 tenant-conflict")]
    public async Task One_tenant_is_named_or_none(string requestLine, string headers, string expected)
    {
        await using TenancyHost host = await TenancyHost.ListenAsync(Policy, TestCaller.App("W"));

        string answer = await host.SendRawAsync($"{requestLine}\r\nHost: gateway\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n");

        Assert.Equal(expected, answer.Split(':')[0]);
    }
}
