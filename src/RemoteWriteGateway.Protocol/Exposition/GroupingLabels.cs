using System.Text;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>The labels of a push's path, encoded once. They overwrite labels of the body that have their names. Immutable.</summary>
public sealed class GroupingLabels
{
    private readonly (byte[] Name, byte[] Value)[] _labels;

    private GroupingLabels((byte[] Name, byte[] Value)[] labels)
    {
        _labels = labels;
        NamedCount = labels.Count(static label => label.Value.Length > 0);
    }

    public static GroupingLabels Empty { get; } = new([]);

    public int Count => _labels.Length;

    /// <summary>Those of them that a series has: the others only take the body's own away.</summary>
    public int NamedCount { get; }

    /// <summary>Sorts the labels by the bytes of their names.</summary>
    /// <param name="labels">Each name once. An empty value means that the series have no such label, whatever the body says.</param>
    /// <exception cref="ArgumentException">A name is there twice.</exception>
    public static GroupingLabels Create(IEnumerable<KeyValuePair<string, string>> labels)
    {
        (byte[] Name, byte[] Value)[] encoded =
            [.. labels.Select(label => (Encoding.UTF8.GetBytes(label.Key), Encoding.UTF8.GetBytes(label.Value)))];
        Array.Sort(encoded, (a, b) => a.Name.AsSpan().SequenceCompareTo(b.Name));
        for (int i = 1; i < encoded.Length; i++)
        {
            if (encoded[i - 1].Name.AsSpan().SequenceEqual(encoded[i].Name))
            {
                throw new ArgumentException($"grouping label {Encoding.UTF8.GetString(encoded[i].Name)} is there twice", nameof(labels));
            }
        }

        return new GroupingLabels(encoded);
    }

    public ReadOnlySpan<byte> Name(int index) => _labels[index].Name;

    public ReadOnlySpan<byte> Value(int index) => _labels[index].Value;

    public bool Contains(ReadOnlySpan<byte> name)
    {
        foreach ((byte[] own, _) in _labels)
        {
            if (name.SequenceEqual(own))
            {
                return true;
            }
        }

        return false;
    }
}
