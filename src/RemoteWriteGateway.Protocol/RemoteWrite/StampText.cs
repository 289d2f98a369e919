namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>The texts of faults and refusals, as they stand behind a reason's id in an answer: what happened, value and limit, how to raise it.</summary>
internal static class StampText
{
    private const string V1Message = "prometheus.WriteRequest";
    private const string V2Message = "io.prometheus.write.v2.Request";

    public static string TooManyBytes(string what, long actual, long limit, string key) =>
        $"body {what} {actual} bytes, limit {limit}; send smaller batches or raise {key}";

    public static string TooMany(string what, long actual, long limit, string key) =>
        $"{actual} {what} in one request, limit {limit} ({key})";

    public static string Malformed(WriteProtocol protocol, WireFault fault, int position)
    {
        string what = fault switch
        {
            WireFault.PastEnd => "a value goes past the end of its message",
            WireFault.VarintTooLong => "a varint has more than 10 bytes",
            WireFault.FieldNumber => "a field number is out of range",
            WireFault.UnknownWireType => "a wire type is unknown",
            _ => "a field has another wire type than it must have",
        };
        return $"body is not a {(protocol == WriteProtocol.V1 ? V1Message : V2Message)}: {what} at byte {position}";
    }

    public static string Timestamp(StampReason reason, long timestampMs, TimeWindow window, StampOptions options)
    {
        bool isFuture = reason == StampReason.TooFarInFuture;
        Int128 distance = isFuture ? (Int128)timestampMs - window.NowMs : (Int128)window.NowMs - timestampMs;
        string limit = isFuture ? $"{Duration(options.MaxFutureMs)} (maxFuture)" : $"{Duration(options.MaxPastMs)} (maxPast)";
        return $"timestamp {timestampMs} is {Duration(distance)} {(isFuture ? "ahead" : "old")}, limit {limit}; check the sender's clock";
    }

    /// <summary>Label references that name no symbol, or are not in pairs.</summary>
    public static string Refs(in LabelRefs refs, int symbols) => refs.IsPastSymbols
        ? $"label reference {refs.PastSymbols} with {symbols} symbols"
        : $"{refs.Count} label references, an odd number, with {symbols} symbols";

    /// <summary>The text behind the reason's id, the series included.</summary>
    public static string Labels(LabelFault fault, LabelSet labels, StampOptions options)
    {
        string series = SeriesExcerpt.Of(labels);
        string label = fault.Entry >= 0 ? SeriesExcerpt.OfName(labels, fault.Entry) : "a label";
        return fault.Reason switch
        {
            StampReason.MissingMetricName => $"series without a metric name: {series}",
            StampReason.MetricNameInvalid => $"metric name is not valid ({Scheme(options)}): {series}",
            StampReason.LabelNameInvalid => $"label name {label} is not valid ({Scheme(options)}): {series}",
            StampReason.LabelValueInvalid => $"value of label {label} is not valid (UTF-8): {series}",
            StampReason.DuplicateLabelNames => $"label {label} occurs twice: {series}",
            StampReason.ReservedLabel => $"label {label} is set by the gateway: {series}",
            StampReason.TooManyLabels => $"{fault.Actual} labels, limit {fault.Limit} (maxLabelsPerSeries): {series}",
            StampReason.MetricNameTooLong => $"{fault.Actual} bytes in the metric name, limit {fault.Limit} (maxMetricNameBytes): {series}",
            StampReason.LabelNameTooLong => $"{fault.Actual} bytes in the name of {label}, limit {fault.Limit} (maxLabelNameBytes): {series}",
            _ => $"{fault.Actual} bytes in the value of {label}, limit {fault.Limit} (maxLabelValueBytes): {series}",
        };
    }

    public static string ExemplarLabels(LabelFault fault, LabelSet exemplar, StampOptions options)
    {
        string label = fault.Entry >= 0 ? SeriesExcerpt.OfName(exemplar, fault.Entry) : "";
        return fault.Reason switch
        {
            StampReason.ExemplarLabelsTooLong => $"exemplar: its labels have too many characters, limit {fault.Limit}",
            StampReason.ExemplarLabelsInvalid => $"exemplar: {fault.Actual} labels, limit {fault.Limit}",
            StampReason.DuplicateLabelNames => $"exemplar: label {label} occurs twice",
            StampReason.LabelNameInvalid => $"exemplar: label name {label} is not valid ({Scheme(options)})",
            _ => $"exemplar: value of label {label} is not valid (UTF-8)",
        };
    }

    private static string Scheme(StampOptions options) =>
        options.NameScheme == NameScheme.Legacy ? "nameScheme legacy" : "UTF-8, not empty";

    /// <summary>Milliseconds as people read them: two units at most, for example <c>3d4h</c> or <c>1m5s</c>.</summary>
    private static string Duration(Int128 milliseconds)
    {
        Int128 seconds = milliseconds / 1000;
        return seconds switch
        {
            _ when seconds == 0 => $"{(long)milliseconds}ms",
            _ when seconds < 60 => $"{(long)seconds}s",
            _ when seconds < 3600 => $"{(long)(seconds / 60)}m{(long)(seconds % 60)}s",
            _ when seconds < 86400 => $"{(long)(seconds / 3600)}h{(long)(seconds / 60 % 60)}m",
            _ => $"{(long)(seconds / 86400)}d{(long)(seconds / 3600 % 24)}h",
        };
    }
}
