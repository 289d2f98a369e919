namespace RemoteWriteGateway.EndToEnd.Tests.Matrix;

/// <summary>A sender of the matrix.</summary>
/// <param name="Name">As tenants and test cases call it.</param>
/// <param name="Program">The program it runs in: its path at the scripted target. One Prometheus sends 1.0 and 2.0.</param>
internal sealed record Sender(string Name, string Program)
{
    public const string Prometheus3 = "prometheus3";
    public const string Prometheus2 = "prometheus2";
    public const string Vmagent = "vmagent";

    public static readonly IReadOnlyList<Sender> All =
        [new("prometheus3-v1", Prometheus3), new("prometheus3-v2", Prometheus3), new("prometheus2-v1", Prometheus2), new("vmagent-v1", Vmagent)];

    public bool IsPrometheus => Program != Vmagent;

    public bool SpeaksV2 => Name.EndsWith("-v2", StringComparison.Ordinal);

    /// <summary>The tenant, and the app, under which this sender writes to one store.</summary>
    public string TenantAt(string store) => $"{Name}-to-{store}";
}
