namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Validates a write request and copies it with the tenant's label as the only tenant label of every series.</summary>
/// <remarks>
/// Past this every series carries the caller's tenant and nobody else's. The steps for each series:
/// <list type="number">
/// <item>Read it whole: malformed bytes refuse the request, whatever else is wrong.</item>
/// <item>Settle its labels (<see cref="LabelSet.SettleSeries"/>): what is left is valid, sorted, without what writers must not set, with the stamp.</item>
/// <item>Assert just that; a series that fails is a bug and the request a 500.</item>
/// <item>Copy its items, each judged by <see cref="ItemGate"/>; what is refused is left out and counted.</item>
/// </list>
/// Series of the common shape go through the same steps in one pass, see <see cref="V1FastSeries"/> and <see cref="V2FastSeries"/>.
/// </remarks>
public static class SeriesStamper
{
    /// <summary>Reads <see cref="WriteWork.Decoded"/> once, writes <see cref="WriteWork.Stamped"/>, and fills <see cref="WriteWork.Result"/>.</summary>
    /// <param name="protocol">Which of the two messages <see cref="WriteWork.Decoded"/> holds; the output is the same one.</param>
    /// <param name="options">Label, limits and what the store takes.</param>
    /// <param name="nowMs">The time, in milliseconds since 1970, that timestamps are compared with.</param>
    /// <param name="work">Buffers and result. On a fault (<see cref="StampResult.Fault"/>) the output is empty.</param>
    /// <exception cref="ByteBudgetExceededException">A buffer may not grow further; the request can be repeated.</exception>
    /// <exception cref="InvalidOperationException">A series would have left without the stamp: a bug of ours. The output is empty.</exception>
    public static void Stamp(WriteProtocol protocol, StampOptions options, long nowMs, WriteWork work) =>
        Stamp(protocol, options, nowMs, work, isFast: true);

    /// <summary>The same, and with <paramref name="isFast"/> false the general way for every series: the result must be the same.</summary>
    internal static void Stamp(WriteProtocol protocol, StampOptions options, long nowMs, WriteWork work, bool isFast)
    {
        StampPlan plan = options.Plan;
        var window = TimeWindow.Of(options, nowMs);
        bool isStamped = false;
        Begin(plan, window, work);
        try
        {
            if (protocol == WriteProtocol.V1)
            {
                new V1Stamper(work, plan, window, isFast).Stamp();
            }
            else if (!isFast || !TryStampCommon(plan, window, work))
            {
                Begin(plan, window, work);
                new V2Stamper(work, plan, window).Stamp();
            }

            isStamped = !work.Result.HasFault;
        }
        finally
        {
            // Also when an exception flies: half a request must not be taken for a whole one.
            if (!isStamped)
            {
                work.Stamped.Clear();
            }
        }

        if (isStamped)
        {
            work.Scratch.Items.Finish();
        }
        else
        {
            work.Result.KeepFaultOnly();
        }
    }

    private static bool TryStampCommon(StampPlan plan, TimeWindow window, WriteWork work)
    {
        if (new V2Stamper(work, plan, window).TryStampCommon(isExact: false))
        {
            return true;
        }

        if (work.Result.Fault != StampReason.ExpandedTooLarge)
        {
            return false;
        }

        Begin(plan, window, work);
        return new V2Stamper(work, plan, window).TryStampCommon(isExact: true);
    }

    private static void Begin(StampPlan plan, TimeWindow window, WriteWork work)
    {
        work.Stamped.Clear();
        work.Result.Reset();
        work.Stamped.Reserve(work.Decoded.Length);
        byte[] message = work.Decoded.Array;
        StampScratch scratch = work.Scratch;
        scratch.Labels.Begin(message, plan);
        scratch.ExemplarLabels.Begin(message, plan);
        scratch.Symbols.Begin(message, plan);
        scratch.Items.Begin(plan, work.Result, window);
    }
}
