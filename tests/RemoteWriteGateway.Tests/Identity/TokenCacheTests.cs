using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>Which tokens are taken from the cache, and for how long.</summary>
public sealed class TokenCacheTests
{
    [Fact]
    public async Task A_token_is_validated_once_and_again_after_its_age()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string token = host.Mint.Mint("prom");

        Caller? first = (await host.GetAsync(token)).Caller;
        await host.AdvanceAsync(TimeSpan.FromSeconds(299));
        Caller? second = (await host.GetAsync(token)).Caller;
        await host.AdvanceAsync(TimeSpan.FromSeconds(1));
        Caller? third = (await host.GetAsync(token)).Caller;
        Caller? fourth = (await host.GetAsync(token)).Caller;

        Assert.Same(first, second);
        Assert.NotSame(second, third);
        Assert.Same(third, fourth);
        Assert.Equal((1, 2L, 2L), (host.Cache.Count, host.Cache.Hits, host.Cache.Misses));
        Assert.Equal(2, await host.MetricAsync("""rwgateway_token_cache_requests_total{result="hit"}"""));
        Assert.Equal(2, await host.MetricAsync("""rwgateway_token_cache_requests_total{result="miss"}"""));
        Assert.Equal(1, await host.MetricAsync("rwgateway_token_cache_entries"));
    }

    [Fact]
    public async Task A_cached_token_expires_when_it_says_with_the_tolerated_difference_of_clocks()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string token = host.WithClaim("exp", $"{host.Time.GetUtcNow().ToUnixTimeSeconds() + 60}");
        Assert.Equal(200, (await host.GetAsync(token)).StatusCode);

        await host.AdvanceAsync(TimeSpan.FromSeconds(119));
        Assert.Equal(200, (await host.GetAsync(token)).StatusCode);
        Assert.Equal(1, host.Cache.Hits);
        await host.AdvanceAsync(TimeSpan.FromSeconds(2));
        Assert.Equal("token-expired", (await host.GetAsync(token)).Reason);
    }

    [Fact]
    public async Task Another_signature_is_another_token()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string token = host.Mint.Mint("prom");
        Assert.Equal(200, (await host.GetAsync(token)).StatusCode);

        Assert.Equal("bad-signature", (await host.GetAsync(token.WithFlippedBit())).Reason);
        Assert.Equal("bad-signature", (await host.GetAsync(token.WithPart(1, host.Mint.Mint("prom").Split('.')[1]))).Reason);
    }

    [Fact]
    public async Task An_age_of_zero_turns_the_cache_off()
    {
        await using IdentityHost host = await IdentityHost.StartAsync(settings: ("Identity:TokenCache:MaxAge", "00:00:00"));
        string token = host.Mint.Mint("prom");

        Assert.NotSame((await host.GetAsync(token)).Caller, (await host.GetAsync(token)).Caller);
        Assert.Equal((0, 0L), (host.Cache.Count, host.Cache.Hits));
    }

    [Fact]
    public async Task Clearing_the_cache_validates_every_token_again()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string token = host.Mint.Mint("prom");
        Caller? before = (await host.GetAsync(token)).Caller;

        host.Cache.Clear();

        Assert.Equal(0, await host.MetricAsync("rwgateway_token_cache_entries"));
        Assert.NotSame(before, (await host.GetAsync(token)).Caller);
    }

    [Fact]
    public async Task Changed_options_empty_the_cache_and_others_do_not()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        await host.GetAsync(host.Mint.Mint("prom"));

        host.Reconfigure(("Identity:TokenCache:MaxAge", "00:05:00"));
        Assert.Equal(1, host.Cache.Count);
        host.Reconfigure(("Identity:TokenCache:MaxAge", "00:04:00"));
        Assert.Equal(0, host.Cache.Count);
    }

    [Fact]
    public async Task The_cache_keeps_what_is_used_and_never_more_than_it_may()
    {
        await using IdentityHost host = await IdentityHost.StartAsync(settings: ("Identity:TokenCache:MaxEntries", "8"));
        string used = host.Mint.Mint("prom");
        Caller? caller = (await host.GetAsync(used)).Caller;
        string unused = host.Mint.Mint("prom");
        Caller? forgotten = (await host.GetAsync(unused)).Caller;

        for (int i = 0; i < 12; i++)
        {
            await host.GetAsync(host.Mint.Mint("prom"));
            Assert.Same(caller, (await host.GetAsync(used)).Caller);
            Assert.InRange(host.Cache.Count, 1, 8);
        }

        Assert.NotSame(forgotten, (await host.GetAsync(unused)).Caller);
    }

    [Fact]
    public void A_fingerprint_is_of_the_exact_characters()
    {
        Assert.True(TokenFingerprint.TryOfToken("abc", out TokenFingerprint abc));
        Assert.True(TokenFingerprint.TryOfToken("abd", out TokenFingerprint abd));
        Assert.True(TokenFingerprint.TryOfToken(new string('a', 16_384), out TokenFingerprint big));

        Assert.Equal(abc, TokenFingerprint.Of("abc"));
        Assert.NotEqual(abc, abd);
        Assert.Equal(big, TokenFingerprint.Of(new string('a', 16_384)));
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223", Convert.ToHexStringLower(abc.FirstHalf().AsSpan()));
        Assert.False(TokenFingerprint.TryOfToken("ab\u00e7", out _));
    }
}
