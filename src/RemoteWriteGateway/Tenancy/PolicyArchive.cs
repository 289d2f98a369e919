using System.Collections.Immutable;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>A policy of the catalog, read again.</summary>
/// <param name="Version">Its version.</param>
/// <param name="Snapshot">Null if this program does not take the document any more, or if it is for another directory.</param>
/// <param name="Faults">Why not.</param>
internal sealed record ArchivedPolicy(string Version, PolicySnapshot? Snapshot, ImmutableArray<PolicyFault> Faults);

/// <summary>Policies that were in force, as rules that can be asked.</summary>
internal sealed class PolicyArchive(PolicyVersionStore store, PolicyLoader loader, PolicySource source)
{
    /// <summary>The policy of this version, or null if the catalog has none of it.</summary>
    public async Task<ArchivedPolicy?> FindAsync(string version, CancellationToken cancellationToken)
    {
        if (source.Current.Version == version)
        {
            return new ArchivedPolicy(version, source.Current, []);
        }

        if (await store.FindAsync(version, cancellationToken) is not { } stored)
        {
            return null;
        }

        LoadedPolicy loaded = loader.Load(stored.ToDocument());
        return new ArchivedPolicy(version, loaded.Snapshot, loaded.Faults);
    }

    /// <summary>The policies of these versions. Those that the catalog has not are left out.</summary>
    public async Task<ImmutableArray<ArchivedPolicy>> FindAsync(IEnumerable<string> versions, CancellationToken cancellationToken)
    {
        ImmutableArray<ArchivedPolicy>.Builder found = ImmutableArray.CreateBuilder<ArchivedPolicy>();
        foreach (string version in versions)
        {
            if (await FindAsync(version, cancellationToken) is { } policy)
            {
                found.Add(policy);
            }
        }

        return found.ToImmutable();
    }
}
