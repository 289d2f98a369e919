using System.Buffers;
using System.Security.Cryptography;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Query;

/// <summary><c>/api/v1/query</c>, <c>query_range</c> and <c>query_exemplars</c>: one expression, enforced and relayed.</summary>
internal sealed class ExpressionReads(StoreQuestions questions) : IReadHandler
{
    public async Task<Refusal?> HandleAsync(ReadContext read)
    {
        ReadOnlyMemory<byte> text = read.Parameters.One("query");
        if (text.IsEmpty)
        {
            return ReadRefusals.Bad("query-invalid", "parameter \"query\" is missing; send an expression such as up");
        }

        read.Record.AddText(text.Span);
        ExpressionTimes times = ExpressionTimes.Read(read);
        if (read.Parameters.Fault is { } fault)
        {
            return fault;
        }

        if (read.Scope.SeveralAtOnce is { } several)
        {
            return several;
        }

        EnforceOptions rules = questions.ProofOf(read).TakesScopedInfo ? read.Scope.EnforceWithInfo : read.Scope.Enforce;
        if ((read.Enforce(text, PromQLEntry.Query, read.Scope.Matcher, rules) ?? CheckBlocked(read, text) ?? times.Check(read)) is { } refusal)
        {
            return refusal;
        }

        bool hasSelectors = !read.Work.Enforced.Parsed.Selectors.IsEmpty;
        if (read.Route.Api == ReadApi.Exemplars && !hasSelectors)
        {
            return await ReadAnswers.EmptyAsync(read);
        }

        read.Form.Add("query", read.Work.Enforced.Span);
        times.AddTo(read.Form);
        bool isChecked = read.Route.Api == ReadApi.Exemplars;
        return await questions.AskAsync(
            read,
            StoreTargets.Post(read.Scope, read.Route.Path, read.Form, read.AcceptsGzip && !isChecked),
            times.Timeout,
            hasSelectors,
            answer => isChecked ? questions.CheckedAsync(read, answer, EgressShape.Exemplars) : AnswerRelay.RelayJsonAsync(read, answer));
    }

    /// <summary>Whether the operators have blocked this query, whoever's tenants it is about.</summary>
    private static Refusal? CheckBlocked(ReadContext read, ReadOnlyMemory<byte> text)
    {
        if (read.Scope.Limits.BlockedQueries.IsEmpty)
        {
            return null;
        }

        ArrayBufferWriter<byte> canonical = new();
        PromQLEmitter.Emit(text.Span, read.Work.Enforced.Parsed, null, canonical);
        string hash = Convert.ToHexStringLower(SHA256.HashData(canonical.WrittenSpan));
        return read.Scope.Limits.BlockedQueries.Contains(hash)
            ? ReadRefusals.Bad("query-blocked", $"this query is blocked (blockedQueries: {hash[..16]}…); ask the gateway's operators")
            : null;
    }
}

/// <summary>What an expression is asked with, in milliseconds; null is absent.</summary>
internal sealed record ExpressionTimes(ReadApi Api)
{
    public long? TimeMs { get; private init; }

    public long? StartMs { get; private init; }

    public long? EndMs { get; private init; }

    public long? StepMs { get; private init; }

    public long? Limit { get; private init; }

    public long? LookbackMs { get; private init; }

    public string? Stats { get; private init; }

    /// <summary>The client's, cut to what is allowed.</summary>
    public TimeSpan Timeout { get; private init; }

    /// <summary>Reads them; faults are the parameters'. What is used is put on record.</summary>
    public static ExpressionTimes Read(ReadContext read)
    {
        ReadParameters from = read.Parameters;
        bool isInstant = read.Route.Api == ReadApi.Query;
        bool isRange = read.Route.Api == ReadApi.QueryRange;
        TimeSpan most = read.Scope.Limits.QueryTimeout;
        TimeSpan asked = read.Route.Api != ReadApi.Exemplars && from.Duration("timeout") is { } ms && ms < most.TotalMilliseconds ? TimeSpan.FromMilliseconds(ms) : most;
        ExpressionTimes times = new(read.Route.Api)
        {
            TimeMs = isInstant ? from.Time("time") : null,
            StartMs = isInstant ? null : isRange ? Required(from, "start", from.Time("start")) : from.Time("start"),
            EndMs = isInstant ? null : isRange ? Required(from, "end", from.Time("end")) : from.Time("end"),
            StepMs = isRange ? Required(from, "step", from.Duration("step")) : null,
            Limit = read.Route.Api == ReadApi.Exemplars ? null : from.Number("limit"),
            LookbackMs = read.Route.Api == ReadApi.Exemplars ? null : from.Duration("lookback_delta"),
            Stats = read.Route.Api == ReadApi.Exemplars ? null : StatsOf(from.One("stats").Span),
            Timeout = asked,
        };
        read.Record.StartMs = isInstant ? times.TimeMs ?? read.NowMs : times.StartMs;
        read.Record.EndMs = isInstant ? times.TimeMs ?? read.NowMs : times.EndMs;
        read.Record.StepMs = times.StepMs;
        return times;
    }

    /// <summary>The limits that depend on the times.</summary>
    public Refusal? Check(ReadContext read) => Api == ReadApi.Query
        ? null
        : ReadRanges.Check(read, StartMs, EndMs)
            ?? (StepMs is { } step ? ReadRanges.CheckStep(read, StartMs!.Value, EndMs!.Value, step) : null); // a range query has all three

    /// <summary>Writes them for the store, in a fixed order.</summary>
    public void AddTo(FormWriter form)
    {
        AddSeconds("time", TimeMs);
        AddSeconds("start", StartMs);
        AddSeconds("end", EndMs);
        AddSeconds("step", StepMs);
        if (Api != ReadApi.Exemplars)
        {
            AddSeconds("timeout", (long)Timeout.TotalMilliseconds);
        }

        if (Limit is { } limit)
        {
            form.Add("limit", limit.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        AddSeconds("lookback_delta", LookbackMs);
        if (Stats is not null)
        {
            form.Add("stats", Stats);
        }

        void AddSeconds(string name, long? ms)
        {
            if (ms is { } value)
            {
                form.Add(name, ParameterValues.Seconds(value));
            }
        }
    }

    private static long? Required(ReadParameters from, string name, long? value)
    {
        if (value is null)
        {
            from.Refuse(ReadRefusals.Invalid(name, "it is missing"));
        }

        return value;
    }

    private static string? StatsOf(ReadOnlySpan<byte> value) => value.SequenceEqual("true"u8) ? "true" : value.SequenceEqual("all"u8) ? "all" : null;
}
