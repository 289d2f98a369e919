using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RemoteWriteGateway.Tests.PostgreSql;

namespace RemoteWriteGateway.Tests.Catalog;

/// <summary>Who is believed to be the catalog: a server whose certificate is of a trusted authority and made out to the name in the connection string.</summary>
public sealed class PostgreSqlTlsTests : IDisposable
{
    private const string Rejected = "Exception while performing SSL handshake: The remote certificate was rejected";

    private readonly Authority _ours = new("ours");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _ours.Dispose();

    [Fact]
    public async Task A_server_is_taken_only_by_its_name_and_from_an_authority_that_is_trusted()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel, _ours.Issue("localhost"));
        using Authority theirs = new("theirs");

        Assert.Null(await AwayAsync(server, "localhost", _ours.Pem));
        Assert.Contains(Rejected, await AwayAsync(server, "localhost", theirs.Pem), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_with_a_certificate_of_another_name_is_not_the_catalog()
    {
        await using PostgreSqlServer server = await PostgreSqlServer.StartAsync(Cancel, _ours.Issue("db.example.org"));

        Assert.Contains(Rejected, await AwayAsync(server, "localhost", _ours.Pem), StringComparison.Ordinal);
    }

    /// <summary>Starts a gateway's catalog on it: what it told as the reason why the catalog is away, or null if it is open.</summary>
    private static async Task<string?> AwayAsync(PostgreSqlServer server, string host, string trusted)
    {
        await using EmptyCatalog files = await EmptyCatalog.CreateAsync("Sqlite");
        string authority = Path.Combine(files.Folder, "ca.pem");
        await File.WriteAllTextAsync(authority, trusted, Cancel);
        await using EmptyCatalog catalog = EmptyCatalog.At($"{server.TlsConnectionString("postgres", host)};Root Certificate={authority}");
        await using CatalogHost gateway = await CatalogHost.StartAsync(catalog);
        return gateway.Changes.IsOpen
            ? null
            : Assert.Single(gateway.Logs.All, line => line.StartsWith("Warning ", StringComparison.Ordinal));
    }

    private sealed class Authority : IDisposable
    {
        private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        private readonly X509Certificate2 _certificate;

        public Authority(string name)
        {
            CertificateRequest request = new($"CN={name}", _key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
            request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
            _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1));
        }

        public string Pem => _certificate.ExportCertificatePem();

        public (string Certificate, string Key) Issue(string name)
        {
            using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
            SubjectAlternativeNameBuilder names = new();
            names.AddDnsName(name);
            request.CertificateExtensions.Add(names.Build());
            using X509Certificate2 certificate = request.Create(
                _certificate, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(12), RandomNumberGenerator.GetBytes(8));
            return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
        }

        public void Dispose()
        {
            _certificate.Dispose();
            _key.Dispose();
        }
    }
}
