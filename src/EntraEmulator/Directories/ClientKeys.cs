using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.IdentityModel.Tokens;

namespace EntraEmulator.Directories;

/// <summary>The certificate of an app, which its assertions are signed with.</summary>
internal sealed class AppCertificate
{
    private AppCertificate(X509Certificate2 certificate) => Key = new X509SecurityKey(certificate);

    /// <summary>Its public RSA key.</summary>
    public SecurityKey Key { get; }

    /// <summary>Reads a certificate.</summary>
    /// <param name="pemOrFile">PEM text, or the path of a file with it.</param>
    /// <exception cref="CryptographicException">It is no certificate with an RSA key.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static AppCertificate Read(string pemOrFile)
    {
        X509Certificate2 certificate = X509Certificate2.CreateFromPem(ClientKeys.TextOf(pemOrFile));
        using RSA? key = certificate.GetRSAPublicKey();
        return key is null ? throw new CryptographicException("The certificate's key is not RSA.") : new AppCertificate(certificate);
    }
}

/// <summary>Another issuer that vouches for an app, and its keys.</summary>
internal sealed record FederatedIssuer(string Issuer, string Subject, string Audience, IReadOnlyList<SecurityKey> Keys);

/// <summary>Reads the public keys that clients are recognised by.</summary>
internal static class ClientKeys
{
    private const string PemMark = "-----BEGIN ";

    /// <summary>The text itself if it is PEM or JSON, else what the file of that name holds.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static string TextOf(string textOrFile) =>
        textOrFile.Contains(PemMark, StringComparison.Ordinal) || textOrFile.TrimStart().StartsWith('{')
            ? textOrFile
            : File.ReadAllText(textOrFile);

    /// <summary>Reads the keys of a federated issuer.</summary>
    /// <param name="textOrFile">A JWK set or one RSA public key as PEM, or the path of a file with it.</param>
    /// <exception cref="ArgumentException">It is neither, or holds no key.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<SecurityKey> Read(string textOrFile)
    {
        string text = TextOf(textOrFile);
        if (!text.Contains(PemMark, StringComparison.Ordinal))
        {
            IList<SecurityKey> keys = new JsonWebKeySet(text).GetSigningKeys();
            return keys.Count > 0 ? [.. keys] : throw new ArgumentException("The key set holds no signing key.");
        }

        RSA rsa = RSA.Create();
        rsa.ImportFromPem(text);
        return [new RsaSecurityKey(rsa)];
    }
}
