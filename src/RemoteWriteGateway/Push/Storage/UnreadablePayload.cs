using System.Collections.Concurrent;
using Prometheus;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>A stored payload is none that this program can read: a newer one wrote it, or it was damaged where it lies. It concerns one group only.</summary>
/// <param name="message">For operators; without anything of the payload.</param>
/// <param name="cause">What reading it came to.</param>
internal sealed class UnreadablePayloadException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>What is done about a payload that cannot be read: label <c>result</c>.</summary>
internal enum UnreadableResult
{
    /// <summary>A view shows the group without it.</summary>
    LeftOut,

    /// <summary>A push that needs it was not stored.</summary>
    Refused,

    /// <summary>It was replaced, deleted, or has expired; what it held was given back.</summary>
    GivenBack,

    /// <summary>It is not written to the store.</summary>
    Unwritten,

    /// <summary>It was written before, and what is gone of it gets no stale markers.</summary>
    Unmarked,
}

/// <summary>
/// Tells of payloads that cannot be read: all of it is counted, and logged once for each payload and result, so many lines a minute: during an upgrade it
/// may be every group of a newer replica.
/// </summary>
internal sealed partial class UnreadablePayloads(IMetricFactory metrics, TimeProvider time, ILogger<UnreadablePayloads> logger)
{
    /// <summary>The reason's id in answers, and what begins the error of a group.</summary>
    public const string Reason = "payload-unreadable";

    private const int MaxTenants = 1000;

    // Beyond it, what was told is forgotten, and told again.
    private const int MaxTold = 10_000;

    private const int MaxLines = 20;

    private static readonly TimeSpan LinesInterval = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<string, bool> _tenants = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Tenant, string Key, long Generation, UnreadableResult Result), bool> _told = new();

    private readonly Counter _payloads = metrics.CreateCounter(
        "rwgateway_push_unreadable_payloads_total", "Times that a stored payload could not be read, by what was done about it", ["tenant", "result"]);

    private DateTimeOffset _linesSince;
    private int _lines;

    /// <summary>Shows a tenant's series at zero.</summary>
    public void Show(string tenant)
    {
        foreach (UnreadableResult result in Enum.GetValues<UnreadableResult>())
        {
            _payloads.WithLabels(LabelOf(tenant), WordOf(result));
        }
    }

    /// <summary>Tells what is done about one.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="key">The group's.</param>
    /// <param name="generation">The payload's.</param>
    /// <param name="result">What is done.</param>
    /// <param name="fault">Why it cannot be read.</param>
    public void Tell(string tenant, byte[] key, long generation, UnreadableResult result, string fault)
    {
        _payloads.WithLabels(LabelOf(tenant), WordOf(result)).Inc();
        if (_told.Count >= MaxTold)
        {
            _told.Clear();
        }

        // The key is a hash: labels stand in no log.
        string name = Convert.ToHexStringLower(key);
        if (!_told.ContainsKey((tenant, name, generation, result)) && MayLog() && _told.TryAdd((tenant, name, generation, result), true))
        {
            LogUnreadable(name, tenant, generation, fault, ConsequenceOf(result));
        }
    }

    /// <summary>Reads the newest payload of a group for a view. One that cannot be read is told of, and is empty there.</summary>
    /// <param name="group">With its body.</param>
    /// <param name="families">Receives all messages, as <see cref="PayloadBody.ReadInto(MetricFamilies)"/> gives them.</param>
    /// <param name="fault">Why it cannot be read; null if it can.</param>
    public PayloadBody ReadToShow(StoredGroup group, MetricFamilies families, out string? fault)
    {
        try
        {
            PayloadBody body = group.ReadBody();

            // What does not fit together could not be written as JSON or text either, and would break off the answer for all groups.
            body.Verify(families);
            fault = null;
            return body;
        }
        catch (UnreadablePayloadException e)
        {
            Tell(group.Tenant, group.Key, group.Generation, UnreadableResult.LeftOut, e.Message);
            fault = $"{Reason}: {e.Message}";
            return PayloadBody.Empty;
        }
    }

    private bool MayLog()
    {
        lock (_lock)
        {
            DateTimeOffset now = time.GetUtcNow();
            if (now - _linesSince >= LinesInterval)
            {
                _linesSince = now;
                _lines = 0;
            }

            return _lines++ < MaxLines;
        }
    }

    private static string WordOf(UnreadableResult result) => result switch
    {
        UnreadableResult.LeftOut => "left-out",
        UnreadableResult.Refused => "refused",
        UnreadableResult.GivenBack => "given-back",
        UnreadableResult.Unwritten => "unwritten",
        _ => "unmarked",
    };

    private static string ConsequenceOf(UnreadableResult result) => result switch
    {
        UnreadableResult.LeftOut => "Views show the group without it; a PUT or DELETE of the group mends it",
        UnreadableResult.Refused => "A push that adds to it was refused; a PUT in mode replace or a DELETE of the group mends it",
        UnreadableResult.GivenBack => "It was replaced or deleted. What the store holds of it cannot be marked stale by name, and fades after the lookback",
        UnreadableResult.Unwritten => "It is not written to the store; a PUT or DELETE of the group mends it",
        _ => "What is gone of it cannot be marked stale by name, and fades from the store after the lookback",
    };

    /// <summary>The label's value: the tenant's name, or <c>_other</c> beyond the thousandth.</summary>
    private string LabelOf(string tenant) =>
        _tenants.ContainsKey(tenant) || (_tenants.Count < MaxTenants && _tenants.TryAdd(tenant, true)) ? tenant : "_other";

    [LoggerMessage(LogLevel.Error, "The payload of push group {Key} of tenant {Tenant}, generation {Generation}, cannot be read: {Fault} {Consequence}")]
    private partial void LogUnreadable(string key, string tenant, long generation, string fault, string consequence);
}
