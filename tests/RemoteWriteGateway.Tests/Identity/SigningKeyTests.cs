using EntraEmulator.Faults;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>Keys that come, go, and are unknown, while the issuer answers.</summary>
public sealed class SigningKeyTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    /// <summary>Longer than the interval between fetches with its jitter.</summary>
    private static readonly TimeSpan UntilPeriodicFetch = TimeSpan.FromMinutes(66);

    [Fact]
    public async Task A_token_of_a_new_key_is_accepted_at_once()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string old = host.Mint.Mint("prom");
        string next = host.Emulator.Keys.Rotate(keepPublished: true).Kid;

        Answer answer = await host.GetAsync(host.Mint.Mint("prom"));

        Assert.Equal((200, next), (answer.StatusCode, answer.Caller!.KeyId));
        Assert.Equal(200, (await host.GetAsync(old)).StatusCode);
        Assert.Equal(2, host.Emulator.Requests[EmulatedEndpoint.Keys]);
        Assert.Equal(1, await host.MetricAsync("""rwgateway_identity_refresh_total{trigger="unknown-key",result="success"}"""));
        Assert.Equal(2, await host.MetricAsync("rwgateway_identity_keys"));
    }

    [Fact]
    public async Task An_unknown_key_is_asked_for_once_and_remembered_for_a_minute()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string forged = host.WithHeader("kid", "\"forged\"", host.Emulator.Keys.Foreign);

        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, forged));
        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, forged));
        await host.AdvanceAsync(TimeSpan.FromSeconds(59));
        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, forged));
        Assert.Equal(2, host.Emulator.Requests[EmulatedEndpoint.Keys]);

        await host.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, forged));
        Assert.Equal(3, host.Emulator.Requests[EmulatedEndpoint.Keys]);
    }

    [Theory]
    [InlineData("../../x")]
    [InlineData("http://foreign.test/key")]
    [InlineData("kid\\r\\nwith lines")]
    public async Task A_key_id_is_compared_and_nothing_else(string keyId)
    {
        await using IdentityHost host = await IdentityHost.StartAsync();

        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, host.WithHeader("kid", $"\"{keyId}\"")));
        Assert.Empty(host.Backchannel.ForeignUrls);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("\"\"")]
    public async Task Without_a_key_id_no_key_is_tried_and_none_asked_for(string? keyId)
    {
        await using IdentityHost host = await IdentityHost.StartAsync();

        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, host.WithHeader("kid", keyId)));
        Assert.Equal(1, host.Emulator.Requests[EmulatedEndpoint.Keys]);
    }

    [Fact]
    public async Task Keys_that_a_forger_brings_under_an_unknown_id_are_not_fetched()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        const string Header =
            """{"typ":"JWT","alg":"RS256","kid":"forged","jku":"https://foreign.test/keys","x5u":"https://foreign.test/cert","x5c":["AAAA"],"jwk":{"kty":"RSA","kid":"forged","n":"AQAB","e":"AQAB"}}""";

        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, host.WithHeaderText(Header, host.Emulator.Keys.Foreign)));
        Assert.Empty(host.Backchannel.ForeignUrls);
    }

    [Fact]
    public async Task With_the_fetches_spent_an_unknown_key_is_not_yet_known_for_exactly_the_time_that_is_left()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal((401, "unknown-key"), await ReasonAsync(host, host.WithHeader("kid", $"\"forged-{i}\"")));
        }

        Answer spent = await host.GetAsync(host.WithHeader("kid", "\"forged-5\""));
        Assert.Equal((503, "key-not-yet-known", "30"), (spent.StatusCode, spent.Reason, spent.RetryAfter));
        Assert.Null(spent.Challenge);

        await host.AdvanceAsync(TimeSpan.FromSeconds(12.5));
        Assert.Equal("18", (await host.GetAsync(host.WithHeader("kid", "\"forged-5\""))).RetryAfter);
        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, host.WithHeader("kid", "\"forged-0\"")));
        Assert.Equal(6, host.Emulator.Requests[EmulatedEndpoint.Keys]);

        // The honest caller with a new key pays at most that time, and with 503, so nothing is lost.
        host.Emulator.Keys.Rotate(keepPublished: true);
        string honest = host.Mint.Mint("prom");
        Assert.Equal((503, "key-not-yet-known"), await ReasonAsync(host, honest));
        await host.AdvanceAsync(TimeSpan.FromSeconds(17.5));
        Assert.Equal((200, ""), await ReasonAsync(host, honest));
    }

    [Fact]
    public async Task A_fetch_that_began_before_the_token_came_is_no_verdict_about_its_key()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        TaskCompletionSource read = new();
        TaskCompletionSource handOver = new();
        host.Backchannel.OnAnswer = async (request, _) =>
        {
            if (request.RequestUri!.AbsolutePath.EndsWith("/keys", StringComparison.Ordinal) && read.TrySetResult())
            {
                await handOver.Task;
            }
        };
        Task<bool> refresh = host.Keys.RefreshAsync(Cancellation);
        await read.Task;
        host.Emulator.Keys.Rotate(keepPublished: true);

        Task waiting = host.Time.TimersAsync(TimeSpan.FromSeconds(1.5));
        Task<Answer> answer = host.GetAsync(host.Mint.Mint("prom"));
        await waiting;
        handOver.SetResult();

        Assert.Equal(200, (await answer).StatusCode);
        Assert.True(await refresh);
        Assert.Equal(3, host.Emulator.Requests[EmulatedEndpoint.Keys]);
    }

    [Fact]
    public async Task A_removed_key_is_accepted_for_its_grace_and_then_no_more()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string cached = LongLived(host);
        string unseen = LongLived(host);
        Assert.Equal(200, (await host.GetAsync(cached)).StatusCode);
        host.Emulator.Keys.Rotate(keepPublished: false);
        await host.AdvanceAsync(UntilPeriodicFetch);

        Assert.Equal(2, await host.MetricAsync("rwgateway_identity_keys"));
        Assert.Equal(200, (await host.GetAsync(cached)).StatusCode);
        Assert.Equal(200, (await host.GetAsync(unseen)).StatusCode);
        await host.AdvanceAsync(TimeSpan.FromMinutes(15) - TimeSpan.FromSeconds(1));
        Assert.Equal(200, (await host.GetAsync(cached)).StatusCode);

        await host.AdvanceAsync(TimeSpan.FromSeconds(2));
        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, cached));
        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, unseen));
        Assert.Equal(1, await host.MetricAsync("rwgateway_identity_keys"));
    }

    [Fact]
    public async Task Without_grace_a_removed_key_goes_with_the_next_fetch()
    {
        await using IdentityHost host = await IdentityHost.StartAsync(settings: ("Identity:Metadata:KeyGrace", "00:00:00"));
        string token = LongLived(host);
        Assert.Equal(200, (await host.GetAsync(token)).StatusCode);
        host.Emulator.Keys.Rotate(keepPublished: false);

        await host.AdvanceAsync(UntilPeriodicFetch);

        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, token));
    }

    [Fact]
    public async Task A_key_that_comes_back_within_its_grace_stays()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string first = LongLived(host);
        string kid = host.Emulator.Keys.Current.Kid;
        host.Backchannel.OnAnswer = (request, response) =>
        {
            // One server of the issuer lags: it does not know the key yet, and names another one.
            if (request.RequestUri!.AbsolutePath.EndsWith("/keys", StringComparison.Ordinal))
            {
                response.Content = new StringContent(KeySets.Of(KeySets.Key("other")));
            }

            return Task.CompletedTask;
        };
        Assert.True(await host.Keys.RefreshAsync(Cancellation));
        Assert.NotNull(host.Keys.Current!.Keys.Single(key => key.KeyId == kid).GoneAt);
        await host.AdvanceAsync(TimeSpan.FromMinutes(10));
        host.Backchannel.OnAnswer = null;
        Assert.True(await host.Keys.RefreshAsync(Cancellation));
        await host.AdvanceAsync(TimeSpan.FromMinutes(10));

        Assert.Equal(200, (await host.GetAsync(first)).StatusCode);
        Assert.Null(host.Keys.Current.Keys.Single(key => key.KeyId == kid).GoneAt);
    }

    [Fact]
    public async Task A_purge_drops_removed_keys_at_once_and_empties_the_cache()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string token = LongLived(host);
        Assert.Equal(200, (await host.GetAsync(token)).StatusCode);
        host.Emulator.Keys.Rotate(keepPublished: false);

        Assert.True(await host.Keys.RefreshAsync(Cancellation));
        Assert.Equal(200, (await host.GetAsync(token)).StatusCode);
        Assert.True(await host.Keys.PurgeKeysAsync(Cancellation));

        Assert.Equal(0, host.Cache.Count);
        Assert.Equal((401, "unknown-key"), await ReasonAsync(host, token));
        Assert.Equal(2, await host.MetricAsync("""rwgateway_identity_refresh_total{trigger="operator",result="success"}"""));
    }

    [Fact]
    public async Task A_purge_that_cannot_fetch_keeps_the_keys_and_says_so()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string token = host.Mint.Mint("prom");
        Assert.Equal(200, (await host.GetAsync(token)).StatusCode);
        host.Emulator.Faults.Set(new Dictionary<EmulatedEndpoint, Fault> { [EmulatedEndpoint.Keys] = Fault.Unavailable });

        Assert.False(await host.Keys.PurgeKeysAsync(Cancellation));

        Assert.Contains("answered 503", host.Keys.LastError, StringComparison.Ordinal);
        Assert.Equal(0, host.Cache.Count);
        Assert.Equal(200, (await host.GetAsync(token)).StatusCode);
    }

    [Fact]
    public async Task Another_key_under_a_known_id_does_not_inherit_its_cached_tokens()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string token = host.Mint.Mint("prom");
        Assert.Equal(200, (await host.GetAsync(token)).StatusCode);
        string kid = host.Emulator.Keys.Current.Kid;
        host.Backchannel.OnAnswer = (request, response) =>
        {
            if (request.RequestUri!.AbsolutePath.EndsWith("/keys", StringComparison.Ordinal))
            {
                response.Content = new StringContent(KeySets.Of(KeySets.Key(kid)));
            }

            return Task.CompletedTask;
        };

        Assert.True(await host.Keys.RefreshAsync(Cancellation));

        Assert.Equal((401, "bad-signature"), await ReasonAsync(host, token));
    }

    [Fact]
    public async Task IdentityModel_cannot_cause_a_fetch()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();

        host.Keys.RequestRefresh();
        await host.Keys.WhenIdleAsync();

        Assert.Equal(1, host.Emulator.Requests[EmulatedEndpoint.Metadata]);
        Assert.False(host.Keys.UseLastKnownGoodConfiguration);
        Assert.Same(host.Keys.Current!.Configuration, await host.Keys.GetConfigurationAsync(Cancellation));
    }

    [Fact]
    public void A_budget_fills_up_and_no_further()
    {
        WatchedTime time = new(DateTimeOffset.UnixEpoch);
        FetchBudget budget = new(TimeSpan.FromSeconds(30), time);
        Assert.Equal(5, TakeAll(budget));
        time.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal(0, TakeAll(budget));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, TakeAll(budget));
        time.Advance(TimeSpan.FromSeconds(75));
        Assert.Equal(2, TakeAll(budget));
        time.Advance(TimeSpan.FromSeconds(15));
        Assert.Equal(1, TakeAll(budget));
        time.Advance(TimeSpan.FromDays(100));
        Assert.Equal(5, TakeAll(budget));

        static int TakeAll(FetchBudget budget)
        {
            int taken = 0;
            while (budget.TryTake(out _))
            {
                taken++;
            }

            return taken;
        }
    }

    [Fact]
    public void Of_unknown_keys_the_latest_1024_are_remembered()
    {
        WatchedTime time = new(DateTimeOffset.UnixEpoch);
        UnknownKeys keys = new(time);
        TokenFingerprint first = TokenFingerprint.Of("0");
        keys.Add(first);
        for (int i = 1; i < 1024; i++)
        {
            keys.Add(TokenFingerprint.Of($"{i}"));
        }

        Assert.True(keys.Contains(first));
        keys.Add(TokenFingerprint.Of("1024"));
        Assert.False(keys.Contains(first));
        Assert.True(keys.Contains(TokenFingerprint.Of("1")));
        time.Advance(TimeSpan.FromSeconds(60));
        Assert.False(keys.Contains(TokenFingerprint.Of("1")));
    }

    private static string LongLived(IdentityHost host) =>
        host.WithClaim("exp", $"{host.Time.GetUtcNow().AddDays(3).ToUnixTimeSeconds()}");

    private static async Task<(int StatusCode, string Reason)> ReasonAsync(IdentityHost host, string token)
    {
        Answer answer = await host.GetAsync(token);
        return (answer.StatusCode, answer.Reason);
    }
}
