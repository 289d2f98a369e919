using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>A name that a group takes, gives back, or uses for another type.</summary>
/// <param name="Name">The family's.</param>
/// <param name="Before">Its type in the group before; null if the group had no such family.</param>
/// <param name="After">Its type in the group from now on; null if there is none any more.</param>
internal readonly record struct NameChange(string Name, FamilyType? Before, FamilyType? After);

/// <summary>What one payload has and another has not: names, and hashes of metrics. In the steady state nothing.</summary>
internal sealed class PayloadDifference
{
    private PayloadDifference(List<NameChange> names, List<byte[]> gone, List<byte[]> added)
    {
        Names = names;
        GoneSeries = gone;
        NewSeries = added;
    }

    public IReadOnlyList<NameChange> Names { get; }

    /// <summary>As in column <c>series</c>, by ascending bytes.</summary>
    public IReadOnlyList<byte[]> GoneSeries { get; }

    /// <inheritdoc cref="GoneSeries"/>
    public IReadOnlyList<byte[]> NewSeries { get; }

    /// <summary>Nothing came, went, or changed its type.</summary>
    public bool IsEmpty => Names.Count == 0 && GoneSeries.Count == 0 && NewSeries.Count == 0;

    public static PayloadDifference Between(PayloadBody before, PayloadBody after)
    {
        Dictionary<string, FamilyType> old = before.Families.ToDictionary(static family => family.Name, static family => family.Type, StringComparer.Ordinal);
        List<NameChange> names = [];
        foreach (PayloadFamily family in after.Families)
        {
            if (!old.Remove(family.Name, out FamilyType type))
            {
                names.Add(new NameChange(family.Name, null, family.Type));
            }
            else if (type != family.Type)
            {
                names.Add(new NameChange(family.Name, type, family.Type));
            }
        }

        names.AddRange(old.Select(static gone => new NameChange(gone.Key, gone.Value, null)));
        HashSet<UInt128> known = Hashes(before);
        List<byte[]> added = [];
        for (int i = 0; i < after.Metrics; i++)
        {
            if (!known.Remove(after.Hash(i)))
            {
                added.Add(after.SeriesOf(i).ToArray());
            }
        }

        List<byte[]> gone = [];
        for (int i = 0; known.Count > 0 && i < before.Metrics; i++)
        {
            if (known.Contains(before.Hash(i)))
            {
                gone.Add(before.SeriesOf(i).ToArray());
            }
        }

        Sort(added);
        Sort(gone);
        return new PayloadDifference(names, gone, added);
    }

    private static HashSet<UInt128> Hashes(PayloadBody body)
    {
        HashSet<UInt128> hashes = new(body.Metrics);
        for (int i = 0; i < body.Metrics; i++)
        {
            hashes.Add(body.Hash(i));
        }

        return hashes;
    }

    private static void Sort(List<byte[]> series) => series.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
}
