using EntraEmulator.Faults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.EntraEmulator;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>The issuer fails, or does not answer: nobody hears 401 for it, and nobody waits who need not.</summary>
public sealed class OutageTests
{
    private static readonly TimeSpan UnknownKeyWait = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(5);

    [Theory]
    [InlineData(Fault.Unavailable)]
    [InlineData(Fault.Hang)]
    internal async Task Cold_every_token_is_answered_503_without_waiting(Fault fault)
    {
        await using EmulatorHost emulator = await IdentityHost.StartEmulatorAsync();
        emulator.Set(fault);
        await using IdentityHost host = await IdentityHost.StartAsync(emulator, waitForKeys: false);

        // Time stands still: an answer that waits for anything would not come.
        Answer answer = await host.GetAsync(host.Mint.Mint("prom"));

        Assert.Equal((503, "identity-unavailable"), (answer.StatusCode, answer.Reason));
        Assert.InRange(int.Parse(answer.RetryAfter!, System.Globalization.CultureInfo.InvariantCulture), 5, 7);
        Assert.Null(answer.Challenge);
        Assert.Equal(MetadataState.Loading, host.Keys.State);
        Assert.StartsWith("no signing keys have been loaded yet", Readiness(host), StringComparison.Ordinal);
        Assert.Equal(1, await host.MetricAsync("""rwgateway_identity_state{state="Loading"}"""));

        // What is plainly wrong is told all the same.
        Assert.Equal((401, "no-credentials"), await ReasonAsync(host.SendAsync("/caller")));
    }

    [Fact]
    public async Task Cold_the_fetch_is_repeated_from_one_second_to_thirty_until_it_succeeds()
    {
        await using EmulatorHost emulator = await IdentityHost.StartEmulatorAsync();
        emulator.Set(Fault.Unavailable);
        await using IdentityHost host = await IdentityHost.StartAsync(emulator);
        long expected = 1;
        foreach (int seconds in new[] { 1, 2, 4, 8, 16, 30, 30 })
        {
            await host.AdvanceAsync(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            Assert.Equal(expected, emulator.Requests[EmulatedEndpoint.Metadata]);
            await host.AdvanceAsync(TimeSpan.FromMilliseconds(1));
            Assert.Equal(++expected, emulator.Requests[EmulatedEndpoint.Metadata]);
        }

        emulator.Set(Fault.Ok);
        await host.AdvanceAsync(TimeSpan.FromSeconds(30));

        Assert.Equal((200, ""), await ReasonAsync(host.GetAsync(host.Mint.Mint("prom"))));
        Assert.Null(Readiness(host));
        Assert.Equal(8, await host.MetricAsync("""rwgateway_identity_refresh_total{trigger="start",result="failure"}"""));
        Assert.Equal(1, await host.MetricAsync("""rwgateway_identity_refresh_total{trigger="start",result="success"}"""));
        Assert.Equal(host.Time.GetUtcNow().ToUnixTimeSeconds(), await host.MetricAsync("rwgateway_identity_keys_loaded_timestamp_seconds"));

        // The first failure, not each one: 91 seconds are less than the interval of repeats.
        Assert.Single(host.Logs.AtLeast(LogLevel.Warning));
    }

    [Fact]
    public async Task Warm_a_known_key_is_served_while_a_fetch_hangs()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string cached = Lasting(host);
        Assert.Equal(200, (await host.GetAsync(cached)).StatusCode);
        host.Emulator.Set(Fault.Hang);
        Task fetching = host.Backchannel.NextRequestAsync();
        host.Time.Advance(TimeSpan.FromMinutes(66));
        await fetching;

        Assert.Equal((200, ""), await ReasonAsync(host.GetAsync(cached)));
        Assert.Equal((200, ""), await ReasonAsync(host.GetAsync(Lasting(host))));

        await host.AdvanceAsync(FetchTimeout);
        Assert.Equal(MetadataState.Degraded, host.Keys.State);
        Assert.Contains("did not answer within 5 s", host.Keys.LastError, StringComparison.Ordinal);
        Assert.Null(Readiness(host));
        Assert.Equal((200, ""), await ReasonAsync(host.GetAsync(Lasting(host))));
    }

    [Fact]
    public async Task Warm_a_new_key_waits_a_second_and_a_half_for_a_silent_issuer()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        host.Emulator.Set(Fault.Hang);
        host.Emulator.Keys.Rotate(keepPublished: true);
        string token = host.Mint.Mint("prom");
        Task waiting = host.Time.TimersAsync(UnknownKeyWait, 2);
        Task<Answer> first = host.GetAsync(token);
        Task<Answer> second = host.GetAsync(host.Mint.Mint("prom"));
        await waiting;

