using System.Net;
using System.Text;
using EntraEmulator.Faults;
using Microsoft.Extensions.Logging;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.EntraEmulator;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>Documents that are not as they must be: the fetch has failed, and the keys so far stay.</summary>
public sealed class MetadataFaultTests(MetadataFaultTests.SharedHost shared) : IClassFixture<MetadataFaultTests.SharedHost>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(EmulatedEndpoint.Metadata, Fault.Unavailable, "answered 503")]
    [InlineData(EmulatedEndpoint.Metadata, Fault.Redirect, "answered 302")]
    [InlineData(EmulatedEndpoint.Metadata, Fault.Garbage, "is not an OpenID configuration in JSON")]
    [InlineData(EmulatedEndpoint.Metadata, Fault.Oversized, "more than 262144 bytes")]
    [InlineData(EmulatedEndpoint.Metadata, Fault.ForeignIssuer, "an issuer that is not among the accepted ones")]
    [InlineData(EmulatedEndpoint.Metadata, Fault.ForeignKeys, "a jwks_uri that is not an https URL on login.emulator.test")]
    [InlineData(EmulatedEndpoint.Keys, Fault.Unavailable, "answered 503")]
    [InlineData(EmulatedEndpoint.Keys, Fault.Redirect, "answered 302")]
    [InlineData(EmulatedEndpoint.Keys, Fault.Garbage, "is not a key set in JSON")]
    [InlineData(EmulatedEndpoint.Keys, Fault.Oversized, "more than 262144 bytes")]
    internal async Task A_fault_of_the_issuer_changes_no_key(EmulatedEndpoint endpoint, Fault fault, string error)
    {
        Host.Emulator.Faults.Set(new Dictionary<EmulatedEndpoint, Fault> { [endpoint] = fault });

        await FailsAsync(error);
    }

    [Theory]
    [InlineData("an array", "[]", "is not an OpenID configuration in JSON")]
    [InlineData("a text", "\"x\"", "is not an OpenID configuration in JSON")]
    [InlineData("nothing", "", "is not an OpenID configuration in JSON")]
    [InlineData("no issuer", """{"jwks_uri":"<base>/keys"}""", "an issuer that is not among")]
    [InlineData("an issuer that is a number", """{"issuer":7,"jwks_uri":"<base>/keys"}""", "an issuer that is not among")]
    [InlineData("the issuer of all directories", """{"issuer":"<base>/{tenantid}/v2.0","jwks_uri":"<base>/keys"}""", "an issuer that is not among")]
    [InlineData("no jwks_uri", """{"issuer":"<issuer>"}""", "a jwks_uri that is not")]
    [InlineData("a jwks_uri over http", """{"issuer":"<issuer>","jwks_uri":"http://login.emulator.test/keys"}""", "a jwks_uri that is not")]
    [InlineData("a jwks_uri on another port", """{"issuer":"<issuer>","jwks_uri":"<base>:8443/keys"}""", "a jwks_uri that is not")]
    [InlineData("a jwks_uri on a longer host", """{"issuer":"<issuer>","jwks_uri":"<base>.foreign.test/keys"}""", "a jwks_uri that is not")]
    [InlineData("a jwks_uri with a user", """{"issuer":"<issuer>","jwks_uri":"https://login.emulator.test@foreign.test/keys"}""", "a jwks_uri that is not")]
    [InlineData("a relative jwks_uri", """{"issuer":"<issuer>","jwks_uri":"/keys"}""", "a jwks_uri that is not")]
    public async Task A_configuration_that_is_not_as_expected_changes_no_key(string what, string document, string error)
    {
        Assert.NotEmpty(what);
        Host.Backchannel.OnAnswer = Replace("/openid-configuration", document
            .Replace("<base>", EmulatorHost.BaseUrl, StringComparison.Ordinal)
            .Replace("<issuer>", $"{EmulatorHost.BaseUrl}/{EmulatorHost.DirectoryId}/v2.0", StringComparison.Ordinal));

        await FailsAsync(error);
    }

    public static TheoryData<string, string, string> BadKeySets => new()
    {
        { "an array", "[]", "is not a key set in JSON" },
        { "nothing", "", "is not a key set in JSON" },
        { "no keys", """{"keys":[]}""", "has 0 signing keys among 0 keys" },
        { "no member keys", "{}", "has 0 signing keys among 0 keys" },
        { "a key without kid", KeySets.Of(KeySets.Key("")), "has keys without a kid" },
        { "two keys with one kid", KeySets.Of(KeySets.Key("a"), KeySets.Key("a")), "has keys without a kid, or with the same one" },
        { "a short key", KeySets.Of(KeySets.Key("a"), KeySets.Key("b", 1024)), "has key b of 1024 bits RSA; expected 2048 or more" },
        { "65 keys", KeySets.Of(Enumerable.Repeat(KeySets.Key("a"), 65)), "among 65 keys; expected 1 to 64" },
        { "a symmetric key", """{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]}""", "has key a of 0 bits RSA" },
        { "an elliptic key", """{"keys":[{"kty":"EC","kid":"a","crv":"P-256","x":"AAAA","y":"AAAA"}]}""", "has key a of 0 bits RSA" },
        { "a key without modulus", """{"keys":[{"kty":"RSA","kid":"a","e":"AQAB"}]}""", "has key a of 0 bits RSA" },
        { "a key that is no base64", """{"keys":[{"kty":"RSA","kid":"a","n":"+++","e":"AQAB"}]}""", "has key a of 0 bits RSA" },
        { "only keys for encryption", """{"keys":[{"kty":"RSA","use":"enc","kid":"a","n":"AQAB","e":"AQAB"}]}""", "has 0 signing keys among 1 keys" },
    };

    [Theory]
    [MemberData(nameof(BadKeySets))]
    public async Task A_key_set_that_is_not_as_expected_changes_no_key(string what, string document, string error)
    {
        Assert.NotEmpty(what);
        Host.Backchannel.OnAnswer = Replace("/keys", document);

        await FailsAsync(error);
    }

    [Fact]
    public async Task The_mark_of_an_emulator_is_refused_unless_it_is_allowed()
    {
        await using IdentityHost host = await IdentityHost.StartAsync(settings: ("Identity:AllowEmulator", "false"));

        Assert.Equal(MetadataState.Loading, host.Keys.State);
        Assert.Contains("is of an emulator", host.Keys.LastError, StringComparison.Ordinal);
        Assert.Equal(503, (await host.GetAsync(host.Mint.Mint("prom"))).StatusCode);
        Assert.Single(host.Logs.AtLeast(LogLevel.Warning), text => text.Contains("Identity:AllowEmulator", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_key_may_sign_for_the_issuer_it_is_published_for_and_no_other()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        host.Backchannel.OnAnswer = async (request, response) =>
        {
            if (request.RequestUri!.AbsolutePath.EndsWith("/keys", StringComparison.Ordinal))
            {
                string keys = await response.Content.ReadAsStringAsync(Cancellation);
                response.Content = new StringContent(keys.Replace("{tenantid}", "99999999-8888-4777-8666-555555555555", StringComparison.Ordinal));
            }
        };
        Assert.True(await host.Keys.RefreshAsync(Cancellation));

        Answer answer = await host.GetAsync(host.Mint.Mint("prom"));

        Assert.Equal((401, "wrong-issuer"), (answer.StatusCode, answer.Reason));
    }

    private IdentityHost Host => shared.Host;

    private async Task FailsAsync(string error)
    {
        const string Failures = """rwgateway_identity_refresh_total{trigger="operator",result="failure"}""";
        double failuresBefore = await Host.MetricAsync(Failures);
        int warningsBefore = Host.Logs.OursAtLeast(LogLevel.Warning).Count();
        MetadataSnapshot before = Host.Keys.Current!;

        Assert.False(await Host.Keys.RefreshAsync(Cancellation));

        Assert.Contains(error, Host.Keys.LastError, StringComparison.Ordinal);
        Assert.Same(before, Host.Keys.Current);
        Assert.Equal(MetadataState.Degraded, Host.Keys.State);
        Assert.Equal(failuresBefore + 1, await Host.MetricAsync(Failures));
        Assert.Contains(error, Assert.Single(Host.Logs.OursAtLeast(LogLevel.Warning).Skip(warningsBefore)), StringComparison.Ordinal);
        Assert.Equal(200, (await Host.GetAsync(Host.Mint.Mint("prom"))).StatusCode);
        Assert.Empty(Host.Backchannel.ForeignUrls);

        // And it recovers.
        Host.Backchannel.OnAnswer = null;
        Host.Emulator.Faults.Reset();
        Assert.True(await Host.Keys.RefreshAsync(Cancellation));
        Assert.Equal(MetadataState.Current, Host.Keys.State);
    }

    private static Func<HttpRequestMessage, HttpResponseMessage, Task> Replace(string path, string document) => (request, response) =>
    {
        if (request.RequestUri!.AbsolutePath.EndsWith(path, StringComparison.Ordinal))
        {
            response.StatusCode = HttpStatusCode.OK;
            response.Content = new StringContent(document, Encoding.UTF8, "application/json");
        }

        return Task.CompletedTask;
    };

    /// <summary>One host for all faults; each test leaves it in order.</summary>
    public sealed class SharedHost : IAsyncLifetime
    {
        internal IdentityHost Host { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Host = await IdentityHost.StartAsync();

        public ValueTask DisposeAsync() => Host.DisposeAsync();
    }
}
