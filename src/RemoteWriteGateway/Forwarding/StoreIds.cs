using System.Buffers;
using System.Globalization;

namespace RemoteWriteGateway.Forwarding;

/// <summary>Which ids tenants may have at a store: what a header or a path carries must mean one tenant there, and the right one.</summary>
internal static class StoreIds
{
    private const int MaxLength = 150;

    // Mimir's and Cortex's set. Without '|', which joins tenants there, and '/', which ends a path's segment.
    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!-_.*'()");

    /// <summary>Why <paramref name="id"/> cannot be a tenant's id at a store of this kind, or null if it can.</summary>
    public static string? Fault(StoreKind kind, string id) => kind == StoreKind.VictoriaMetricsCluster
        ? ClusterFault(id)
        : id.Length is 0 or > MaxLength
            ? $"\"{id}\" has {id.Length} characters, 1 to {MaxLength} are allowed"
        : id is "." or ".." or "__mimir_cluster"
            ? $"\"{id}\" has a meaning of its own at the store"
        : id.AsSpan().ContainsAnyExcept(Allowed)
            ? $"\"{id}\" has characters that a store's id may not have; letters, digits and !-_.*'() are allowed"
        : null;

    /// <summary>The same string for ids that mean the same tenant at the store.</summary>
    public static string Canonical(StoreKind kind, string id) => kind switch
    {
        StoreKind.VictoriaMetricsCluster when id.EndsWith(":0", StringComparison.Ordinal) => id[..^2],
        StoreKind.AzureMonitor => id.ToUpperInvariant(), // Values of labels ignore case there, so the tenants' names do.
        _ => id,
    };

    // account or account:project, 32 bits each.
    private static string? ClusterFault(string id)
    {
        string[] numbers = id.Split(':');
        return numbers.Length <= 2 && numbers.All(IsNumber)
            ? null
            : $"\"{id}\" is not a tenant of a VictoriaMetrics cluster: a number from 0 to {uint.MaxValue}, or two with a colon between; set storeId";
    }

    // Without leading zeros, so that two texts are never one tenant.
    private static bool IsNumber(string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number)
        && text == number.ToString(CultureInfo.InvariantCulture);
}
