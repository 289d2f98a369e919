using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class PolicySourceTests
{
    private const string Failed = "rwgateway_policy_reload_failed";

    [Fact]
    public async Task Access_goes_with_the_next_request_after_its_binding()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Writers("W"));
        Assert.Equal("200 ours", await host.SendAsync(TestCaller.App("W"), "POST", "/write"));

        await host.RewritePolicyAsync(Writers("Other"));
        PolicyReload reload = await host.Source.ReloadAsync(TestContext.Current.CancellationToken);

        Assert.True(reload.Changed);
        Assert.StartsWith("403 permission-denied", await host.SendAsync(TestCaller.App("W"), "POST", "/write"), StringComparison.Ordinal);
        Assert.Equal("200 ours", await host.SendAsync(TestCaller.App("Other"), "POST", "/write"));
    }

    [Fact]
    public async Task A_revocation_holds_from_the_next_request_on_and_a_later_token_passes()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Writers("W"));
        foreach (string named in (string[])["subject: 0f0f0f0f-1111-4222-8333-444444444444", "client: 99999999-0000-4000-8000-000000000001", "token: token-1", "key: key-1"])
        {
            await host.RewritePolicyAsync($"{Writers("W")}\nrevocations: [ {{ {named}, issuedBefore: 2026-11-24T12:00:00Z, reason: INC-42 }} ]");
            await host.Source.ReloadAsync(TestContext.Current.CancellationToken);

            Assert.Equal("401 revoked: access was revoked by an operator", await host.SendAsync(TestCaller.App("W"), "POST", "/write"));
            Assert.Equal("401 revoked: access was revoked by an operator", await host.SendAsync(TestCaller.App("W"), "GET", "/whoami"));
            Assert.Equal("200 ours", await host.SendAsync(TestCaller.App("W") with { IssuedAt = TestCaller.Now }, "POST", "/write"));
        }
    }

    [Theory]
    [InlineData("unknown: key", "policy.yaml:4:1: unknown: unknown key; expected version, directory,")]
    [InlineData("deny: [ { id: x, match: &m { kind: app }, deny: { everything: true } } ]", "policy.yaml:4:25: deny[0].match: anchors are not allowed")]
    [InlineData("deny: [ { id: x, match: { kind: app }, deny: { permissions: [metrics:write], tenants: ['*'] } } ]", "\"*\" is not a tenant")]
    [InlineData("revocations: [", "is not YAML")]
    public async Task A_file_that_is_invalid_leaves_the_policy_in_force(string addition, string expected)
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Writers("W"));
        string version = host.Source.Current.Version;

        await host.RewritePolicyAsync($"{Writers("W")}\n{addition}\n");
        PolicyReload reload = await host.Source.ReloadAsync(TestContext.Current.CancellationToken);

        Assert.Equal((version, false), (reload.Version, reload.Changed));
        Assert.Contains(expected, reload.Failure, StringComparison.Ordinal);
        Assert.Equal("1", await host.MetricAsync(Failed));
        Assert.Equal("200 ours", await host.SendAsync(TestCaller.App("W"), "POST", "/write"));
    }

    [Fact]
    public async Task A_file_that_is_gone_leaves_the_policy_in_force_and_the_same_file_coming_back_ends_the_alarm()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Writers("W"));
        File.Move(host.PolicyPath, host.PolicyPath + ".away");

        PolicyReload reload = await host.Source.ReloadAsync(TestContext.Current.CancellationToken);

        Assert.Contains("cannot be read", reload.Failure, StringComparison.Ordinal);
        Assert.Equal("1", await host.MetricAsync(Failed));
        Assert.Equal("200 ours", await host.SendAsync(TestCaller.App("W"), "POST", "/write"));

        File.Move(host.PolicyPath + ".away", host.PolicyPath);
        Assert.False((await host.Source.ReloadAsync(TestContext.Current.CancellationToken)).Changed);
        Assert.Equal("0", await host.MetricAsync(Failed));
    }

    [Fact]
    public async Task The_file_is_followed_by_its_content_at_every_interval()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Writers("W"), settings: [("Policy:PollInterval", "00:00:05")]);
        TaskCompletionSource<PolicySnapshot> changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Source.Changed += changed.SetResult;

        await host.RewritePolicyAsync(Writers("Other"));
        host.Time.Advance(TimeSpan.FromSeconds(5));
        PolicySnapshot policy = await changed.Task.WaitAsync(TestContext.Current.CancellationToken);

        Assert.Same(policy, host.Source.Current);
        Assert.StartsWith("403 ", await host.SendAsync(TestCaller.App("W"), "POST", "/write"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_link_that_is_swapped_is_followed()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Writers("W"));
        string other = host.PolicyPath + ".other";
        await File.WriteAllTextAsync(other, Writers("Other"), TestContext.Current.CancellationToken);
        File.Delete(host.PolicyPath);
        File.CreateSymbolicLink(host.PolicyPath, other);

        Assert.True((await host.Source.ReloadAsync(TestContext.Current.CancellationToken)).Changed);
    }

    [Fact]
    public async Task SIGHUP_reads_the_file_at_once()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Writers("W"));
        TaskCompletionSource<PolicySnapshot> changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Source.Changed += changed.SetResult;

        await host.RewritePolicyAsync(Writers("Other"));
        Assert.Equal(0, Kill(Environment.ProcessId, 1));

        Assert.Same(await changed.Task.WaitAsync(TestContext.Current.CancellationToken), host.Source.Current);
    }

    [Fact]
    public async Task A_listener_that_throws_keeps_nobody_from_hearing_and_nothing_from_being_in_force()
    {
        await using TenancyHost host = await TenancyHost.StartAsync(Writers("W"));
        List<string> heard = [];
        host.Source.Changed += _ => throw new InvalidOperationException("broken");
        host.Source.Changed += policy => heard.Add(policy.Version);

        await host.RewritePolicyAsync(Writers("Other"));
        PolicyReload reload = await host.Source.ReloadAsync(TestContext.Current.CancellationToken);

        Assert.True(reload.Changed);
        Assert.Equal([host.Source.Current.Version], heard);
    }

    [Theory]
    [InlineData("\uFEFF", "\r\n")]
    [InlineData("", "\n")]
    public async Task A_file_with_a_byte_order_mark_and_other_line_ends_is_accepted(string before, string lineEnd)
    {
        await using TenancyHost host = await TenancyHost.StartAsync(before + Writers("W").ReplaceLineEndings(lineEnd));

        Assert.Equal("200 ours", await host.SendAsync(TestCaller.App("W"), "POST", "/write"));
        Assert.Null(host.Services.GetServices<IReadinessCheck>().Select(check => check.NotReadyBecause).OfType<string>().FirstOrDefault());
    }

    [Fact]
    public async Task An_invalid_file_stops_the_start_with_everything_that_is_wrong()
    {
        PolicyInvalidException fault = await Assert.ThrowsAsync<PolicyInvalidException>(() => TenancyHost.StartAsync("version: 2\nrules: []\n"));

        Assert.Contains("policy.yaml:1:10: version: \"2\" is not", fault.Message, StringComparison.Ordinal);
        Assert.Contains("policy.yaml:2:1: rules: unknown key", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_file_stops_the_start_and_is_named()
    {
        PolicyInvalidException fault = await Assert.ThrowsAsync<PolicyInvalidException>(
            () => TenancyHost.StartAsync(Writers("W"), settings: [("Policy:Path", "/nowhere/policy.yaml")]));

        Assert.Contains("/nowhere/policy.yaml: cannot be read", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_policy_for_another_directory_stops_the_start()
    {
        PolicyInvalidException fault = await Assert.ThrowsAsync<PolicyInvalidException>(
            () => TenancyHost.StartAsync("version: 1\ndirectory: 99999999-2222-4333-8444-555555555555\n"));

        Assert.Contains("the gateway is configured for 11111111-2222-4333-8444-555555555555", fault.Message, StringComparison.Ordinal);
    }

    private static string Writers(string role) => $$"""
        version: 1
        tenants: { ours: {} }
        bindings: [ { id: one, match: { kind: app, role: [{{role}}] }, grant: { permissions: [metrics:write], tenants: [ours] } } ]
        """;

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
