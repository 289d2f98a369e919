namespace RemoteWriteGateway.LoadDriver;

/// <summary>What a remote write body holds: its series entries and the three kinds of items in them.</summary>
internal readonly record struct BodyCounts(int Series, int Samples, int Histograms, int Exemplars)
{
    /// <summary>Samples and native histograms: what rates and CPU per sample are told in.</summary>
    public int Values => Samples + Histograms;

    /// <summary>Counts the items of an uncompressed message without reading any of them.</summary>
    /// <param name="message">A <c>prometheus.WriteRequest</c>, or with <paramref name="isV2"/> an <c>io.prometheus.write.v2.Request</c>.</param>
    /// <param name="isV2">Which of the two messages it is.</param>
    /// <exception cref="InvalidDataException">The bytes are no such message.</exception>
    public static BodyCounts Of(ReadOnlySpan<byte> message, bool isV2)
    {
        // The fields of the three kinds within a series differ: 1.0 has exemplars in 3 and histograms in 4, 2.0 the reverse.
        int seriesField = isV2 ? 5 : 1;
        int histogramField = isV2 ? 3 : 4;
        int exemplarField = isV2 ? 4 : 3;
        int series = 0, samples = 0, histograms = 0, exemplars = 0;
        while (!message.IsEmpty)
        {
            int field = TakeField(ref message, out ReadOnlySpan<byte> value);
            if (field != seriesField)
            {
                continue;
            }

            series++;
            while (!value.IsEmpty)
            {
                int inner = TakeField(ref value, out _);
                samples += inner == 2 ? 1 : 0;
                histograms += inner == histogramField ? 1 : 0;
                exemplars += inner == exemplarField ? 1 : 0;
            }
        }

        return new BodyCounts(series, samples, histograms, exemplars);
    }

    /// <summary>Takes one field off the front: its number, and its bytes if it has a length.</summary>
    private static int TakeField(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> value)
    {
        ulong tag = TakeVarint(ref rest);
        value = default;
        int length = (int)(tag & 7) switch
        {
            0 => -1,
            1 => sizeof(ulong),
            2 => -2,
            5 => sizeof(uint),
            _ => throw new InvalidDataException($"wire type {tag & 7} has no place in a remote write body"),
        };
        if (length == -1)
        {
            TakeVarint(ref rest);
            return (int)(tag >> 3);
        }

        ulong size = length == -2 ? TakeVarint(ref rest) : (ulong)length;
        if (size > (ulong)rest.Length)
        {
            throw new InvalidDataException($"a field of {size} bytes does not fit into the {rest.Length} that are left");
        }

        value = rest[..(int)size];
        rest = rest[(int)size..];
        return (int)(tag >> 3);
    }

    private static ulong TakeVarint(ref ReadOnlySpan<byte> rest)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (rest.IsEmpty)
            {
                throw new InvalidDataException("the body ends within a number");
            }

            byte next = rest[0];
            rest = rest[1..];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new InvalidDataException("a number is longer than ten bytes");
    }
}
