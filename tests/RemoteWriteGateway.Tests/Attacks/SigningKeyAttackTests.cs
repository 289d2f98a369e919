using System.Net;
using EntraEmulator.Faults;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.Identity;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>
/// Rows 6, 7 and 21 to 24 of the table of attacks, against <c>POST /api/v1/write</c> and <c>GET /whoami</c> of the whole gateway: keys that
/// nobody knows, keys that go, and an issuer that fails or lies.
/// </summary>
public abstract class SigningKeyAttackTests
{
    private static readonly TimeSpan UnknownKeyWait = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task An_unknown_key_is_asked_for_once_in_a_minute_and_refused()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string token = UnderKey(gateway, "unknown-to-all");
        long fetched = gateway.IssuerRequests[EmulatedEndpoint.Metadata];

        await Refused(401, "unknown-key", mayFetchKeys: true).AssertAsync(gateway, () => SendAsync(gateway, token), token);
        Assert.Equal(fetched + 1, gateway.IssuerRequests[EmulatedEndpoint.Metadata]);

        await Refused(401, "unknown-key").AssertAsync(gateway, () => SendAsync(gateway, token), token);
    }

    [Fact]
    public async Task With_the_fetches_spent_an_unknown_key_is_not_known_yet()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        for (int i = 0; i < FetchBudget.Capacity; i++)
        {
            using HttpResponseMessage refused = await SendAsync(gateway, UnderKey(gateway, $"unknown-{i}"));
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }

        gateway.Time.Advance(TimeSpan.FromSeconds(8));
        string token = UnderKey(gateway, "one-too-many");
        int? retryAfter = null;
        await Refused(503, "key-not-yet-known").AssertAsync(
            gateway,
            async () =>
            {
                HttpResponseMessage answer = await SendAsync(gateway, token);
                retryAfter = WriteAnswerCheck.RetryAfterOf(answer);
                return answer;
            },
            token);

        // Not spread: it is the time until there is a fetch again.
        Assert.Equal(22, retryAfter);
        gateway.Time.Advance(TimeSpan.FromSeconds(22));
        await Refused(401, "unknown-key", mayFetchKeys: true).AssertAsync(gateway, () => SendAsync(gateway, token), token);
    }

    [Theory]
    [InlineData("no kid", null, "")]
    [InlineData("kid that is a path", "../../x", "")]
    [InlineData("jwk", "forged-kid-1", """ "jwk":{"kty":"RSA","n":"AQAB","e":"AQAB"}, """)]
    [InlineData("jku", "forged-kid-2", """ "jku":"https://foreign.test/keys", """)]
    [InlineData("x5u", "forged-kid-3", """ "x5u":"https://foreign.test/certificate", """)]
    [InlineData("x5c", "forged-kid-4", """ "x5c":["MIIBforged"], """)]
    public async Task A_key_that_a_forger_names_or_brings_along_is_unknown(string what, string? keyId, string members)
    {
        Assert.NotEmpty(what);
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string kid = keyId is null ? "" : $"\"kid\":\"{keyId}\",";
        string token = gateway.WithHeaderText($$"""{{{kid}}{{members}}"typ":"JWT","alg":"RS256"}""", members.Length > 0 ? gateway.Keys.Foreign : null);

        await Refused(401, "unknown-key", mayFetchKeys: keyId is not null).AssertAsync(gateway, () => SendAsync(gateway, token), token);
    }

    [Fact]
    public async Task A_key_that_the_issuer_has_removed_counts_for_its_grace_and_then_no_more()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string token = gateway.Token("prom");
        await AssertServedAsync(gateway, token);
        gateway.Keys.Rotate(keepPublished: false);
        Assert.True(await gateway.SigningKeys.RefreshAsync(Cancel));

        await AssertServedAsync(gateway, token);
        gateway.Time.Advance(TimeSpan.FromMinutes(15) + TimeSpan.FromMilliseconds(2));

        await Refused(401, "unknown-key", mayFetchKeys: true).AssertAsync(gateway, () => SendAsync(gateway, token), token);
        await AssertServedAsync(gateway, gateway.Token("prom"));
    }

    [Fact]
    public async Task A_purge_ends_a_removed_key_at_once()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string token = gateway.Token("prom");
        await AssertServedAsync(gateway, token);
        gateway.Keys.Rotate(keepPublished: false);

        Assert.True(await gateway.SigningKeys.PurgeKeysAsync(Cancel));

        await Refused(401, "unknown-key", mayFetchKeys: true).AssertAsync(gateway, () => SendAsync(gateway, token), token);
    }

    [Theory]
    [InlineData(Fault.Unavailable)]
    [InlineData(Fault.Hang)]
    internal async Task Before_the_first_keys_every_write_is_told_to_come_again(Fault fault)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(issuer: fault);
        string token = gateway.Token("prom");

        // Time stands still: an answer that waits for the issuer would not come.
        await Refused(503, "identity-unavailable", mayFetchKeys: true).AssertAsync(gateway, () => SendAsync(gateway, token), token);
        using HttpResponseMessage ready = await gateway.Data.GetAsync(new Uri("/-/ready", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);

        gateway.SetIssuer(Fault.Ok);
        await gateway.SigningKeys.RefreshAsync(Cancel);
        await AssertServedAsync(gateway, token);
    }

    [Fact]
    public async Task A_silent_issuer_costs_a_known_key_nothing_and_a_new_one_a_second_and_a_half()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string known = gateway.Token("prom");
        gateway.SetIssuer(Fault.Hang);
        gateway.Keys.Rotate(keepPublished: true);
        string unknown = gateway.Token("prom");
        Task waiting = gateway.Time.TimersAsync(UnknownKeyWait);
        Task<HttpResponseMessage> answer = SendAsync(gateway, unknown);
        await waiting;

        await AssertServedAsync(gateway, known);
        Assert.False(answer.IsCompleted);
        await Refused(503, "identity-unavailable", mayFetchKeys: true).AssertAsync(
            gateway,
            () =>
            {
                gateway.Time.Advance(UnknownKeyWait);
                return answer;
            },
            unknown);

        // The issuer is back: no restart, and nothing is remembered against the key.
        gateway.SetIssuer(Fault.Ok);
        await gateway.SigningKeys.WhenIdleAsync();
        await AssertServedAsync(gateway, unknown);
    }

    [Fact]
    public async Task Keys_that_are_too_old_serve_nobody_until_the_issuer_is_back()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(settings: [("Identity:Metadata:MaxStale", "02:00:00")]);
        string token = gateway.WithClaim("exp", gateway.Seconds(3 * 86400));
        await AssertServedAsync(gateway, token);
        gateway.SetIssuer(Fault.Unavailable);
        gateway.Time.Advance(TimeSpan.FromMinutes(121));
        await gateway.SigningKeys.WhenIdleAsync();

        await Refused(503, "identity-unavailable", mayFetchKeys: true).AssertAsync(gateway, () => SendAsync(gateway, token), token);

        gateway.SetIssuer(Fault.Ok);
        await gateway.SigningKeys.RefreshAsync(Cancel);
        await AssertServedAsync(gateway, token);
    }

    /// <summary>How often ten thousand of them make it fetch is under test without HTTP: <see cref="OutageTests"/>.</summary>
    [Fact]
    public async Task Honest_writers_do_not_wait_beside_a_flood_of_forged_tokens()
    {
        const int Forgers = 40;
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string cached = gateway.Token("prom");
        await AssertServedAsync(gateway, cached);
        gateway.SetIssuer(Fault.Hang);
        long fetched = gateway.IssuerRequests[EmulatedEndpoint.Metadata];
        Task waiting = gateway.Time.TimersAsync(UnknownKeyWait, Forgers);
        Task<HttpResponseMessage[]> forged = Task.WhenAll(Enumerable.Range(0, Forgers).Select(i => SendAsync(gateway, UnderKey(gateway, $"forged-{i}"))));
        await waiting;

        // Without time passing: one from the cache, one that is validated with the snapshot.
        await AssertServedAsync(gateway, cached);
        await AssertServedAsync(gateway, gateway.Token("prom"));
        Assert.False(forged.IsCompleted);

        gateway.Time.Advance(UnknownKeyWait);
        foreach (HttpResponseMessage answer in await forged)
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Contains("identity-unavailable", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
            answer.Dispose();
        }

        gateway.Time.Advance(FetchTimeout);
        await gateway.SigningKeys.WhenIdleAsync();
        Assert.Equal(fetched + 1, gateway.IssuerRequests[EmulatedEndpoint.Metadata]);
    }

    [Theory]
    [InlineData(Fault.ForeignIssuer)]
    [InlineData(Fault.ForeignKeys)]
    [InlineData(Fault.Redirect)]
    [InlineData(Fault.Oversized)]
    [InlineData(Fault.Garbage)]
    internal async Task Documents_that_are_not_the_issuers_replace_nothing(Fault fault)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        string known = gateway.Token("prom");
        gateway.SetIssuer(fault);
        gateway.Keys.Rotate(keepPublished: false);
        string unknown = gateway.Token("prom");

        Assert.False(await gateway.SigningKeys.RefreshAsync(Cancel));

        await AssertServedAsync(gateway, known);
        await Refused(503, "identity-unavailable", mayFetchKeys: true).AssertAsync(gateway, () => SendAsync(gateway, unknown), unknown);
        Assert.True(await gateway.MetricAsync("""rwgateway_identity_refresh_total{trigger="operator",result="failure"}""") >= 1);
    }

    [Fact]
    public async Task An_emulator_is_no_issuer_where_it_was_not_allowed()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(settings: [("Identity:AllowEmulator", "false")], waitUntilReady: false);
        string token = gateway.Token("prom");
        await gateway.SigningKeys.WhenIdleAsync();

        await Refused(503, "identity-unavailable", mayFetchKeys: true).AssertAsync(gateway, () => SendAsync(gateway, token), token);
        Assert.Contains("is of an emulator", gateway.SigningKeys.LastError, StringComparison.Ordinal);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The usual token under a key id that is not its key's.</summary>
    private static string UnderKey(GatewayHost gateway, string keyId) => gateway.WithHeader("kid", $"\"{keyId}\"");

    /// <summary>What is called in each test, with a token.</summary>
    private protected abstract Task<HttpResponseMessage> SendAsync(GatewayHost gateway, string token);

    private protected abstract RefusedCall Refused(int status, string reason, bool mayFetchKeys = false);

    /// <summary>Asserts that a call with this token is let in.</summary>
    private async Task AssertServedAsync(GatewayHost gateway, string token)
    {
        using HttpResponseMessage answer = await SendAsync(gateway, token);
        Assert.True(answer.IsSuccessStatusCode, $"{(int)answer.StatusCode}");
    }
}

/// <summary>The attacks on signing keys against a write.</summary>
public sealed class WriteSigningKeyAttackTests : SigningKeyAttackTests
{
    private protected override Task<HttpResponseMessage> SendAsync(GatewayHost gateway, string token) =>
        gateway.WriteAsync(SenderMessages.ToV1(SenderMessages.Series("up").At(gateway.NowMs)), token);

    private protected override RefusedCall Refused(int status, string reason, bool mayFetchKeys = false) =>
        new(status, reason) { MayFetchKeys = mayFetchKeys };
}

/// <summary>The attacks on signing keys against <c>/whoami</c>.</summary>
public sealed class WhoAmISigningKeyAttackTests : SigningKeyAttackTests
{
    private protected override Task<HttpResponseMessage> SendAsync(GatewayHost gateway, string token) => gateway.CallAsync("GET", "/whoami", token);

    private protected override RefusedCall Refused(int status, string reason, bool mayFetchKeys = false) =>
        RefusedCall.OfWhoAmI(status, reason) with { MayFetchKeys = mayFetchKeys };
}
