using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Query;

/// <summary>
/// <c>/api/v1/rules</c> and <c>/api/v1/alerts</c>: all of the store's, filtered. The store is asked without our matcher, which would see the
/// labels of rules only; so nothing is relayed, and what is answered is written anew.
/// </summary>
internal sealed class RuleReads(RuleSource source, StoreQuestions questions, StoreProofs proofs, QueryMetrics metrics, IOptions<QueryOptions> options) : IReadHandler
{
    private const int MaxTenants = 10;

    /// <summary>Values stay as the store wrote them; the answer is JSON, and said not to be anything else.</summary>
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public async Task<Refusal?> HandleAsync(ReadContext read)
    {
        if ((TryReadWishes(read, out RuleWishes wishes) ?? AddSelectors(read)) is { } refusal)
        {
            return refusal;
        }

        ArrayBufferWriter<byte> output = new(4096);
        using (Utf8JsonWriter json = new(output, Plain))
        {
            string list = read.Route.Api == ReadApi.Rules ? "groups" : "alerts";
            json.WriteStartObject();
            json.WriteString("status", "success");
            json.WriteStartObject("data");
            json.WriteStartArray(list);
            Refusal? fault = read.Scope.Matcher is null ? await WriteEachAsync(read, wishes, json) : await WriteFilteredAsync(read, wishes, json);
            if (fault is not null)
            {
                return fault;
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return await ReadAnswers.WriteAsync(read, output.WrittenMemory);
    }

    /// <summary>Label stores: one answer of all tenants, filtered.</summary>
    private async Task<Refusal?> WriteFilteredAsync(ReadContext read, RuleWishes wishes, Utf8JsonWriter json)
    {
        (JsonElement? data, Refusal? refusal) = read.Form.Written.IsEmpty ? await source.SharedAsync(read) : await source.OwnAsync(read, read.Scope);
        if (data is null)
        {
            questions.NoteAway(read, refusal);
            return refusal;
        }

        return Write(read, data.Value, new RuleFilter(read.Scope.Side.Label, read.Scope.Ids, options.Value.SharedRules == SharedRules.Hide), wishes, json);
    }

    /// <summary>Header and path stores: one answer for each tenant, in the order of their ids.</summary>
    private async Task<Refusal?> WriteEachAsync(ReadContext read, RuleWishes wishes, Utf8JsonWriter json)
    {
        if (read.Scope.Tenants.Length > MaxTenants)
        {
            return ReadRefusals.Bad("too-many-tenants", FormattableString.Invariant(
                $"rules and alerts are asked tenant by tenant at this store, and this read is about {read.Scope.Tenants.Length}, limit {MaxTenants}; name fewer in the request"));
        }

        (Refusal? unproven, bool isEmpty) = await proofs.CheckAsync(read);
        if (unproven is not null || isEmpty)
        {
            return unproven;
        }

        foreach (ReadScope alone in read.Scope.Tenants.Select(tenant => read.Scope.Alone(tenant, options.Value)).OrderBy(scope => scope.StoreIds[0], StringComparer.Ordinal))
        {
            (JsonElement? data, Refusal? refusal) = await source.OwnAsync(read, alone);
            if ((data is null ? refusal : Write(read, data.Value, new RuleFilter(null, [], hidesShared: false), wishes, json)) is { } fault)
            {
                questions.NoteAway(read, fault);
                return fault;
            }
        }

        return null;
    }

    private Refusal? Write(ReadContext read, JsonElement data, RuleFilter filter, RuleWishes wishes, Utf8JsonWriter json)
    {
        if (read.Route.Api == ReadApi.Rules ? !filter.TryWriteGroups(data, wishes, json) : !filter.TryWriteAlerts(data, json))
        {
            return ReadRefusals.StoreInvalid("its JSON has another form");
        }

        read.Record.FilteredRules += filter.RulesRemoved;
        read.Record.FilteredAlerts += filter.AlertsRemoved;
        metrics.CountFiltered(read.Route, filter.RulesRemoved, filter.AlertsRemoved);
        return null;
    }

    private static Refusal? TryReadWishes(ReadContext read, out RuleWishes wishes)
    {
        wishes = new RuleWishes();
        if (read.Route.Api == ReadApi.Alerts)
        {
            return read.Parameters.Fault;
        }

        ReadParameters from = read.Parameters;
        string type = Encoding.UTF8.GetString(from.One("type").Span);
        wishes = new RuleWishes
        {
            Type = type.ToUpperInvariant() switch { "ALERT" => "alerting", "RECORD" => "recording", _ => null },
            RuleNames = Texts("rule_name[]"),
            RuleGroups = Texts("rule_group[]"),
            Files = Texts("file[]"),
            ExcludeAlerts = from.Flag("exclude_alerts"),
        };
        if (type.Length > 0 && wishes.Type is null)
        {
            from.Refuse(ReadRefusals.Invalid("type", "expected alert or record"));
        }

        return from.Fault;

        ImmutableArray<string> Texts(string name) => [.. from.All(name).Select(text => Encoding.UTF8.GetString(text.Span))];
    }

    /// <summary>The client's own selectors, the only ones that leave without ours: the answer is filtered.</summary>
    private static Refusal? AddSelectors(ReadContext read)
    {
        if (read.Route.Api == ReadApi.Alerts)
        {
            return null;
        }

        int count = read.Parameters.Count("match[]");
        if (count > read.Scope.Limits.MaxMatchSelectors)
        {
            return ReadRefusals.Bad("too-many-selectors", FormattableString.Invariant(
                $"the request has {count} selectors in match[], limit {read.Scope.Limits.MaxMatchSelectors} (maxMatchSelectors); send fewer"));
        }

        foreach (ReadOnlyMemory<byte> text in read.Parameters.All("match[]"))
        {
            read.Record.AddText(text.Span);
            if (read.Enforce(text, PromQLEntry.Selector, matcher: null, read.Scope.Enforce) is { } refusal)
            {
                return refusal;
            }

            read.Form.Add("match[]", read.Work.Enforced.Span);
        }

        return null;
    }
}
