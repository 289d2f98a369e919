using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;

namespace RemoteWriteGateway.Query;

/// <summary>What a client asks to see of the rules that it may see.</summary>
internal sealed record RuleWishes
{
    /// <summary><c>alerting</c>, <c>recording</c>, or null for both.</summary>
    public string? Type { get; init; }

    public ImmutableArray<string> RuleNames { get; init; } = [];

    public ImmutableArray<string> RuleGroups { get; init; } = [];

    public ImmutableArray<string> Files { get; init; } = [];

    public bool ExcludeAlerts { get; init; }
}

/// <summary>
/// Writes anew what tenants may see of a store's rules and alerts. Members that we know are written, others are not.
/// <list type="number">
/// <item>A rule with a tenant of its own: kept if that is one of ours. Without one: a recording rule is dropped, an alerting rule is shared and kept only with an alert of ours.</item>
/// <item>Alerts of ours alone; a shared rule's state is made anew of them, and its last error is left out: it may quote series of others.</item>
/// <item>The client's wishes. 4. Groups without rules vanish.</item>
/// </list>
/// </summary>
/// <param name="label">The tenant label; null for stores that keep tenants apart themselves, whose answers are all ours.</param>
/// <param name="tenants">Values of the label that are ours.</param>
/// <param name="hidesShared">Shared rules are shown to nobody.</param>
internal sealed class RuleFilter(string? label, IEnumerable<string> tenants, bool hidesShared)
{
    private static readonly string[] GroupMembers = ["name", "file", "interval", "limit", "evaluationTime", "lastEvaluation"];

    private static readonly string[] RuleMembers =
        ["name", "query", "duration", "keepFiringFor", "labels", "annotations", "health", "evaluationTime", "lastEvaluation", "type"];

    private static readonly string[] AlertMembers =
        ["labels", "annotations", "state", "activeAt", "keepFiringSince", "value", "partialResponseStrategy"];

    private readonly FrozenSet<string> _tenants = tenants.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Whose a set of labels is.</summary>
    private enum Owner
    {
        Ours,
        Others,

        /// <summary>No tenant label, or one that each alert fills.</summary>
        Nobody,
    }

    /// <summary>Rules that were left out because of whose they are.</summary>
    public int RulesRemoved { get; private set; }

    /// <summary>Alerts that were left out for the same reason.</summary>
    public int AlertsRemoved { get; private set; }

    /// <summary>Writes what is left of the groups in <paramref name="data"/>, as elements of an array.</summary>
    /// <returns>False if it is not of the API's form.</returns>
    public bool TryWriteGroups(JsonElement data, RuleWishes wishes, Utf8JsonWriter json)
    {
        if (!data.TryGetProperty("groups", out JsonElement groups) || groups.ValueKind is not (JsonValueKind.Array or JsonValueKind.Null))
        {
            return false;
        }

        if (groups.ValueKind == JsonValueKind.Null)
        {
            return true;
        }

        foreach (JsonElement group in groups.EnumerateArray())
        {
            if (group.ValueKind != JsonValueKind.Object || !group.TryGetProperty("rules", out JsonElement rules) || rules.ValueKind != JsonValueKind.Array)
            {
                return false;
            }

            WriteGroup(group, rules, wishes, json);
        }

        return true;
    }

    /// <summary>Writes what is left of the alerts in <paramref name="data"/>, as elements of an array. Without the tenant label they are nobody's.</summary>
    /// <returns>False if it is not of the API's form.</returns>
    public bool TryWriteAlerts(JsonElement data, Utf8JsonWriter json)
    {
        if (!data.TryGetProperty("alerts", out JsonElement alerts) || alerts.ValueKind is not (JsonValueKind.Array or JsonValueKind.Null))
        {
            return false;
        }

        foreach (JsonElement alert in OursOf(alerts))
        {
            WriteMembers(alert, AlertMembers, json);
        }

        return true;
    }

