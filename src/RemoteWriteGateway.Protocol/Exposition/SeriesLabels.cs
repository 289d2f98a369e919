using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>
/// The labels that a pushed metric has at the store, by ascending bytes of their names: those of its group, and its own that the group
/// does not overwrite; none of them empty. Kept and filled again for metric after metric; not thread-safe.
/// </summary>
public sealed class SeriesLabels
{
    private readonly ScratchList<LabelRange> _own = new();

    // Not negative: a label of its own; negative: ~index of a grouping label.
    private readonly ScratchList<int> _merged = new();
    private MetricFamilies? _families;
    private GroupingLabels _group = GroupingLabels.Empty;

    public int Count => _merged.Count;

    internal long HeldBytes => _own.HeldBytes + _merged.HeldBytes;

    public ReadOnlySpan<byte> Name(int index) => _merged[index] is >= 0 and var own ? Text(_own[own].Name) : _group.Name(~_merged[index]);

    public ReadOnlySpan<byte> Value(int index) => _merged[index] is >= 0 and var own ? Text(_own[own].Value) : _group.Value(~_merged[index]);

    /// <summary>Whether one of the labels has this name.</summary>
    public bool Contains(ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < Count; i++)
        {
            if (Name(i).SequenceEqual(name))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Takes the labels of <paramref name="metric"/> and its group. They are good for as long as <paramref name="families"/> is.</summary>
    public void Merge(MetricFamilies families, in MetricEntry metric, GroupingLabels group)
    {
        SortOwn(families, metric);
        _group = group;
        _merged.Clear();
        int key = 0;
        for (int i = 0; i < _own.Count; i++)
        {
            ReadOnlySpan<byte> name = families.Text(_own[i].Name);
            int order = -1;
            for (; key < group.Count && (order = group.Name(key).SequenceCompareTo(name)) < 0; key++)
            {
                AddGrouping(key);
            }

            // The group's own follows in the next round, or behind the loop.
            bool isOverwritten = key < group.Count && order == 0;
            if (!isOverwritten && !_own[i].Value.IsEmpty)
            {
                _merged.Add(i);
            }
        }

        for (; key < group.Count; key++)
        {
            AddGrouping(key);
        }
    }

    /// <summary>Takes the metric's own labels in order, empty ones included, and returns the first name that occurs twice, if one does.</summary>
    internal TextRange? SortOwn(MetricFamilies families, in MetricEntry metric)
    {
        _families = families;
        _own.Clear();
        bool isSorted = true;
        foreach (ref readonly LabelRange label in families.LabelsOf(metric))
        {
            isSorted &= _own.Count == 0 || families.Text(_own[^1].Name).SequenceCompareTo(families.Text(label.Name)) < 0;
            _own.Add(label);
        }

        if (isSorted)
        {
            return null;
        }

        _own.Span.Sort(new ByName(families));
        for (int i = 1; i < _own.Count; i++)
        {
            if (families.Text(_own[i - 1].Name).SequenceEqual(families.Text(_own[i].Name)))
            {
                return _own[i].Name;
            }
        }

        return null;
    }

    internal void Clear()
    {
        _own.Clear();
        _merged.Clear();
        _group = GroupingLabels.Empty;
        _families = null;
    }

    internal void SetBudget(ByteBudget budget)
    {
        _own.Budget = budget;
        _merged.Budget = budget;
    }

    internal void Trim(int maxBytes)
    {
        _own.Trim(maxBytes);
        _merged.Trim(maxBytes);
    }

    // Not null: there are labels, so that there was a merge.
    private ReadOnlySpan<byte> Text(TextRange range) => _families!.Text(range);

    private void AddGrouping(int index)
    {
        if (!_group.Value(index).IsEmpty)
        {
            _merged.Add(~index);
        }
    }

    private readonly struct ByName(MetricFamilies families) : IComparer<LabelRange>
    {
        public int Compare(LabelRange x, LabelRange y) => families.Text(x.Name).SequenceCompareTo(families.Text(y.Name));
    }
}
