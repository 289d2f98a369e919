using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Emission;

/// <summary>The labels of a metric's series as numbers of symbols, sorted by name; the metric's name and the bound find their places among them.</summary>
internal sealed class SeriesRefs
{
    private readonly List<uint> _own = [];
    private readonly List<uint> _all = [];
    private SeriesLabels? _labels;

    /// <summary>Takes the labels of the next metric.</summary>
    public void Begin(SeriesLabels labels, RequestWriter writer)
    {
        _labels = labels;
        _own.Clear();
        for (int i = 0; i < labels.Count; i++)
        {
            _own.Add(writer.Symbol(labels.Name(i)));
            _own.Add(writer.Symbol(labels.Value(i)));
        }
    }

    /// <summary>Name and value of each label of one series; valid until the next call.</summary>
    /// <param name="writer">Where the symbols are.</param>
    /// <param name="name">Symbol of the series' name.</param>
    /// <param name="boundName">Name of the bound's label, empty if there is none.</param>
    /// <param name="bound">Its value.</param>
    public ReadOnlySpan<uint> Of(RequestWriter writer, uint name, ReadOnlySpan<byte> boundName, ReadOnlySpan<byte> bound)
    {
        SeriesLabels labels = _labels ?? throw new InvalidOperationException("There are no labels yet.");
        _all.Clear();
        bool hasName = false;
        bool hasBound = boundName.IsEmpty;
        for (int i = 0; i < labels.Count; i++)
        {
            ReadOnlySpan<byte> own = labels.Name(i);
            if (!hasName && own.SequenceCompareTo("__name__"u8) > 0)
            {
                Add(writer.Symbol("__name__"u8), name);
                hasName = true;
            }

            if (!hasBound && own.SequenceCompareTo(boundName) > 0)
            {
                Add(writer.Symbol(boundName), writer.Symbol(bound));
                hasBound = true;
            }

            Add(_own[2 * i], _own[(2 * i) + 1]);
        }

        // "__name__" sorts before "le" and "quantile".
        if (!hasName)
        {
            Add(writer.Symbol("__name__"u8), name);
        }

        if (!hasBound)
        {
            Add(writer.Symbol(boundName), writer.Symbol(bound));
        }

        return System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_all);
    }

    private void Add(uint name, uint value)
    {
        _all.Add(name);
        _all.Add(value);
    }
}
