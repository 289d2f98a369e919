using System.Globalization;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Query;

/// <summary>What reads are refused with. A faulty store is 502: nothing hangs on a reader's retry.</summary>
internal static class ReadRefusals
{
    /// <summary>Reasons that metrics show from the start.</summary>
    public static readonly string[] Known =
    [
        "query-invalid", "selector-invalid", "match-missing", "parameter-invalid", "parameter-repeated", "parameter-encoding", "body-not-allowed",
        "label-name-invalid", "label-forbidden", "function-forbidden", "info-not-allowed", "query-blocked", "query-too-long",
        "rewritten-query-too-long", "query-too-deep", "too-many-selectors", "range-too-long", "step-too-small", "too-many-points",
        "tenants-on-several-stores", "one-tenant-per-read", "too-many-tenants", "body-too-large", "decoded-too-large", "malformed-snappy",
        "malformed-protobuf", "read-matcher-invalid", "too-many-read-queries", "selector-names-other-tenant", "endpoint-disabled",
        "form-too-large", "target-too-long", "unsupported-media-type", "unsupported-encoding", "response-too-large", "query-rate-limit",
        "too-many-inflight-queries", "store-refused", "store-rate-limited", "store-busy", "client-gone", "enforcement-mismatch",
        "internal-error", "store-unavailable", "store-auth-failed", "store-misconfigured", "store-answer-invalid", "egress-violation",
        "endpoint-unproven", "no-store", "audit-unavailable", "shutting-down", "store-timeout",
    ];

    public static readonly Refusal NoStore = Unavailable("no-store", "no store is configured for these tenants; tell the operator");

    public static readonly Refusal ShuttingDown = Unavailable("shutting-down", "the gateway is stopping; retry");

    public static readonly Refusal ClientGone = new("client-gone", 499, "the client has gone");

    public static readonly Refusal MatchMissing = Bad("match-missing", "name at least one series selector in match[], for example match[]=up");

    public static readonly Refusal Endpoint = new(
        "endpoint-refused", 404, "this endpoint shows what belongs to no tenant or to all of them, so it is not served here; ask the store's operator");

    /// <summary>The store has not done what it was told: no byte of its answer leaves.</summary>
    public static readonly Refusal Egress = new(
        "egress-violation", 502, "the store answered with data outside of your tenants, which were dropped; tell the operator") { ErrorType = "internal" };

    public static Refusal Bad(string reason, string text) => new(reason, 400, text);

    public static Refusal StoreInvalid(string what) => new("store-answer-invalid", 502, $"the store's answer is not one of its API: {what}; tell the operator");

    public static Refusal TooLarge(string key, long limit) => new(
        "response-too-large", 422, string.Create(CultureInfo.InvariantCulture, $"the answer is over the limit of {limit} bytes ({key}); ask for fewer series, or a shorter range"));

    public static Refusal Invalid(string parameter, string fault) => Bad("parameter-invalid", $"invalid parameter \"{parameter}\": {fault}");

    /// <summary>A text that is no PromQL, or that the policy does not allow.</summary>
    public static Refusal Of(PromQLError error, PromQLEntry entry)
    {
        string parameter = entry == PromQLEntry.Query ? "query" : "match[]";
        int status = error.Fault switch
        {
            PromQLFault.EnforcementMismatch => 500,
            PromQLFault.SelectorNamesOtherTenant => 403,
            _ => 400,
        };
        return new Refusal(error.Fault.Id(entry), status, $"invalid parameter \"{parameter}\": {error}");
    }

    public static Refusal RateLimited(string text, TimeSpan wait) => new("query-rate-limit", 429, text) { RetryAfter = wait };

    public static Refusal TooManyInflight(string text) => new("too-many-inflight-queries", 429, text) { RetryAfter = TimeSpan.FromSeconds(2) };

    public static Refusal Disabled(string text) => new("endpoint-disabled", 404, text);

    public static Refusal Unproven(string store) => Unavailable(
        "endpoint-unproven", $"store {store} could not be asked yet whether it keeps tenants apart on this endpoint; retry");

    private static Refusal Unavailable(string reason, string text) => new(reason, 503, text) { RetryAfter = TimeSpan.FromSeconds(5) };
}
