using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EntraEmulator.Tokens;

/// <summary>Gives a new RSA key of 2 048 bits, which belongs to the caller. Making one takes up to a second, so tests hand out made ones.</summary>
internal delegate RSA RsaKeySource();

/// <summary>An RSA key of 2 048 bits with a certificate, as Entra publishes them: <c>kid</c> is the certificate's SHA-1 thumbprint.</summary>
internal sealed class SigningKey : IDisposable
{
    private static readonly TimeSpan CertificateLifetime = TimeSpan.FromDays(5 * 365);

    private readonly RSA _rsa;

    // RSA promises no safety across threads.
    private readonly Lock _signing = new();

    private SigningKey(RSA rsa, X509Certificate2 certificate)
    {
        _rsa = rsa;
        Kid = Base64Url.EncodeToString(certificate.GetCertHash());
        Certificate = Convert.ToBase64String(certificate.RawData);
        PublicParameters = rsa.ExportParameters(includePrivateParameters: false);
        PublicKeyPem = rsa.ExportSubjectPublicKeyInfoPem();
        PublicKeyDer = rsa.ExportSubjectPublicKeyInfo();
    }

    /// <summary>Key id, also <c>x5t</c>: 27 characters of base64url.</summary>
    public string Kid { get; }

    /// <summary>The self-signed certificate, DER in base64, as it stands in <c>x5c</c>.</summary>
    public string Certificate { get; }

    /// <summary>Modulus and exponent.</summary>
    public RSAParameters PublicParameters { get; }

    /// <summary>The public key as PEM (SubjectPublicKeyInfo).</summary>
    public string PublicKeyPem { get; }

    /// <summary>The public key as DER (SubjectPublicKeyInfo).</summary>
    public ReadOnlyMemory<byte> PublicKeyDer { get; }

    /// <summary>Makes a key with its certificate.</summary>
    /// <param name="rsa">The key; from now on this object's.</param>
    /// <param name="now">Start of the certificate's validity.</param>
    public static SigningKey Create(RSA rsa, DateTimeOffset now)
    {
        CertificateRequest request = new("CN=accounts.entra-emulator", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using X509Certificate2 certificate = request.CreateSelfSigned(now, now + CertificateLifetime);
        return new SigningKey(rsa, certificate);
    }

    /// <summary>Signs with RSA.</summary>
    /// <param name="data">What is signed, for a JWT the first two parts with their dot.</param>
    /// <param name="hash">The hash of the algorithm.</param>
    /// <param name="padding">PKCS #1 for the RS family, PSS for the PS family.</param>
    public byte[] Sign(ReadOnlySpan<byte> data, HashAlgorithmName hash, RSASignaturePadding padding)
    {
        lock (_signing)
        {
            return _rsa.SignData(data, hash, padding);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _rsa.Dispose();
}
