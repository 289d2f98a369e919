using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace RemoteWriteGateway.Identity;

/// <summary>How the issuer is reached. Tests put an issuer in process here.</summary>
/// <param name="Handler">Follows no redirect.</param>
internal sealed record IdentityBackchannel(HttpMessageHandler Handler)
{
    public static IdentityBackchannel Create() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    });
}

/// <summary>What the issuer said about itself and its signing keys.</summary>
internal sealed record MetadataAnswer(string Issuer, Uri JwksUri, ImmutableArray<JsonWebKey> Keys);

/// <summary>A fetch of metadata that failed; the message says what was wrong.</summary>
internal sealed class MetadataException(string message, Exception? innerException = null) : Exception(message, innerException);

/// <summary>Fetches the directory's OpenID configuration and key set, and takes nothing that is not exactly as expected.</summary>
internal sealed class MetadataDocuments(IdentityBackchannel backchannel, EntraDirectory directory, TimeProvider time) : IDisposable
{
    public const int MaxDocumentBytes = 256 * 1024;
    public const int MaxKeys = 64;
    public const int MinKeyBits = 2048;

    private const string EmulatorMark = "entra-emulator";

    private readonly HttpClient _client = new(backchannel.Handler, disposeHandler: false)
    {
        MaxResponseContentBufferSize = MaxDocumentBytes,
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>Fetches both documents.</summary>
    /// <exception cref="MetadataException">The issuer cannot be reached, or one of the documents is not acceptable.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was cancelled.</exception>
    public async Task<MetadataAnswer> FetchAsync(CancellationToken cancellation)
    {
        byte[] configuration = await GetAsync(directory.MetadataAddress, cancellation);
        (string issuer, Uri jwksUri) = ReadConfiguration(configuration);
        byte[] keys = await GetAsync(jwksUri, cancellation);
        return new MetadataAnswer(issuer, jwksUri, ReadKeys(keys));
    }

    public void Dispose() => _client.Dispose();

    private async Task<byte[]> GetAsync(Uri address, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(directory.BackchannelTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            using HttpResponseMessage response = await _client.GetAsync(address, either.Token);
            return response.StatusCode == HttpStatusCode.OK
                ? await response.Content.ReadAsByteArrayAsync(either.Token)
                : throw new MetadataException($"{address} answered {(int)response.StatusCode}; expected 200, redirects are not followed");
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            throw new MetadataException(string.Create(
                CultureInfo.InvariantCulture, $"{address} did not answer within {directory.BackchannelTimeout.TotalSeconds:0.#} s"));
        }
        catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            throw new MetadataException($"{address} answered more than {MaxDocumentBytes} bytes", exception);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            throw new MetadataException($"{address} cannot be reached: {exception.Message}", exception);
        }
    }

    private (string Issuer, Uri JwksUri) ReadConfiguration(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            string? issuer = Text(document.RootElement, "issuer");
            if (!directory.Accepts(issuer))
            {
                throw new MetadataException($"{directory.MetadataAddress} names an issuer that is not among the accepted ones "
                    + $"({string.Join(", ", directory.Issuers)})");
            }

            if (Text(document.RootElement, "cloud_instance_name") == EmulatorMark && !directory.AcceptsEmulator)
            {
                throw new MetadataException($"{directory.MetadataAddress} is of an emulator; "
                    + "outside of environment Development this needs Identity:AllowEmulator");
            }

            return Uri.TryCreate(Text(document.RootElement, "jwks_uri"), UriKind.Absolute, out Uri? jwksUri)
                && jwksUri.Scheme == Uri.UriSchemeHttps
                && string.Equals(jwksUri.Authority, directory.Instance.Authority, StringComparison.OrdinalIgnoreCase)
                    ? (issuer!, jwksUri) // accepted above, so not null
                    : throw new MetadataException(
                        $"{directory.MetadataAddress} names a jwks_uri that is not an https URL on {directory.Instance.Authority}");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new MetadataException($"{directory.MetadataAddress} is not an OpenID configuration in JSON", exception);
        }
    }

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private ImmutableArray<JsonWebKey> ReadKeys(byte[] json)
    {
        JsonWebKeySet set;
        try
        {
            set = JsonWebKeySet.Create(Encoding.UTF8.GetString(json));
        }
        catch (Exception exception) when (exception is ArgumentException or JsonException or InvalidOperationException or FormatException)
        {
            throw Fault("is not a key set in JSON", exception);
        }

        // Keys that are not for signatures are none of ours; every other one must be as expected.
        ImmutableArray<JsonWebKey> keys = [.. set.Keys.Where(key => string.IsNullOrEmpty(key.Use) || key.Use == "sig")];
        if (keys.IsEmpty || set.Keys.Count > MaxKeys)
        {
            throw Fault($"has {keys.Length} signing keys among {set.Keys.Count} keys; expected 1 to {MaxKeys}");
        }

        if (keys.Any(key => string.IsNullOrEmpty(key.Kid))
            || keys.DistinctBy(key => key.Kid, StringComparer.Ordinal).Count() != keys.Length)
        {
            throw Fault("has keys without a kid, or with the same one");
        }

        foreach (JsonWebKey key in keys)
        {
            int bits = KeyBits(key);
            if (bits < MinKeyBits)
            {
                throw Fault($"has key {key.Kid} of {bits} bits RSA; expected {MinKeyBits} or more");
            }
        }

        return keys;
    }

    /// <summary>Size of an RSA key; 0 if it is none.</summary>
    private static int KeyBits(JsonWebKey key)
    {
        if (key.Kty != JsonWebAlgorithmsKeyTypes.RSA)
        {
            return 0;
        }

        try
        {
            using var rsa = RSA.Create(new RSAParameters
            {
                Modulus = Base64UrlEncoder.DecodeBytes(key.N),
                Exponent = Base64UrlEncoder.DecodeBytes(key.E),
            });
            return rsa.KeySize;
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException or ArgumentException)
        {
            return 0;
        }
    }

    private MetadataException Fault(string what, Exception? exception = null) =>
        new($"the key set of {directory.Instance.Authority} {what}", exception);
}
