using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Prometheus;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Tests.Http;

public sealed class ServerCertificateTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rwgateway-test-");
    private readonly FakeTimeProvider _time = new();
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();

    private string CertificateFile => Path.Combine(_folder.FullName, "tls.crt");

    private string KeyFile => Path.Combine(_folder.FullName, "tls.key");

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Whoever renews a certificate writes one file after the other, and we may read between the two.</summary>
    [Fact]
    public async Task A_key_of_another_certificate_keeps_the_old_pair_until_both_are_there()
    {
        using X509Certificate2 first = Issue("first");
        using X509Certificate2 second = Issue("second");
        Write(first, key: first);
        using ServerCertificate certificate = Load();
        await certificate.StartAsync(TestContext.Current.CancellationToken);

        Write(second, key: first);
        _time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal("CN=first", Subject(certificate));
        Assert.Equal(1, await ReloadFailedAsync());

        Write(second, key: second);
        _time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal("CN=second", Subject(certificate));
        Assert.Equal(0, await ReloadFailedAsync());
    }

    [Fact]
    public void A_key_of_another_certificate_stops_the_start_and_is_named()
    {
        using X509Certificate2 first = Issue("first");
        using X509Certificate2 second = Issue("second");
        Write(first, key: second);

        InvalidOperationException fault = Assert.Throws<InvalidOperationException>(Load);

        Assert.StartsWith("Http:CertificateFile, Http:KeyFile: ", fault.Message, StringComparison.Ordinal);
    }

    private static X509Certificate2 Issue(string name)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static string Subject(ServerCertificate certificate) =>
        certificate.AuthenticationOptions.ServerCertificateContext!.TargetCertificate.Subject;

    private void Write(X509Certificate2 certificate, X509Certificate2 key)
    {
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(KeyFile, key.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    private ServerCertificate Load() => new(
        Options.Create(new HttpOptions { CertificateFile = CertificateFile, KeyFile = KeyFile }),
        _time,
        Metrics.WithCustomRegistry(_registry),
        NullLogger<ServerCertificate>.Instance);

    private async Task<double> ReloadFailedAsync()
    {
        using var text = new MemoryStream();
        await _registry.CollectAndExportAsTextAsync(text, TestContext.Current.CancellationToken);
        string line = System.Text.Encoding.UTF8.GetString(text.ToArray()).Split('\n')
            .Single(line => line.StartsWith("rwgateway_tls_reload_failed ", StringComparison.Ordinal));
        return double.Parse(line.AsSpan(line.IndexOf(' ', StringComparison.Ordinal)), System.Globalization.CultureInfo.InvariantCulture);
    }
}
