using System.Buffers.Text;
using System.Security.Cryptography;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>Key sets as an issuer might publish them.</summary>
internal static class KeySets
{
    public static string Of(params IEnumerable<string> keys) => $$"""{"keys":[{{string.Join(',', keys)}}]}""";

    /// <summary>A new RSA key.</summary>
    public static string Key(string keyId, int bits = 2048, string more = "")
    {
        using RSA rsa = RSA.Create(bits);
        RSAParameters key = rsa.ExportParameters(includePrivateParameters: false);
        return $$"""{"kty":"RSA","use":"sig","kid":"{{keyId}}","n":"{{Base64Url.EncodeToString(key.Modulus)}}","e":"{{Base64Url.EncodeToString(key.Exponent)}}"{{more}}}""";
    }
}