        host.Time.Advance(UnknownKeyWait - TimeSpan.FromMilliseconds(1));
        Assert.False(first.IsCompleted);
        host.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal((503, "identity-unavailable"), await ReasonAsync(first));
        Assert.Equal((503, "identity-unavailable"), await ReasonAsync(second));

        // The issuer recovers: no restart, and nothing remembered against the key.
        host.Emulator.Set(Fault.Ok);
        await host.Keys.WhenIdleAsync();
        Assert.Equal((200, ""), await ReasonAsync(host.GetAsync(token)));
        Assert.Equal(2, host.Backchannel.Fetches);
    }

    [Fact]
    public async Task Warm_a_new_key_is_unavailable_at_once_if_the_issuer_fails_at_once()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        host.Emulator.Set(Fault.Unavailable);
        host.Emulator.Keys.Rotate(keepPublished: true);
        string token = host.Mint.Mint("prom");

        Assert.Equal((503, "identity-unavailable"), await ReasonAsync(host.GetAsync(token)));
        Assert.Equal(MetadataState.Degraded, host.Keys.State);
        host.Emulator.Set(Fault.Ok);

        // A failed fetch for an unknown key brings the next one nearer: not in an hour, but in half a minute.
        await host.AdvanceAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(MetadataState.Current, host.Keys.State);
        Assert.Equal((200, ""), await ReasonAsync(host.GetAsync(token)));
    }

    [Fact]
    public async Task Fetches_that_fail_are_repeated_from_half_a_minute_to_five_minutes()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        host.Emulator.Set(Fault.Unavailable);
        await host.AdvanceAsync(TimeSpan.FromMinutes(66));
        long expected = 2;
        foreach (int seconds in new[] { 30, 60, 120, 240, 300, 300 })
        {
            await host.AdvanceAsync(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            Assert.Equal(expected, host.Emulator.Requests[EmulatedEndpoint.Metadata]);
            await host.AdvanceAsync(TimeSpan.FromMilliseconds(1));
            Assert.Equal(++expected, host.Emulator.Requests[EmulatedEndpoint.Metadata]);
        }

        // Told first, and then at most every five minutes of the seventeen and a half.
        Assert.InRange(host.Logs.AtLeast(LogLevel.Warning).Count(), 2, 4);
    }

    [Fact]
    public async Task Keys_that_are_too_old_serve_nobody_until_the_issuer_is_back()
    {
        await using IdentityHost host = await IdentityHost.StartAsync(settings: ("Identity:TokenCache:MaxAge", "01:00:00"));
        string token = Lasting(host);
        host.Emulator.Set(Fault.Unavailable);
        for (int hours = 0; hours < 23; hours++)
        {
            await host.AdvanceAsync(TimeSpan.FromHours(1));
        }

        Assert.Equal((200, ""), await ReasonAsync(host.GetAsync(token)));
        Assert.Equal(MetadataState.Degraded, host.Keys.State);
        await host.AdvanceAsync(TimeSpan.FromHours(1));

        Assert.Equal((503, "identity-unavailable"), await ReasonAsync(host.GetAsync(token)));
        Assert.Equal(MetadataState.Stale, host.Keys.State);
        Assert.StartsWith("the signing keys are older than", Readiness(host), StringComparison.Ordinal);
        await host.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(1, await host.MetricAsync("""rwgateway_identity_state{state="Stale"}"""));
        Assert.Single(host.Logs.AtLeast(LogLevel.Error));

        host.Emulator.Set(Fault.Ok);
        await host.AdvanceAsync(TimeSpan.FromMinutes(5));
        Assert.Equal((200, ""), await ReasonAsync(host.GetAsync(token)));
        Assert.Equal(1, await host.MetricAsync("""rwgateway_identity_state{state="Current"}"""));
    }

    [Fact]
    public async Task Ten_thousand_forged_tokens_cause_five_fetches_and_then_one_in_thirty_seconds()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string cached = Lasting(host);
        Assert.Equal(200, (await host.GetAsync(cached)).StatusCode);
        host.Emulator.Set(Fault.Hang);
        string forgedRest = string.Join('.', host.Mint.Mint("prom").Split('.')[1..]);
        List<int> began = [];

        // 40 times 250 tokens, every five seconds; a silent issuer is given up after five.
        for (int second = 0; second < 200; second += 5)
        {
            int before = host.Backchannel.Fetches;
            Task fetching = host.Backchannel.NextRequestAsync();
            Task waiting = host.Time.TimersAsync(UnknownKeyWait, 250);
            Task<Answer[]> forged = Task.WhenAll(Enumerable.Range(0, 250).Select(i => host.GetAsync(
                Forgery.Encoded($$"""{"typ":"JWT","alg":"RS256","kid":"{{second}}-{{i}}"}""") + "." + forgedRest)));

            bool hasBegun = await Task.WhenAny(waiting, forged) == waiting;
            if (hasBegun)
            {
                await fetching;
                began.Add(second);
                Assert.False(forged.IsCompleted);
            }

            // Beside them, without time passing: one from the cache, one that is validated with the snapshot.
            Assert.Equal((200, ""), await ReasonAsync(host.GetAsync(cached)));
            Assert.Equal((200, ""), await ReasonAsync(host.GetAsync(Lasting(host))));
            host.Time.Advance(UnknownKeyWait);
            string reason = hasBegun ? "identity-unavailable" : "key-not-yet-known";
            Assert.All(await forged, answer => Assert.Equal((503, reason), (answer.StatusCode, answer.Reason)));
            await host.AdvanceAsync(FetchTimeout - UnknownKeyWait);
            Assert.Equal(hasBegun ? before + 1 : before, host.Backchannel.Fetches);
        }

        Assert.Equal([0, 5, 10, 15, 20], began[..5]);
        Assert.All(began[5..].Zip(began[6..]), pair => Assert.InRange(pair.Second - pair.First, 30, 35));
        Assert.Equal(
            began.Count,
            await host.MetricAsync("""rwgateway_identity_refresh_total{trigger="unknown-key",result="failure"}""")
                + await host.MetricAsync("""rwgateway_identity_refresh_total{trigger="periodic",result="failure"}"""));
    }

    [Fact]
    public async Task A_sender_that_hangs_up_while_its_key_is_learned_leaves_no_error()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        host.Emulator.Set(Fault.Hang);
        host.Emulator.Keys.Rotate(keepPublished: true);
        using CancellationTokenSource hangUp = new();
        Task waiting = host.Time.TimersAsync(UnknownKeyWait);
        Task<Answer> answer = host.SendAsync("/caller", hangUp.Token, $"Bearer {host.Mint.Mint("prom")}");
        await waiting;

        await hangUp.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => answer);
        host.Emulator.Set(Fault.Ok);
        await host.Keys.WhenIdleAsync();

        // The fetch went on: the next one with that key is served.
        Assert.Equal((200, ""), await ReasonAsync(host.GetAsync(host.Mint.Mint("prom"))));
        Assert.Equal(2, host.Backchannel.Fetches);
        Assert.Empty(host.Logs.AtLeast(LogLevel.Warning));
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_a_silent_issuer()
    {
        await using EmulatorHost emulator = await IdentityHost.StartEmulatorAsync();
        emulator.Set(Fault.Hang);
        Task fetching = ((WatchedTime)emulator.Time).TimersAsync(FetchTimeout);
        await using IdentityHost host = await IdentityHost.StartAsync(emulator, waitForKeys: false);
        await fetching;

        await host.Keys.StopAsync();

        Assert.True(host.Keys.WhenIdleAsync().IsCompleted);
        Assert.Equal(0, await host.MetricAsync("""rwgateway_identity_refresh_total{trigger="start",result="failure"}"""));
    }

    private static string? Readiness(IdentityHost host) => host.Services.GetServices<IReadinessCheck>().Single().NotReadyBecause;

    /// <summary>A token that outlives these tests.</summary>
    private static string Lasting(IdentityHost host) =>
        host.WithClaim("exp", $"{host.Time.GetUtcNow().AddDays(3).ToUnixTimeSeconds()}");

    private static async Task<(int StatusCode, string Reason)> ReasonAsync(Task<Answer> answer) => ((await answer).StatusCode, (await answer).Reason);
}

/// <summary>Puts both documents of an emulator out of order.</summary>
internal static class Outage
{
    public static void Set(this EmulatorHost emulator, Fault fault) =>
        emulator.Faults.Set(new Dictionary<EmulatedEndpoint, Fault> { [EmulatedEndpoint.Metadata] = fault, [EmulatedEndpoint.Keys] = fault });
}
