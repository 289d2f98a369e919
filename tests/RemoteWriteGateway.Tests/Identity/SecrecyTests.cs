using System.Text.Json.Nodes;
using EntraEmulator.Faults;
using Microsoft.Extensions.Logging;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>What must not come out.</summary>
public sealed class SecrecyTests
{
    private static readonly string[] Identifying = ["oid", "azp", "appid", "uti", "sub", "name", "preferred_username", "roles", "groups", "nonce"];

    [Fact]
    public async Task Neither_tokens_nor_what_they_hold_stand_in_any_log()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string[] tokens =
        [
            host.Mint.Mint("prom"),
            host.Mint.MintUser("ann"),
            host.Mint.MintIdToken("ann"),
            host.Mint.Mint("prom").WithFlippedBit(),
            host.Mint.Mint("prom").WithPart(2, ""),
            host.Mint.Mint("prom") + "=",
            host.WithHeader("kid", "\"a-forged-key\"", host.Emulator.Keys.Foreign),
            host.WithHeaderText(host.HeaderOf("none")),
            host.WithHeaderText(host.HeaderOf("RS256"), host.Emulator.Keys.Foreign),
            host.WithClaim("aud", "\"another-audience\""),
            host.WithClaim("iss", "\"https://another-issuer.test/\""),
            host.WithClaim("exp", "1"),
            host.WithClaim("exp", "1e300"),
            host.WithClaim("nbf", $"{host.Time.GetUtcNow().AddHours(1).ToUnixTimeSeconds()}"),
            host.WithClaim("tid", "\"99999999-8888-4777-8666-555555555555\""),
            host.WithClaim("roles", """{"a-role":1}"""),
            host.Mint.MintRaw(host.HeaderOf("RS256"), "not-json-at-all", host.Emulator.Keys.Current),
        ];

        foreach (string token in tokens)
        {
            await host.GetAsync(token);
            await host.GetAsync(token);
            await host.SendAsync($"/caller?access_token={token}");
            await host.SendAsync("/caller", $"Bearer {token}", $"Bearer {token}");
            await host.SendAsync("/caller", $"Basic {token}");
            await host.GetAsync(token, "/open");
        }

        // Also while the issuer is away.
        host.Emulator.Set(Fault.Unavailable);
        await host.GetAsync(host.WithHeader("kid", "\"b-forged-key\"", host.Emulator.Keys.Foreign));

        string log = string.Join('\n', host.Logs.All);
        Assert.Contains("Refused GET", log, StringComparison.Ordinal);
        foreach (string token in tokens)
        {
            Assert.All(token.Split('.').Where(part => part.Length > 8), part => Assert.DoesNotContain(part, log, StringComparison.Ordinal));
        }

        foreach (string token in new[] { tokens[0], tokens[1], tokens[2] })
        {
            JsonObject claims = JsonNode.Parse(Forgery.Text(token, 1))!.AsObject();
            foreach (string value in Identifying.Select(name => claims[name]?.ToString()).OfType<string>().Where(value => value.Length > 3))
            {
                Assert.DoesNotContain(value, log, StringComparison.Ordinal);
            }
        }

        foreach (string text in new[] { "a-forged-key", "b-forged-key", "another-audience", "another-issuer", "a-role", "not-json-at-all", "1e300" })
        {
            Assert.DoesNotContain(text, log, StringComparison.Ordinal);
        }

        // The issuer's failure, and nothing else, is worth a warning: a forged token is one line at Information, from the refusal.
        Assert.Single(host.Logs.AtLeast(LogLevel.Warning));
    }

    [Fact]
    public async Task Metrics_name_reasons_and_no_caller()
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        await host.GetAsync(host.Mint.Mint("prom"));
        await host.GetAsync(host.WithHeader("kid", "\"a-forged-key\"", host.Emulator.Keys.Foreign));

        using MemoryStream text = new();
        await host.Registry.CollectAndExportAsTextAsync(text, TestContext.Current.CancellationToken);
        string metrics = System.Text.Encoding.UTF8.GetString(text.ToArray());

        Assert.Contains("""rwgateway_refusals_total{route="/caller",reason="unknown-key"} 1""", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("a-forged-key", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("99999999-0000", metrics, StringComparison.Ordinal);
        foreach (string trigger in new[] { "start", "periodic", "unknown-key", "operator" })
        {
            Assert.Contains($$"""rwgateway_identity_refresh_total{trigger="{{trigger}}",result="failure"} 0""", metrics, StringComparison.Ordinal);
        }
    }
}
