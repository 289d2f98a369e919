namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>The symbol table of a stamped 2.0 request, in which symbols stand first and without gaps.</summary>
internal sealed class StampedSymbols(WriteWork work)
{
    private readonly ScratchArray<int> _starts = work.PartScratch.SymbolStarts;

    public int Count { get; private set; }

    /// <summary>Where the table ends and the first series begins.</summary>
    public int End { get; private set; }

    /// <summary>Where the field of each symbol begins, and as last element <see cref="End"/>.</summary>
    public ReadOnlySpan<int> Starts => _starts.Items.AsSpan(0, Count + 1);

    /// <summary>Finds the symbols.</summary>
    public void Read()
    {
        Count = 0;
        End = 0;
        int[] starts = _starts.Ensure(1);
        WireReader reader = new(work.Stamped.Span);
        while (reader.TryReadTag(out WireTag tag) && tag.Raw == V2Tags.Symbols)
        {
            reader.ReadBytes(tag);
            if (Count + 1 >= starts.Length)
            {
                starts = _starts.Ensure(Count + 2);
            }

            starts[Count++] = End;
            End = reader.Position;
        }

        starts[Count] = End;
        StampedSeries.ThrowIfFaulty(reader);
    }

    /// <summary>Where the text of <paramref name="symbol"/> stands in the request.</summary>
    public WireRange Text(uint symbol)
    {
        ReadOnlySpan<int> starts = Starts;
        int start = starts[(int)symbol];
        WireReader reader = WireReader.Within(work.Stamped.Span, new WireRange(start, starts[(int)symbol + 1] - start));
        return reader.TryReadTag(out WireTag tag) ? reader.ReadBytes(tag) : default;
    }
}