    private void WriteGroup(JsonElement group, JsonElement rules, RuleWishes wishes, Utf8JsonWriter json)
    {
        bool isWished = IsWished(group, "name", wishes.RuleGroups) && IsWished(group, "file", wishes.Files);
        bool hasBegun = false;
        foreach (JsonElement rule in rules.EnumerateArray())
        {
            if (!TryKeep(rule, out List<JsonElement> alerts, out bool isShared))
            {
                RulesRemoved++;
                continue;
            }

            if (!isWished || !IsWished(rule, "name", wishes.RuleNames) || (wishes.Type is not null && TextOf(rule, "type") != wishes.Type))
            {
                continue;
            }

            if (!hasBegun)
            {
                hasBegun = true;
                json.WriteStartObject();
                WriteKnown(group, GroupMembers, json);
                json.WriteStartArray("rules");
            }

            WriteRule(rule, alerts, isShared, wishes.ExcludeAlerts, json);
        }

        if (hasBegun)
        {
            json.WriteEndArray();
            json.WriteEndObject();
        }
    }

    // 1 and 2.
    private bool TryKeep(JsonElement rule, out List<JsonElement> alerts, out bool isShared)
    {
        alerts = [];
        isShared = false;
        if (rule.ValueKind != JsonValueKind.Object || TextOf(rule, "type") is not ("alerting" or "recording"))
        {
            return false;
        }

        Owner owner = OwnerOf(rule);
        bool isAlerting = TextOf(rule, "type") == "alerting";
        if (owner == Owner.Others || (owner == Owner.Nobody && (!isAlerting || hidesShared)))
        {
            return false;
        }

        if (rule.TryGetProperty("alerts", out JsonElement all))
        {
            alerts = OursOf(all);
        }

        isShared = owner == Owner.Nobody;
        return !isShared || alerts.Count > 0;
    }

    private static void WriteRule(JsonElement rule, List<JsonElement> alerts, bool isShared, bool excludesAlerts, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        if (isShared)
        {
            json.WriteString("state", alerts.Exists(alert => TextOf(alert, "state") == "firing") ? "firing" : "pending");
        }
        else
        {
            WriteKnown(rule, ["state"], json);
        }

        WriteKnown(rule, RuleMembers, json);
        if (isShared)
        {
            json.WriteString("lastError", "");
        }
        else
        {
            WriteKnown(rule, ["lastError"], json);
        }

        if (TextOf(rule, "type") == "alerting")
        {
            json.WriteStartArray("alerts");
            foreach (JsonElement alert in excludesAlerts ? [] : alerts)
            {
                WriteMembers(alert, AlertMembers, json);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private List<JsonElement> OursOf(JsonElement alerts)
    {
        List<JsonElement> ours = [];
        if (alerts.ValueKind != JsonValueKind.Array)
        {
            return ours;
        }

        foreach (JsonElement alert in alerts.EnumerateArray())
        {
            if (alert.ValueKind == JsonValueKind.Object && OwnerOf(alert) == Owner.Ours)
            {
                ours.Add(alert);
            }
            else
            {
                AlertsRemoved++;
            }
        }

        return ours;
    }

    private Owner OwnerOf(JsonElement item)
    {
        if (label is null)
        {
            return Owner.Ours;
        }

        if (!item.TryGetProperty("labels", out JsonElement labels) || labels.ValueKind != JsonValueKind.Object)
        {
            return Owner.Nobody;
        }

        Owner owner = Owner.Nobody;
        bool isFound = false;
        foreach (JsonProperty one in labels.EnumerateObject())
        {
            if (!one.NameEquals(label))
            {
                continue;
            }

            // Twice: whose it is depends on who reads it.
            if (isFound || one.Value.ValueKind != JsonValueKind.String)
            {
                return Owner.Others;
            }

            isFound = true;
            string tenant = one.Value.GetString()!; // a string has one
            owner = _tenants.Contains(tenant) ? Owner.Ours : tenant.Length == 0 || tenant.Contains("{{", StringComparison.Ordinal) ? Owner.Nobody : Owner.Others;
        }

        return owner;
    }

    private static bool IsWished(JsonElement item, string member, ImmutableArray<string> wished) =>
        wished.IsEmpty || wished.Contains(TextOf(item, member), StringComparer.Ordinal);

    private static string TextOf(JsonElement item, string member) =>
        item.TryGetProperty(member, out JsonElement text) && text.ValueKind == JsonValueKind.String ? text.GetString()! : ""; // a string has one

    private static void WriteMembers(JsonElement item, string[] members, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        WriteKnown(item, members, json);
        json.WriteEndObject();
    }

    private static void WriteKnown(JsonElement item, ReadOnlySpan<string> members, Utf8JsonWriter json)
    {
        foreach (string member in members)
        {
            if (item.TryGetProperty(member, out JsonElement value))
            {
                json.WritePropertyName(member);
                value.WriteTo(json);
            }
        }
    }
}
