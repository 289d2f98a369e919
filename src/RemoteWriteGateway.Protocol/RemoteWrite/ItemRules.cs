namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Which timestamps a request may have, both bounds included.</summary>
internal readonly record struct TimeWindow(long NowMs, long OldestMs, long NewestMs)
{
    public static TimeWindow Of(StampOptions options, long nowMs) =>
        new(
            nowMs,
            options.MaxPastMs > 0 ? nowMs - options.MaxPastMs : long.MinValue,
            options.MaxFutureMs < long.MaxValue - nowMs ? nowMs + options.MaxFutureMs : long.MaxValue);

    /// <summary>Whether <see cref="Check"/> finds nothing; by one comparison of distances from the oldest.</summary>
    public bool Holds(long timestampMs) => (ulong)(timestampMs - OldestMs) <= (ulong)(NewestMs - OldestMs);

    public StampReason Check(long timestampMs) =>
        timestampMs > NewestMs ? StampReason.TooFarInFuture
        : timestampMs < OldestMs ? StampReason.TooFarInPast
        : StampReason.None;
}

/// <summary>One sample as it was read. The bits of its value are never turned into a number and back.</summary>
internal readonly record struct SampleFields(ulong ValueBits, long TimestampMs);

/// <summary>One exemplar as it was read, without its labels.</summary>
internal readonly record struct ExemplarFields(ulong ValueBits, long TimestampMs);

/// <summary>Limits and rules of samples and exemplars that both protocols share.</summary>
internal static class ItemRules
{
    /// <summary>Value of a sample, or sum of a histogram, that says that the series has ended: a signalling NaN that no arithmetic yields.</summary>
    public const ulong StaleMarkerBits = 0x7ff0_0000_0000_0002;

    /// <summary>Most characters (Unicode scalars) that names and values of an exemplar's labels have together; OpenMetrics, "Exemplars".</summary>
    public const int MaxExemplarCharacters = 128;

    /// <summary>Reads a sample of either protocol; <paramref name="reader"/> stands in its message.</summary>
    public static SampleFields ReadSample(ref WireReader reader, WriteProtocol protocol)
    {
        ulong value = 0;
        ulong timestamp = 0;
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    value = reader.ReadFixed64(tag);
                    break;
                case 2:
                    timestamp = reader.ReadVarint(tag);
                    break;
                case 3 when protocol == WriteProtocol.V2:
                    // Start timestamp: copied with the sample, compared with nothing.
                    reader.ReadVarint(tag);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        return new SampleFields(value, (long)timestamp);
    }

    /// <summary>Writes what an exemplar has besides its labels; zeros are left out, as proto3 does.</summary>
    public static void AppendExemplarNumbers(WriteBuffer output, ExemplarFields exemplar)
    {
        if (exemplar.ValueBits != 0)
        {
            output.AppendFixed64(ItemTags.ExemplarValue, exemplar.ValueBits);
        }

        if (exemplar.TimestampMs != 0)
        {
            output.AppendVarint(ItemTags.ExemplarTimestamp, (ulong)exemplar.TimestampMs);
        }
    }
}
