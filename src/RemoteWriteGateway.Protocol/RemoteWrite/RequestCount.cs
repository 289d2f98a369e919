namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Counts what is left of a request that is over a limit, so that the answer can name the real number. Stops where the message is malformed.</summary>
internal static class RequestCount
{
    /// <summary>Series entries from where <paramref name="rest"/> stands.</summary>
    public static long Series(WireReader rest, WriteProtocol protocol)
    {
        int field = SeriesField(protocol);
        long count = 0;
        while (rest.TryReadTag(out WireTag tag))
        {
            rest.Skip(tag);
            count += tag.Field == field && !rest.HasFault ? 1 : 0;
        }

        return count;
    }

    /// <summary>Samples, histograms and exemplars from where <paramref name="rest"/> stands.</summary>
    public static long Items(WireReader rest, WriteProtocol protocol)
    {
        int field = SeriesField(protocol);
        long count = 0;
        while (rest.TryReadTag(out WireTag tag))
        {
            if (tag.Field != field)
            {
                rest.Skip(tag);
                continue;
            }

            int outerEnd = rest.Enter(tag);
            while (rest.TryReadTag(out WireTag item))
            {
                rest.Skip(item);
                // Samples, exemplars and histograms have these numbers in both protocols, in another order.
                count += item.Field is >= 2 and <= 4 && !rest.HasFault ? 1 : 0;
            }

            rest.Leave(outerEnd);
        }

        return count;
    }

    private static int SeriesField(WriteProtocol protocol) => protocol == WriteProtocol.V1 ? V1Tags.Series >> 3 : V2Tags.Series >> 3;
}
