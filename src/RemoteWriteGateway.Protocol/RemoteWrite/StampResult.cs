namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>What stamping one request found: counts, refusals, or the fault that refuses it whole. Reused from request to request.</summary>
/// <remarks>For every kind <c>Read = Accepted + refused</c>, unless <see cref="Fault"/> is set.</remarks>
public sealed class StampResult
{
    private readonly ItemCounts[] _refused = new ItemCounts[StampReasons.Count];
    private readonly long[] _refusedSeries = new long[StampReasons.Count];
    private readonly long[] _metadataDropped = new long[StampReasons.Count];
    private readonly string?[] _texts = new string?[StampReasons.Count];

    /// <summary>The hard reason that refuses the whole request, or <see cref="StampReason.None"/>.</summary>
    public StampReason Fault { get; private set; }

    /// <summary>Whether the whole request is refused.</summary>
    public bool HasFault => Fault != StampReason.None;

    /// <summary>Text of <see cref="Fault"/>: what happened, actual value and limit, how to raise it.</summary>
    public string FaultText { get; private set; } = "";

    /// <summary><c>timeseries</c> entries read.</summary>
    public long SeriesRead { get; set; }

    /// <summary>Those of them that were not refused whole.</summary>
    public long SeriesAccepted => HasRefusals ? SeriesRead - _refusedSeries.Sum() : SeriesRead;

    /// <summary>Those of them that were stamped in one pass, being of the common shape.</summary>
    internal long FastSeries { get; set; }

    /// <summary>Items read, before any refusal.</summary>
    public ItemCounts Read { get; set; }

    /// <summary>Items that are to be written: those in the output, and those left out by policy (<see cref="DroppedExemplars"/>).</summary>
    public ItemCounts Accepted { get; set; }

    /// <summary>Whether the output holds any series or metadata. If not, the store need not be asked.</summary>
    public bool HasOutput { get; set; }

    /// <summary>Whether the output holds a native histogram with custom bounds (schema −53), which some stores need expanded.</summary>
    public bool HasCustomBounds { get; set; }

    /// <summary>
    /// What names and values of all labels come to, in bytes, when the accepted histograms with custom bounds are written as
    /// classic series. A bound of eight bytes repeats all labels of its series, so whoever has them written must bound this.
    /// </summary>
    public long ClassicLabelBytes { get; set; }

    /// <summary>Whether <see cref="ClassicLabelBytes"/> is more than is allowed; set by whoever knows the limit. Such a request must not leave by 1.0.</summary>
    public bool ExpandsTooMuch { get; set; }

    /// <summary>Stale samples and histograms among <see cref="Accepted"/>.</summary>
    public long StaleMarkers { get; set; }

    /// <summary>Newest accepted timestamp in milliseconds, or <see cref="long.MinValue"/>.</summary>
    public long NewestTimestampMs { get; set; } = long.MinValue;

    /// <summary>Tenant labels of the writer that were removed.</summary>
    public long RemovedTenantLabels { get; set; }

    /// <summary>Reserved labels that were removed.</summary>
    public long RemovedReservedLabels { get; set; }

    /// <summary>Labels with an empty value that were removed.</summary>
    public long RemovedEmptyLabels { get; set; }

    /// <summary>Exemplars left out because the store's <c>exemplars</c> option says so; they count as accepted.</summary>
    public long DroppedExemplars { get; set; }

    /// <summary>Unknown fields of requests, series, labels, exemplars and metadata that were left out.</summary>
    public long UnknownFields { get; set; }

    /// <summary>Whether any soft reason was met.</summary>
    public bool HasRefusals { get; private set; }

    /// <summary>Items refused for <paramref name="reason"/>.</summary>
    public ItemCounts Refused(StampReason reason) => _refused[(int)reason];

    /// <summary>Series refused as a whole for <paramref name="reason"/>.</summary>
    public long RefusedSeries(StampReason reason) => _refusedSeries[(int)reason];

    /// <summary>Metadata entries dropped for <paramref name="reason"/>.</summary>
    public long MetadataDropped(StampReason reason) => _metadataDropped[(int)reason];

    /// <summary>The text of the first refusal for <paramref name="reason"/>, with the series quoted as a selector, at most 200 bytes of it. For the answer only, never for logs.</summary>
    public string Text(StampReason reason) => _texts[(int)reason] ?? "";

    /// <summary>Whether a text for <paramref name="reason"/> is still wanted: only the first one is kept, so the others need not be made.</summary>
    public bool WantsText(StampReason reason) => _texts[(int)reason] is null;

    /// <summary>Refuses the whole request.</summary>
    public void SetFault(StampReason reason, string text)
    {
        Fault = reason;
        FaultText = text;
    }

    /// <summary>Forgets all counts and refusals but the fault: nothing of a request that is refused whole was accepted or refused singly.</summary>
    internal void KeepFaultOnly()
    {
        (StampReason fault, string text) = (Fault, FaultText);
        Reset();
        SetFault(fault, text);
    }

    /// <summary>Counts a refused part. <paramref name="series"/> is 1 if the series as a whole is refused, with <paramref name="items"/> all of its items.</summary>
    public void Refuse(StampReason reason, long series, ItemCounts items, string? text)
    {
        HasRefusals = true;
        _refusedSeries[(int)reason] += series;
        _refused[(int)reason] += items;
        _texts[(int)reason] ??= text;
    }

    /// <summary>Counts a metadata entry that is not passed on.</summary>
    public void DropMetadata(StampReason reason) => _metadataDropped[(int)reason]++;

    public void Reset()
    {
        Fault = StampReason.None;
        FaultText = "";
        SeriesRead = 0;
        FastSeries = 0;
        Read = default;
        Accepted = default;
        HasOutput = false;
        HasCustomBounds = false;
        ClassicLabelBytes = 0;
        ExpandsTooMuch = false;
        StaleMarkers = 0;
        NewestTimestampMs = long.MinValue;
        RemovedTenantLabels = 0;
        RemovedReservedLabels = 0;
        RemovedEmptyLabels = 0;
        DroppedExemplars = 0;
        UnknownFields = 0;
        HasRefusals = false;
        Array.Clear(_refused);
        Array.Clear(_refusedSeries);
        Array.Clear(_metadataDropped);
        Array.Clear(_texts);
    }
}
