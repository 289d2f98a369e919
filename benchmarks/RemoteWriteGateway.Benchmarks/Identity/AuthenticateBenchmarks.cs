using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using BenchmarkDotNet.Attributes;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Prometheus;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Benchmarks.Identity;

/// <summary>
/// What does it cost to know who is calling? Baseline is the bearer scheme whose event has the principal at hand; every figure contains
/// the <see cref="HttpContext"/> and the scope that it contains.
/// </summary>
[MemoryDiagnoser]
public class AuthenticateBenchmarks
{
    private const string Directory = "11111111-2222-4333-8444-555555555555";
    private const string Gateway = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
    private const string Issuer = $"https://login.issuer.test/{Directory}/v2.0";
    private const string Header = """{"typ":"JWT","alg":"RS256","kid":"key-1"}""";

    private readonly RSA _key = RSA.Create(2048);
    private readonly RSA _foreignKey = RSA.Create(2048);
    private IHost _cached = null!; // Set before the first measurement, as the rest.
    private IHost _uncached = null!;
    private IHost _baseline = null!;
    private string _app = "";
    private string _user = "";
    private string _wrongAlgorithm = "";
    private string _forged = "";

    [GlobalSetup]
    public async Task SetupAsync()
    {
        string claims = Claims("\"idtyp\":\"app\",\"roles\":[\"Metrics.Write\"]");
        string groups = string.Join(',', Enumerable.Range(0, 200).Select(i => $"\"77777777-0000-4000-8000-{i:x12}\""));
        _app = Sign(Header, claims, _key);
        _user = Sign(Header, Claims($"\"idtyp\":\"user\",\"scp\":\"Metrics.Access\",\"roles\":[\"Metrics.Read\"],\"groups\":[{groups}]"), _key);
        _wrongAlgorithm = Sign(Header.Replace("RS256", "HS256", StringComparison.Ordinal), claims, _key);
        _forged = Sign(Header, claims, _foreignKey);

        _cached = await StartAsync("00:05:00");
        _uncached = await StartAsync("00:00:00");
        _baseline = await StartAsync("00:05:00");
        AuthenticateResult validated = await AuthenticateAsync(_baseline, _app);
        JwtBearerEvents events = _baseline.Services.GetRequiredService<IOptionsMonitor<JwtBearerOptions>>().Get("Bearer").Events;
        events.OnMessageReceived = context =>
        {
            context.Principal = validated.Principal;
            context.Success();
            return Task.CompletedTask;
        };

        await SucceedsAsync(_cached, _app);
        await SucceedsAsync(_cached, _user);
        await SucceedsAsync(_uncached, _app);
        await SucceedsAsync(_uncached, _user);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _cached.Dispose();
        _uncached.Dispose();
        _baseline.Dispose();
        _key.Dispose();
        _foreignKey.Dispose();
    }

    [Benchmark(Baseline = true)]
    public Task<AuthenticateResult> PrincipalAtHand() => AuthenticateAsync(_baseline, _app);

    /// <summary>A token of an app, 1 KB. Budget: 5 µs, 0 B above the baseline.</summary>
    [Benchmark]
    public Task<AuthenticateResult> HitOfAnApp() => AuthenticateAsync(_cached, _app);

    /// <summary>A token of a user with 200 groups, 11 KB. Budget: 12 µs, 0 B above the baseline.</summary>
    [Benchmark]
    public Task<AuthenticateResult> HitOfAUserWith200Groups() => AuthenticateAsync(_cached, _user);

    /// <summary>Budget: 70 µs, 20 KB.</summary>
    [Benchmark]
    public Task<AuthenticateResult> MissOfAnApp() => AuthenticateAsync(_uncached, _app);

    /// <summary>Budget: 120 µs, 160 KB.</summary>
    [Benchmark]
    public Task<AuthenticateResult> MissOfAUserWith200Groups() => AuthenticateAsync(_uncached, _user);

    /// <summary>Budget: 5 µs.</summary>
    [Benchmark]
    public Task<AuthenticateResult> RefusedByTheHeader() => AuthenticateAsync(_uncached, _wrongAlgorithm);

    /// <summary>Budget: 70 µs.</summary>
    [Benchmark]
    public Task<AuthenticateResult> ForgedUnderAKnownKeyId() => AuthenticateAsync(_uncached, _forged);

    private static async Task<AuthenticateResult> AuthenticateAsync(IHost host, string authorization)
    {
        using IServiceScope scope = host.Services.CreateScope();
        DefaultHttpContext http = new() { RequestServices = scope.ServiceProvider };
        http.Request.Headers.Authorization = authorization;
        return await scope.ServiceProvider.GetRequiredService<IAuthenticationService>().AuthenticateAsync(http, "Bearer");
    }

    private static async Task SucceedsAsync(IHost host, string authorization)
    {
        AuthenticateResult result = await AuthenticateAsync(host, authorization);
        if (!result.Succeeded)
        {
            throw new InvalidOperationException("The benchmark's token was refused.", result.Failure);
        }
    }

    private async Task<IHost> StartAsync(string maxAge)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AzureAd:Instance"] = "https://login.issuer.test/",
            ["AzureAd:TenantId"] = Directory,
            ["AzureAd:ClientId"] = Gateway,
            ["Identity:TokenCache:MaxAge"] = maxAge,
        });
        builder.Services
            .AddSingleton<IMetricFactory>(Metrics.WithCustomRegistry(Metrics.NewCustomRegistry()))
            .AddSingleton(new IdentityBackchannel(new FixedIssuer(_key)))
            .AddIdentity();
        IHost host = builder.Build();
        MetadataSnapshots keys = host.Services.GetRequiredService<MetadataSnapshots>();
        keys.Start();
        await keys.WhenIdleAsync();
        return host;
    }

    private static string Claims(string more)
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        return $$"""
            {"aud":"{{Gateway}}","iss":"{{Issuer}}","iat":{{now - 300}},"nbf":{{now - 300}},"exp":{{now + 86400}},"aio":"{{new string('a', 60)}}",
            "azp":"99999999-0000-4000-8000-000000000001","azpacr":"1",{{more}},"oid":"0f0f0f0f-1111-4222-8333-444444444444",
            "rh":"1.{{new string('r', 56)}}","sub":"0f0f0f0f-1111-4222-8333-444444444444","tid":"{{Directory}}","uti":"abcdefghijklmnopqrstuv","ver":"2.0"}
            """;
    }

    /// <summary>The value of the header.</summary>
    private static string Sign(string header, string payload, RSA key)
    {
        string content = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header)) + "." + Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload));
        byte[] signature = key.SignData(Encoding.ASCII.GetBytes(content), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return $"Bearer {content}.{Base64Url.EncodeToString(signature)}";
    }

    private sealed class FixedIssuer(RSA key) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            RSAParameters parameters = key.ExportParameters(includePrivateParameters: false);
            string document = request.RequestUri!.AbsolutePath.EndsWith("/keys", StringComparison.Ordinal)
                ? $$"""{"keys":[{"kty":"RSA","use":"sig","kid":"key-1","n":"{{Base64Url.EncodeToString(parameters.Modulus)}}","e":"AQAB","issuer":"https://login.issuer.test/{tenantid}/v2.0"}]}"""
                : $$"""{"issuer":"{{Issuer}}","jwks_uri":"https://login.issuer.test/{{Directory}}/discovery/v2.0/keys"}""";
            return Task.FromResult(new HttpResponseMessage { Content = new StringContent(document) });
        }
    }
}
