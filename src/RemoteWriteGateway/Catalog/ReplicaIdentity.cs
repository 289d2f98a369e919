using System.Reflection;

namespace RemoteWriteGateway.Catalog;

/// <summary>This run of this gateway, as the catalog knows it.</summary>
/// <param name="Instance">Of this run; another one after a restart.</param>
/// <param name="Name">Of the replica; the same after a restart.</param>
/// <param name="Version">Of the program.</param>
/// <param name="StartedAt">When this run began.</param>
internal sealed record ReplicaIdentity(Guid Instance, string Name, string Version, DateTimeOffset StartedAt)
{
    /// <summary>The version of this program, without what the build appends to it.</summary>
    public static string ProgramVersion { get; } =
        (typeof(ReplicaIdentity).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0").Split('+')[0];

    /// <summary>The name of this run's stream of audit records: <c>name/instance</c>.</summary>
    public string Stream => $"{Name}/{Instance:D}";

    public static ReplicaIdentity Of(CatalogOptions options, TimeProvider time) =>
        new(Guid.CreateVersion7(time.GetUtcNow()), options.ReplicaName ?? Environment.MachineName, ProgramVersion, time.GetUtcNow());
}
