using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Query;

/// <summary>A tenant that says nothing: every limit is its default.</summary>
internal sealed class NoSettings : ITenantSettingsSource
{
    public static readonly NoSettings Instance = new();

    private NoSettings()
    {
    }

    public string TenantName => "";

    public string? Text(string key) => null;

    public bool? Flag(string key) => null;

    public string? OneOf(string key, params ReadOnlySpan<string> values) => null;

    public long Number(string limit, long absent, long min, long max) => absent;

    public long Bytes(string limit, long absent, long min, long max) => absent;

    public TimeSpan Duration(string limit, TimeSpan absent, TimeSpan min, TimeSpan max) => absent;

    public void Fault(string key, string message) => throw new InvalidOperationException($"{key}: {message}");
}
