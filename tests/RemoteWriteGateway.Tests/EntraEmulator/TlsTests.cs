using System.Net.Security;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EntraEmulator;
using EntraEmulator.Configuration;
using EntraEmulator.Tls;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace RemoteWriteGateway.Tests.EntraEmulator;

public sealed class TlsTests : IDisposable
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;
    private static readonly DateTimeOffset Now = new(2026, 10, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"emulator-{Guid.NewGuid():N}");

    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_client_that_trusts_the_ca_and_nothing_else_reads_the_documents_over_tls()
    {
        await using WebApplication app = EmulatorApp.Build(
            EmulatorConfiguration.LoadSample() with { Https = "https://127.0.0.1:0", Http = "", DataDirectory = _folder, TlsNames = ["127.0.0.1", "localhost"] },
            builder => builder.Services.AddSingleton(RsaKeyPool.NewSource()));
        await app.StartAsync(Cancellation);
        using X509Certificate2 authority = X509CertificateLoader.LoadCertificateFromFile(FileOf("ca.pem"));
        using SocketsHttpHandler handler = new()
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { authority },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
        };
        using HttpClient http = new(handler);

        string document = await http.GetStringAsync(
            $"{Assert.Single(app.Urls)}/{EmulatorHost.DirectoryId}/v2.0/.well-known/openid-configuration", Cancellation);

        Assert.Contains("\"issuer\":\"https://localhost:5903/", document, StringComparison.Ordinal);
    }

    [Fact]
    public void The_ca_is_made_once_and_the_leaf_at_each_start()
    {
        using X509Certificate2 first = DevelopmentCertificates.Prepare(_folder, ["localhost"], Now);
        string authority = File.ReadAllText(FileOf("ca.pem"));

        using X509Certificate2 second = DevelopmentCertificates.Prepare(_folder, ["localhost"], Now.AddDays(1));

        Assert.Equal(authority, File.ReadAllText(FileOf("ca.pem")));
        Assert.NotEqual(first.SerialNumber, second.SerialNumber);
        Assert.Equal(["ca.key", "ca.pem", "leaf.key", "leaf.pem"], Directory.GetFiles(_folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void The_leaf_is_for_the_names_and_for_30_days_and_the_ca_for_ten_years()
    {
        using X509Certificate2 leaf = DevelopmentCertificates.Prepare(_folder, ["entra", "192.0.2.1"], Now);
        using X509Certificate2 authority = X509CertificateLoader.LoadCertificateFromFile(FileOf("ca.pem"));
        X509SubjectAlternativeNameExtension names = leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();

        Assert.Equal(["entra"], names.EnumerateDnsNames());
        Assert.Equal(["192.0.2.1"], names.EnumerateIPAddresses().Select(address => address.ToString()));
        Assert.Equal(Now.AddDays(30).UtcDateTime, leaf.NotAfter.ToUniversalTime());
        Assert.Equal(Now.AddYears(10).UtcDateTime, authority.NotAfter.ToUniversalTime());
        Assert.Equal("1.2.840.10045.3.1.7", authority.GetECDsaPublicKey()!.ExportParameters(false).Curve.Oid.Value); // P-256
        using X509Certificate2 pair = X509Certificate2.CreateFromPemFile(FileOf("leaf.pem"), FileOf("leaf.key"));
        Assert.Equal(leaf.SerialNumber, pair.SerialNumber);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void The_keys_are_their_owners_only()
    {
        DevelopmentCertificates.Prepare(_folder, ["localhost"], Now).Dispose();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FileOf("ca.key")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FileOf("leaf.key")));
    }

    [Theory]
    [InlineData("ca.key")]
    [InlineData("ca.pem")]
    public void Half_a_ca_is_refused_rather_than_replaced(string missing)
    {
        DevelopmentCertificates.Prepare(_folder, ["localhost"], Now).Dispose();
        File.Delete(FileOf(missing));

        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => DevelopmentCertificates.Prepare(_folder, ["localhost"], Now));

        Assert.Contains("Delete both", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_of_another_ca_is_refused()
    {
        DevelopmentCertificates.Prepare(_folder, ["localhost"], Now).Dispose();
        using ECDsa other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(FileOf("ca.key"), other.ExportPkcs8PrivateKeyPem());

        Assert.Throws<InvalidDataException>(() => DevelopmentCertificates.Prepare(_folder, ["localhost"], Now));
    }

    [Fact]
    public void A_ca_that_ends_before_its_leaf_is_refused()
    {
        DevelopmentCertificates.Prepare(_folder, ["localhost"], Now).Dispose();

        Assert.Throws<InvalidDataException>(() => DevelopmentCertificates.Prepare(_folder, ["localhost"], Now.AddYears(10).AddDays(-29)));
        DevelopmentCertificates.Prepare(_folder, ["localhost"], Now.AddYears(10).AddDays(-31)).Dispose();
    }

    private string FileOf(string name) => Path.Combine(_folder, name);
}
