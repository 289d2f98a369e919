using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Query;

/// <summary>One read on its way: what it is about, what it asked, and what became of it.</summary>
internal sealed record ReadContext(HttpContext Http, ReadRoute Route, ReadScope Scope, ReadWork Work, ReadRecord Record)
{
    /// <summary>The longest range of the bindings and of the tenants' limits; zero is no limit.</summary>
    public TimeSpan MaxRange { get; init; }

    /// <summary>Now, in milliseconds since 1970.</summary>
    public long NowMs { get; init; }

    public ReadParameters Parameters => Work.Parameters;

    public FormWriter Form => Work.Form;

    public CancellationToken Gone => Http.RequestAborted;

    /// <summary>Whether the client takes compressed answers.</summary>
    public bool AcceptsGzip => AcceptEncoding.TakesGzip(Http.Request.Headers.AcceptEncoding);

    /// <summary>
    /// Parses, checks, enforces and writes anew one text, which is then in <see cref="ReadWork.Enforced"/> until the next one.
    /// </summary>
    /// <param name="text">The caller's.</param>
    /// <param name="entry">What it must be.</param>
    /// <param name="matcher">What selectors are kept to; null for stores that keep tenants apart themselves, and for answers that are filtered.</param>
    /// <param name="rules">The rules for texts.</param>
    /// <param name="isSent">False where what is written is only judged; the record then says nothing of it.</param>
    public Refusal? Enforce(ReadOnlyMemory<byte> text, PromQLEntry entry, TenantMatcher? matcher, EnforceOptions rules, bool isSent = true)
    {
        EnforcedQuery query = Work.Enforced;
        if (!query.TryEnforce(text.Span, entry, matcher, rules))
        {
            if (query.Error.Fault == PromQLFault.FunctionForbidden)
            {
                Record.AddForbidden(query.Parsed.Functions.Intersect(rules.ForbiddenFunctions));
            }

            return ReadRefusals.Of(query.Error, entry);
        }

        if (isSent)
        {
            Record.AddSent(query);
        }

        return null;
    }
}

/// <summary>Reads <c>Accept-Encoding</c>.</summary>
internal static class AcceptEncoding
{
    /// <summary>Whether gzip is named, and not with weight 0.</summary>
    public static bool TakesGzip(Microsoft.Extensions.Primitives.StringValues header)
    {
        foreach (string? line in header)
        {
            foreach (string one in (line ?? "").Split(','))
            {
                string[] parts = one.Split(';', StringSplitOptions.TrimEntries);
                if (parts[0].Equals("gzip", StringComparison.OrdinalIgnoreCase))
                {
                    return parts.Length == 1 || !(parts[1].Replace(" ", "", StringComparison.Ordinal).TrimEnd('0') is "q=" or "q=0.");
                }
            }
        }

        return false;
    }
}
