using System.Diagnostics;
using System.Reflection;

namespace RemoteWriteGateway.Forwarding;

/// <summary>What all requests to stores have in common.</summary>
internal static class StoreRequests
{
    public static string UserAgent { get; } = "RemoteWriteGateway/" + Version();

    // All of these are met before the first byte of the request leaves.
    public static bool IsBeforeSending(HttpRequestException e) => e.HttpRequestError is
        HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError;

    // The store's spans hang below the request's; without one the store still can tell its own log lines apart.
    public static string TraceParent() => Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { } id }
        ? id
        : $"00-{ActivityTraceId.CreateRandom().ToHexString()}-{ActivitySpanId.CreateRandom().ToHexString()}-00";

    private static string Version() =>
        typeof(StoreRequests).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";
}
