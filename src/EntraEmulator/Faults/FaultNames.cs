using System.Collections.Frozen;

namespace EntraEmulator.Faults;

/// <summary>The words of the hooks for endpoints and faults.</summary>
internal static class FaultNames
{
    private static readonly FrozenDictionary<string, Fault> OfAll = new Dictionary<string, Fault>
    {
        ["ok"] = Fault.Ok,
        ["503"] = Fault.Unavailable,
        ["hang"] = Fault.Hang,
        ["slow"] = Fault.Slow,
        ["garbage"] = Fault.Garbage,
        ["redirect"] = Fault.Redirect,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, Fault> OfKeys = new Dictionary<string, Fault>(OfAll)
    {
        ["oversized"] = Fault.Oversized,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, Fault> OfMetadata = new Dictionary<string, Fault>(OfKeys)
    {
        ["foreign-issuer"] = Fault.ForeignIssuer,
        ["foreign-keys"] = Fault.ForeignKeys,
    }.ToFrozenDictionary();

    /// <summary>The endpoints that can be put out of order.</summary>
    public static FrozenDictionary<string, EmulatedEndpoint> Endpoints { get; } = new Dictionary<string, EmulatedEndpoint>
    {
        ["metadata"] = EmulatedEndpoint.Metadata,
        ["keys"] = EmulatedEndpoint.Keys,
        ["token"] = EmulatedEndpoint.Token,
    }.ToFrozenDictionary();

    /// <summary>The faults an endpoint can have.</summary>
    public static FrozenDictionary<string, Fault> FaultsOf(EmulatedEndpoint endpoint) => endpoint switch
    {
        EmulatedEndpoint.Metadata => OfMetadata,
        EmulatedEndpoint.Keys => OfKeys,
        _ => OfAll,
    };

    /// <summary>The word for the fault of an endpoint.</summary>
    public static string NameOf(EmulatedEndpoint endpoint, Fault fault) => FaultsOf(endpoint).First(name => name.Value == fault).Key;
}
