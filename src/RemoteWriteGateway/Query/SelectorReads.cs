using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Query;

/// <summary><c>/api/v1/series</c>, <c>labels</c> and <c>label/{name}/values</c>: selectors, each one enforced.</summary>
internal sealed class SelectorReads(StoreQuestions questions, IOptions<QueryOptions> options) : IReadHandler
{
    public async Task<Refusal?> HandleAsync(ReadContext read)
    {
        Refusal? unnamed = TryReadLabel(read, out string? label);
        foreach (ReadOnlyMemory<byte> text in read.Parameters.All("match[]"))
        {
            read.Record.AddText(text.Span);
        }

        long? start = read.Parameters.Time("start");
        long? end = read.Parameters.Time("end");
        long? limit = read.Parameters.Number("limit");
        read.Record.StartMs = start;
        read.Record.EndMs = end;
        if ((unnamed ?? read.Parameters.Fault ?? read.Scope.SeveralAtOnce ?? AddSelectors(read) ?? ReadRanges.Check(read, start, end)) is { } refusal)
        {
            return refusal;
        }

        AddTimes(read.Form, start, end, limit);
        bool isSeries = read.Route.Api == ReadApi.Series;
        bool isTenants = label is not null && read.Scope.Matcher is not null && label == read.Scope.Side.Label;
        bool isChecked = isSeries || isTenants;
        StoreReadRequest request;
        if (label is null)
        {
            request = StoreTargets.Post(read.Scope, read.Route.Path, read.Form, read.AcceptsGzip && !isChecked);
        }
        else if (StoreTargets.TryGet(
            read.Scope, $"/api/v1/label/{LabelNames.Segment(label)}/values", read.Form, read.AcceptsGzip && !isChecked, withTenants: true, out request) is { } tooLong)
        {
            return tooLong;
        }

        return await questions.AskAsync(read, request, read.Scope.Limits.QueryTimeout, needsProof: true, answer => isChecked
            ? questions.CheckedAsync(read, answer, isSeries ? EgressShape.Series : EgressShape.TenantValues)
            : AnswerRelay.RelayJsonAsync(read, answer));
    }

    /// <summary>Every selector of the client's, enforced; without one the tenants alone, where that is not a dump of them.</summary>
    private static Refusal? AddSelectors(ReadContext read)
    {
        int count = read.Parameters.Count("match[]");
        if (count > read.Scope.Limits.MaxMatchSelectors)
        {
            return ReadRefusals.Bad("too-many-selectors", FormattableString.Invariant(
                $"the request has {count} selectors in match[], limit {read.Scope.Limits.MaxMatchSelectors} (maxMatchSelectors); send fewer"));
        }

        if (count == 0)
        {
            if (read.Route.Api == ReadApi.Series)
            {
                return ReadRefusals.MatchMissing;
            }

            if (read.Scope.Matcher is { } matcher)
            {
                read.Form.Add("match[]", matcher.Selector());
            }

            return null;
        }

        foreach (ReadOnlyMemory<byte> text in read.Parameters.All("match[]"))
        {
            if (read.Route.Api == ReadApi.Series && read.Scope.Side.SeriesByEquality)
            {
                if (AddForEachTenant(read, text) is { } refused)
                {
                    return refused;
                }
            }
            else if (read.Enforce(text, PromQLEntry.Selector, read.Scope.Matcher, read.Scope.Enforce) is { } refusal)
            {
                return refusal;
            }
            else
            {
                read.Form.Add("match[]", read.Work.Enforced.Span);
            }
        }

        return null;
    }

    /// <summary>One selector, once for each tenant, by equality.</summary>
    private static Refusal? AddForEachTenant(ReadContext read, ReadOnlyMemory<byte> text)
    {
        // Whom it names is judged with all tenants of the read in sight, and only then one by one.
        if (read.Enforce(text, PromQLEntry.Selector, read.Scope.Matcher, read.Scope.Enforce, isSent: false) is { } refusal)
        {
            return refusal;
        }

        EnforceOptions judged = read.Scope.Enforce with { OtherTenants = OtherTenants.Empty };
        foreach (TenantMatcher matcher in read.Scope.SeriesMatchers)
        {
            if (read.Enforce(text, PromQLEntry.Selector, matcher, judged) is { } refused)
            {
                return refused;
            }

            read.Form.Add("match[]", read.Work.Enforced.Span);
        }

        return null;
    }

    /// <summary>The label's name in the path; null on other routes.</summary>
    private Refusal? TryReadLabel(ReadContext read, out string? label)
    {
        label = null;
        if (read.Route.Api != ReadApi.LabelValues)
        {
            return null;
        }

        string target = read.Http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (!LabelNames.TryRead(ReadRoute.LabelName(target), out string name))
        {
            return ReadRefusals.Bad("label-name-invalid", "the label's name in the path is empty, or has a bad escape, a NUL or bytes that are not UTF-8");
        }

        if (EnforceOptions.StoreLabels.Contains(name) || options.Value.ForbiddenLabels.Contains(name, StringComparer.Ordinal))
        {
            return ReadRefusals.Bad("label-forbidden", "stores give this label a meaning of their own, so its values are not shown");
        }

        label = name;
        return null;
    }

    private static void AddTimes(FormWriter form, long? start, long? end, long? limit)
    {
        if (start is { } from)
        {
            form.Add("start", ParameterValues.Seconds(from));
        }

        if (end is { } to)
        {
            form.Add("end", ParameterValues.Seconds(to));
        }

        if (limit is { } most)
        {
            form.Add("limit", most.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }
}
