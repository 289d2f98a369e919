using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EntraEmulator.Tls;

/// <summary>The development CA, made once, and a TLS certificate of it, made at each start.</summary>
/// <remarks>
/// The folder holds <c>ca.pem</c>, which clients trust, <c>ca.key</c>, <c>leaf.pem</c> and <c>leaf.key</c>; the keys are their owner's only. A file
/// appears whole or not at all.
/// </remarks>
internal static class DevelopmentCertificates
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const int AuthorityYears = 10;
    private static readonly TimeSpan LeafLifetime = TimeSpan.FromDays(30);

    /// <summary>Certificates start this long ago, for clients whose clock is behind.</summary>
    private static readonly TimeSpan BackDating = TimeSpan.FromHours(1);

    /// <summary>Makes sure of a CA in the folder and puts a new leaf beside it.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="names">Host names and IP addresses of the leaf.</param>
    /// <param name="now">Start of validity.</param>
    /// <returns>The leaf with its key.</returns>
    /// <exception cref="InvalidDataException">The folder holds half a CA, one that does not fit together, or one that ends too soon.</exception>
    /// <exception cref="IOException">The folder cannot be read or written.</exception>
    public static X509Certificate2 Prepare(string folder, IEnumerable<string> names, DateTimeOffset now)
    {
        Directory.CreateDirectory(folder);
        string certificateFile = Path.Combine(folder, "ca.pem");
        string keyFile = Path.Combine(folder, "ca.key");
        using X509Certificate2 authority = File.Exists(certificateFile) || File.Exists(keyFile)
            ? Load(certificateFile, keyFile, now)
            : CreateAuthority(certificateFile, keyFile, now);

        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 leaf = CreateLeaf(authority, key, names, now);
        X509Certificate2 withKey = leaf.CopyWithPrivateKey(key);
        Write(Path.Combine(folder, "leaf.key"), key.ExportPkcs8PrivateKeyPem(), isSecret: true);
        Write(Path.Combine(folder, "leaf.pem"), leaf.ExportCertificatePem(), isSecret: false);
        return OperatingSystem.IsWindows() ? Persist(withKey) : withKey;
    }

    private static X509Certificate2 Load(string certificateFile, string keyFile, DateTimeOffset now)
    {
        const string Advice = "Delete both to make a new CA, which clients then have to trust anew.";
        X509Certificate2 authority;
        try
        {
            authority = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
        }
        catch (Exception e) when (e is CryptographicException or FileNotFoundException or ArgumentException)
        {
            throw new InvalidDataException($"{certificateFile} and {keyFile} are not a certificate and its key: {e.Message} {Advice}", e);
        }

        if (authority.NotAfter.ToUniversalTime() < now + LeafLifetime)
        {
            DateTime end = authority.NotAfter.ToUniversalTime();
            authority.Dispose();
            throw new InvalidDataException($"{certificateFile} ends at {end:u}, before the {LeafLifetime.Days} days of a new certificate. {Advice}");
        }

        return authority;
    }

    private static X509Certificate2 CreateAuthority(string certificateFile, string keyFile, DateTimeOffset now)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=Entra emulator development CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        X509Certificate2 authority = request.CreateSelfSigned(now - BackDating, now.AddYears(AuthorityYears));
        Write(keyFile, key.ExportPkcs8PrivateKeyPem(), isSecret: true);
        Write(certificateFile, authority.ExportCertificatePem(), isSecret: false);
        return authority;
    }

    private static X509Certificate2 CreateLeaf(X509Certificate2 authority, ECDsa key, IEnumerable<string> names, DateTimeOffset now)
    {
        SubjectAlternativeNameBuilder alternatives = new();
        foreach (string name in names)
        {
            if (IPAddress.TryParse(name, out IPAddress? address))
            {
                alternatives.AddIpAddress(address);
            }
            else
            {
                alternatives.AddDnsName(name);
            }
        }

        CertificateRequest request = new("CN=Entra emulator", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(ServerAuthentication)], critical: false));
        request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, true, false));
        return request.Create(authority, now - BackDating, now + LeafLifetime, RandomNumberGenerator.GetBytes(16));
    }

    /// <summary>Windows' TLS takes keys from its store only, not from memory.</summary>
    private static X509Certificate2 Persist(X509Certificate2 certificate)
    {
        using (certificate)
        {
            return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), password: null);
        }
    }

    private static void Write(string file, string text, bool isSecret)
    {
        string unfinished = $"{file}.{Environment.ProcessId}.new";
        FileStreamOptions options = new() { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite
                | (isSecret ? UnixFileMode.None : UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }

        using (StreamWriter writer = new(unfinished, options))
        {
            writer.WriteLine(text);
        }

        File.Move(unfinished, file, overwrite: true);
    }
}
