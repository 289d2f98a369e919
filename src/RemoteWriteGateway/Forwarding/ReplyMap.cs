using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Forwarding;

/// <summary>
/// The table of what a store's answer means where its verdict is the sender's answer. A status of ours is a promise about
/// repeating, so content that can never be stored must come out as refused, and everything that may pass as retry.
/// </summary>
internal static class ReplyMap
{
    /// <param name="reply">What came back.</param>
    /// <param name="protocol">What the part was sent in.</param>
    /// <param name="sent">Items of the part.</param>
    /// <param name="store">Whose answer it is.</param>
    /// <param name="wasUndecided">Whether it was not known that the store takes 2.0 when the part was sent.</param>
    public static PartVerdict Of(in StoreReply reply, WriteProtocol protocol, ItemCounts sent, Store store, bool wasUndecided) => reply.Kind switch
    {
        ReplyKind.Answer => reply.IsSuccess
            ? OfSuccess(reply, protocol, sent, store)
            : OfRefusal(reply, protocol, sent, store, wasUndecided),
        ReplyKind.TimedOut => Retry("store-timeout", $"store took over {reply.Limit.TotalSeconds:0.#} s to answer and may have written the request; retry"),
        ReplyKind.Broken => Retry("store-unavailable", "connection to the store broke before its answer; retry"),
        ReplyKind.NotConnected => Retry("store-unavailable", "store is not reachable; retry"),
        ReplyKind.NoCredentials => Retry("store-unavailable", "gateway has no credentials to show the store now; retry, and tell the operator"),
        ReplyKind.Stopped => Retry("shutting-down", "gateway is stopping; retry"),
        _ => throw new ArgumentOutOfRangeException(nameof(reply), reply.Kind, "There is no such reply."),
    };

    private static PartVerdict OfSuccess(in StoreReply reply, WriteProtocol protocol, ItemCounts sent, Store store)
    {
        if (reply.StatusCode == 202)
        {
            return new PartVerdict(PartOutcome.Deduplicated, sent);
        }

        if (protocol == WriteProtocol.V1 || sent.Total == 0)
        {
            return new PartVerdict(PartOutcome.Written, sent);
        }

        // No counts, or zeros for data: a store that read the body as 1.0 and found it empty.
        if (reply.Written is not { } counted || (sent.Samples + sent.Histograms > 0 && counted.Total == 0))
        {
            return LacksV2(reply, store);
        }

        ItemCounts written = Least(counted, sent);
        return written == sent
            ? new PartVerdict(PartOutcome.Written, sent)
            : new PartVerdict(PartOutcome.Refused, written, "store-partial-write", "store wrote " + Shortfall(written, sent));
    }

    private static PartVerdict OfRefusal(in StoreReply reply, WriteProtocol protocol, ItemCounts sent, Store store, bool wasUndecided)
    {
        // 1.0 tells nothing of what was written beside the refused; as the stores do it, nothing was.
        ItemCounts written = Least(reply.Written ?? default, sent);
        switch (reply.StatusCode)
        {
            case 415 when protocol == WriteProtocol.V2:
            case 400 when protocol == WriteProtocol.V2 && wasUndecided && reply.Written is null:
                return LacksV2(reply, store);
            case 400 or 409 or 422:
            case >= 500 when reply.IsContentFault:
                return new PartVerdict(PartOutcome.Refused, written, "store-refused", $"store refused with {reply.StatusCode}{After(reply.Text)}");
            case 413:
                return new PartVerdict(PartOutcome.Refused, written, "store-too-large", "store takes no request this large; send smaller batches");
            case 401 or 403:
                return Retry("store-auth-failed", $"gateway and store disagree (credentials, {reply.StatusCode}); tell the operator") with { RetryAfter = reply.RetryAfter };
            case 429 or 529:
                return (store.Isolation == StoreIsolation.Label
                    ? Retry("store-busy", $"store is over its limit{After(reply.Text)}")
                    : Retry("store-rate-limited", $"store limits this tenant{After(reply.Text)}") with { TenantIsLimited = true })
                    with { RetryAfter = reply.RetryAfter };
            case 408 or 425 or 499 or >= 500:
                // Without the text: a proxy before the store names addresses in it.
                return Retry("store-unavailable", $"store answered {reply.StatusCode}; retry") with { RetryAfter = reply.RetryAfter };
            default:
                return Retry("store-misconfigured", $"gateway and store disagree (address, {reply.StatusCode}); tell the operator") with { RetryAfter = reply.RetryAfter };
        }
    }

    private static PartVerdict LacksV2(in StoreReply reply, Store store) => store.Protocol.IsLearned
        ? new PartVerdict(PartOutcome.SendAsV1, default)
        : Retry("store-protocol-mismatch", $"gateway and store disagree (2.0 is not confirmed, {reply.StatusCode}); tell the operator");

    private static PartVerdict Retry(string reason, string text) => new(PartOutcome.Retry, default, reason, text);

    // A store that counts more than it was sent is not believed.
    private static ItemCounts Least(ItemCounts counted, ItemCounts sent) => new(
        Math.Min(counted.Samples, sent.Samples),
        Math.Min(counted.Histograms, sent.Histograms),
        Math.Min(counted.Exemplars, sent.Exemplars));

    private static string Shortfall(ItemCounts written, ItemCounts sent)
    {
        List<string> kinds = [];
        Add(written.Samples, sent.Samples, "samples");
        Add(written.Histograms, sent.Histograms, "histograms");
        Add(written.Exemplars, sent.Exemplars, "exemplars");
        return string.Join(", ", kinds);

        void Add(long wrote, long of, string kind)
        {
            if (wrote < of)
            {
                kinds.Add($"{wrote} of {of} {kind}");
            }
        }
    }

    private static string After(string text) => text.Length == 0 ? "" : ": " + text;
}
