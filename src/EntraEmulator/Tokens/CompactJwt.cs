using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace EntraEmulator.Tokens;

/// <summary>What an HS algorithm is keyed with: the public key, which a verifier that trusts <c>alg</c> would take for the secret.</summary>
internal enum HmacKeyForm
{
    /// <summary>The PEM text, as <c>/test/pem</c> gives it.</summary>
    Pem,

    /// <summary>The DER bytes.</summary>
    Der,
}

/// <summary>Assembles JWTs by hand, so that wrong ones can be made too.</summary>
internal static class CompactJwt
{
    /// <summary>Signs as the header says.</summary>
    /// <param name="header">The header's text, taken as it is.</param>
    /// <param name="payload">The payload's text, taken as it is.</param>
    /// <param name="algorithm">
    /// <c>RS256</c> to <c>PS512</c>: RSA. <c>HS256</c> to <c>HS512</c>: HMAC keyed with the public key. <c>none</c>, in any case: an empty signature.
    /// Anything else: RS256, whatever the header claims.
    /// </param>
    /// <param name="key">The key.</param>
    /// <param name="hmacKey">The form of the public key for the HS algorithms.</param>
    public static string Sign(string header, string payload, string? algorithm, SigningKey key, HmacKeyForm hmacKey = HmacKeyForm.Pem)
    {
        string content = Encode(header) + "." + Encode(payload);
        byte[] data = Encoding.ASCII.GetBytes(content);
        return content + "." + Base64Url.EncodeToString(Signature(data, algorithm, key, hmacKey));
    }

    private static byte[] Signature(byte[] data, string? algorithm, SigningKey key, HmacKeyForm hmacKey)
    {
        ReadOnlySpan<byte> secret = hmacKey == HmacKeyForm.Der ? key.PublicKeyDer.Span : Encoding.ASCII.GetBytes(key.PublicKeyPem);
        return algorithm switch
        {
            "RS384" => key.Sign(data, HashAlgorithmName.SHA384, RSASignaturePadding.Pkcs1),
            "RS512" => key.Sign(data, HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1),
            "PS256" => key.Sign(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pss),
            "PS384" => key.Sign(data, HashAlgorithmName.SHA384, RSASignaturePadding.Pss),
            "PS512" => key.Sign(data, HashAlgorithmName.SHA512, RSASignaturePadding.Pss),
            "HS256" => HMACSHA256.HashData(secret, data),
            "HS384" => HMACSHA384.HashData(secret, data),
            "HS512" => HMACSHA512.HashData(secret, data),
            _ when string.Equals(algorithm, "none", StringComparison.OrdinalIgnoreCase) => [],
            _ => key.Sign(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        };
    }

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
}
