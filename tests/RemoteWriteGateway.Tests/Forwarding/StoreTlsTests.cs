using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using RemoteWriteGateway.Forwarding;

namespace RemoteWriteGateway.Tests.Forwarding;

public sealed class StoreTlsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rwgateway-");
    private readonly Authority _authority = new("first");
    private readonly Authority _otherAuthority = new("other");

    public void Dispose()
    {
        _folder.Delete(recursive: true);
        _authority.Dispose();
        _otherAuthority.Dispose();
    }

    [Fact]
    public async Task A_store_is_trusted_by_the_configured_authority()
    {
        await using RecordingStore store = await StartAsync(_authority);
        await using ForwardHost host = ForwardHost.Before(store, ("Tls:CaFile", File("ca.pem", _authority.Pem)));

        Assert.Equal(VerdictKind.Written, (await host.SendAsync(Messages.V1Samples("a"))).Kind);
    }

    [Fact]
    public async Task A_store_of_another_authority_gets_nothing()
    {
        await using RecordingStore store = await StartAsync(_authority);
        await using ForwardHost host = ForwardHost.Before(store, ("Tls:CaFile", File("ca.pem", _otherAuthority.Pem)));
        await using ForwardHost system = ForwardHost.Before(store);

        Assert.Equal("store-unavailable", Assert.Single((await host.SendAsync(Messages.V1Samples("a"))).Faults).Reason);
        Assert.Equal("store-unavailable", Assert.Single((await system.SendAsync(Messages.V1Samples("a"))).Faults).Reason);
        Assert.Empty(store.Requests);
    }

    [Fact]
    public async Task A_store_with_another_name_gets_nothing()
    {
        await using RecordingStore store = await StartAsync(_authority, name: "elsewhere.example");
        await using ForwardHost host = ForwardHost.Before(store, ("Tls:CaFile", File("ca.pem", _authority.Pem)));

        Assert.Equal(VerdictKind.Retry, (await host.SendAsync(Messages.V1Samples("a"))).Kind);
        Assert.Empty(store.Requests);
    }

    [Fact]
    public async Task New_files_are_in_use_within_30_s_and_broken_ones_keep_the_old()
    {
        await using RecordingStore store = await StartAsync(_authority);
        await using ForwardHost host = ForwardHost.Before(store, ("Tls:CaFile", File("ca.pem", _otherAuthority.Pem)));
        Assert.Equal(VerdictKind.Retry, (await host.SendAsync(Messages.V1Samples("a"))).Kind);

        File("ca.pem", _authority.Pem);
        host.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(VerdictKind.Written, (await host.SendAsync(Messages.V1Samples("a"))).Kind);

        File("ca.pem", "not a certificate");
        host.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(VerdictKind.Written, (await host.SendAsync(Messages.V1Samples("a"))).Kind);
        Assert.Contains("TLS files of store main cannot be used, the last ones stay in use", host.Logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_its_files_nothing_is_sent()
    {
        await using RecordingStore store = await StartAsync(_authority);
        await using ForwardHost host = ForwardHost.Before(store, ("Tls:CaFile", Path.Combine(_folder.FullName, "absent.pem")));

        Assert.Equal("store-unavailable", Assert.Single((await host.SendAsync(Messages.V1Samples("a"))).Faults).Reason);
        Assert.Contains("nothing is sent to the store", host.Logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_gateway_shows_its_certificate_where_it_has_one()
    {
        using X509Certificate2 client = _authority.Issue("gateway");
        List<string?> subjects = [];
        await using RecordingStore store = await StartAsync(_authority, https: options =>
        {
            options.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
            options.ClientCertificateValidation = (certificate, _, _) =>
            {
                subjects.Add(certificate.Subject);
                return true;
            };
        });
        await using ForwardHost host = ForwardHost.Before(
            store,
            ("Tls:CaFile", File("ca.pem", _authority.Pem)),
            ("Tls:CertificateFile", File("client.pem", client.ExportCertificatePem())),
            ("Tls:KeyFile", File("client.key", client.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem())));
        await using ForwardHost without = ForwardHost.Before(store, ("Tls:CaFile", File("ca.pem", _authority.Pem)));

        Assert.Equal(VerdictKind.Written, (await host.SendAsync(Messages.V1Samples("a"))).Kind);
        Assert.Equal(VerdictKind.Retry, (await without.SendAsync(Messages.V1Samples("a"))).Kind);
        Assert.Equal(["CN=gateway"], subjects);
        Assert.Single(store.Requests);
    }

    /// <summary>Both files are replaced by whoever renews them, but not at the same time.</summary>
    [Fact]
    public async Task A_key_of_another_certificate_keeps_the_old_pair()
    {
        using X509Certificate2 client = _authority.Issue("gateway");
        using X509Certificate2 renewed = _authority.Issue("gateway");
        await using RecordingStore store = await StartAsync(_authority, https: options =>
        {
            options.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
            options.ClientCertificateValidation = static (_, _, _) => true;
        });
        await using ForwardHost host = ForwardHost.Before(
            store,
            ("Tls:CaFile", File("ca.pem", _authority.Pem)),
            ("Tls:CertificateFile", File("client.pem", client.ExportCertificatePem())),
            ("Tls:KeyFile", File("client.key", client.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem())));
        Assert.Equal(VerdictKind.Written, (await host.SendAsync(Messages.V1Samples("a"))).Kind);

        File("client.key", renewed.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        host.Time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal(VerdictKind.Written, (await host.SendAsync(Messages.V1Samples("a"))).Kind);
        Assert.Contains("TLS files of store main cannot be used, the last ones stay in use", host.Logs.Text, StringComparison.Ordinal);
    }

    private static async Task<RecordingStore> StartAsync(
        Authority authority, string name = "127.0.0.1", Action<HttpsConnectionAdapterOptions>? https = null)
    {
        using X509Certificate2 issued = authority.Issue(name);
        X509Certificate2 certificate = X509CertificateLoader.LoadPkcs12(issued.Export(X509ContentType.Pfx), null);
        return await RecordingStore.StartAsync(options =>
        {
            options.ServerCertificate = certificate;
            https?.Invoke(options);
        });
    }

    private string File(string name, string contents)
    {
        string path = Path.Combine(_folder.FullName, name);
        System.IO.File.WriteAllText(path, contents);
        return path;
    }

    /// <summary>Issues certificates of a day.</summary>
    private sealed class Authority : IDisposable
    {
        private readonly X509Certificate2 _certificate;

        public Authority(string name)
        {
            using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        }

        public string Pem => _certificate.ExportCertificatePem();

        public X509Certificate2 Issue(string name)
        {
            using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
            SubjectAlternativeNameBuilder names = new();
            if (System.Net.IPAddress.TryParse(name, out System.Net.IPAddress? address))
            {
                names.AddIpAddress(address);
            }
            else
            {
                names.AddDnsName(name);
            }

            request.CertificateExtensions.Add(names.Build());
            using X509Certificate2 issued = request.Create(
                _certificate, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1).AddMinutes(-5), RandomNumberGenerator.GetBytes(8));
            return issued.CopyWithPrivateKey(key);
        }

        public void Dispose() => _certificate.Dispose();
    }
}
