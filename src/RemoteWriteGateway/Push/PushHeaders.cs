using System.Globalization;
using Microsoft.Extensions.Primitives;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Push;

/// <summary>The headers of ours that a push may have, each at most once.</summary>
/// <param name="Mode">Null if none is named.</param>
/// <param name="Ttl">Null if none is named.</param>
/// <param name="IdempotencyKey">Null if none is named.</param>
internal readonly record struct PushHeaders(PushMode? Mode, TimeSpan? Ttl, string? IdempotencyKey)
{
    public const string ModeName = "X-Push-Mode";
    public const string TtlName = "X-Push-TTL";
    public const string IdempotencyKeyName = "Idempotency-Key";

    private const int MaxKeyLength = 255;

    /// <summary>Reads them; a value outside its grammar is a refusal.</summary>
    public static Refusal? TryRead(IHeaderDictionary headers, out PushHeaders read)
    {
        read = default;
        PushMode? mode = null;
        if (headers.TryGetValue(ModeName, out StringValues modes))
        {
            mode = modes.ToString() switch { "replace" => PushMode.Replace, "sum" => PushMode.Sum, _ => null };
            if (mode is null || modes.Count != 1)
            {
                return Invalid(ModeName, "it is replace or sum, once");
            }
        }

        TimeSpan? ttl = null;
        if (headers.TryGetValue(TtlName, out StringValues ttls))
        {
            if (!TryReadTtl(ttls, out TimeSpan time))
            {
                return Invalid(TtlName, $"it is a whole number with unit s, m, h or d, from {Quantity.Show(PushSettingsReader.ShortestTtl)} to {Quantity.Show(PushSettingsReader.LongestTtl)}, such as 2h");
            }

            ttl = time;
        }

        string? key = null;
        if (headers.TryGetValue(IdempotencyKeyName, out StringValues keys))
        {
            key = keys.ToString();
            if (keys.Count != 1 || key.Length is 0 or > MaxKeyLength || key.Any(static one => one is < '!' or > '~'))
            {
                return Invalid(IdempotencyKeyName, string.Create(CultureInfo.InvariantCulture, $"it has 1 to {MaxKeyLength} visible ASCII characters"));
            }
        }

        read = new PushHeaders(mode, ttl, key);
        return null;
    }

    private static bool TryReadTtl(StringValues values, out TimeSpan ttl)
    {
        ttl = default;
        return values is [{ Length: > 1 } text]
            && text[^1] is 's' or 'm' or 'h' or 'd'
            && text[^2] != 'm'
            && Quantity.TryParseDuration(text, out ttl)
            && ttl >= PushSettingsReader.ShortestTtl
            && ttl <= PushSettingsReader.LongestTtl;
    }

    private static Refusal Invalid(string header, string rule) =>
        new("header-invalid", StatusCodes.Status400BadRequest, $"the header {header} has another value than it may have; {rule}");
}
