using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using RemoteWriteGateway.Audit.Reading;
using Microsoft.Net.Http.Headers;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary>Who called.</summary>
/// <param name="ObjectId">Object id.</param>
/// <param name="Kind"><c>app</c>, <c>user</c> or <c>agent</c>.</param>
/// <param name="Name">For display.</param>
/// <param name="Client">Client id of the app that presented the tokens.</param>
internal sealed record ReviewedSubject(Guid ObjectId, string Kind, string? Name, Guid Client);

/// <summary>That somebody used what a binding gives.</summary>
/// <param name="Binding">The binding's id.</param>
/// <param name="Subject">Who.</param>
/// <param name="Tenant">On which tenant; null for permissions on the gateway.</param>
/// <param name="Permission">What.</param>
/// <param name="FirstUsed">The first time in the period.</param>
/// <param name="LastUsed">The last time in the period.</param>
/// <param name="Uses">How many requests.</param>
internal sealed record AccessReviewItem(
    string Binding, ReviewedSubject Subject, string? Tenant, string Permission, DateTimeOffset FirstUsed, DateTimeOffset LastUsed, long Uses);

/// <summary>What of the access that the policy gave was used.</summary>
/// <param name="From">The period's begin.</param>
/// <param name="To">The period's end, which is not in it.</param>
/// <param name="PolicyVersions">The versions of the policy that were in force in it.</param>
/// <param name="Items">The uses.</param>
/// <param name="UnusedBindings">Bindings of those versions by which nobody was allowed anything.</param>
internal sealed record AccessReviewAnswer(
    DateTimeOffset From, DateTimeOffset To, ImmutableArray<string> PolicyVersions, ImmutableArray<AccessReviewItem> Items, ImmutableArray<string> UnusedBindings);

/// <summary><c>/admin/v1/access-review</c>: who used what the policy gives, and which bindings nobody used.</summary>
internal sealed class AccessReviewRoute(AccessUses uses, PolicyVersionStore store, PolicyArchive archive, PolicySource source, TimeProvider time)
{
    private const string FromName = "from";
    private const string ToName = "to";
    private const string Csv = "text/csv";
    private const string Head = "binding,subject,subjectKind,subjectName,client,tenant,permission,firstUsed,lastUsed,uses\r\n";
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";

    private static readonly TimeSpan DefaultPeriod = TimeSpan.FromDays(90);
    private static readonly TimeSpan MaxPeriod = TimeSpan.FromDays(400);

    public void AddTo(AdminRoutes routes) => routes.Add(
        AdminRoute.Get(AdminFeature.Prefix + "/access-review", "reviewAccess", Permissions.AuditRead, "Who used what the policy gives, and what nobody used.", typeof(AccessReviewAnswer)) with
        {
            Choice = TenantChoice.All,
            Query =
            [
                new QueryParameter(FromName, "The period's begin; 90 days before its end if it is left out.") { Format = "date-time" },
                new QueryParameter(ToName, "The period's end, which is not in it; now if it is left out. At most 400 days after its begin.") { Format = "date-time" },
            ],
            MediaTypes = [AdminRoute.JsonMediaType, Csv],
        },
        GetAsync);

    private async Task<AdminAnswer> GetAsync(AdminCall call)
    {
        DateTimeOffset now = time.GetUtcNow();
        DateTimeOffset to = call.Query.Time(ToName) ?? now;
        DateTimeOffset from = call.Query.Time(FromName) ?? to - DefaultPeriod;
        if (to <= from || to - from > MaxPeriod)
        {
            call.Query.Fault(FromName, string.Create(CultureInfo.InvariantCulture, $"is not before {ToName}, or more than {MaxPeriod.TotalDays:0} days before it"));
        }

        if (call.Query.Refusal is { } refusal)
        {
            return refusal;
        }

        if (await uses.BetweenAsync(from, to, call.Aborted) is not { } found)
        {
            return AdminProblems.BadRequest(FromName, string.Create(CultureInfo.InvariantCulture, $"the period has more than {AccessUses.MaxRows} kinds of uses, the limit; shorten it"));
        }

        ImmutableArray<string> versions = await store.VersionsBetweenAsync(from, to, call.Aborted);
        if (to >= now && !versions.Contains(source.Current.Version))
        {
            versions = versions.Add(source.Current.Version); // its row may still be on its way
        }

        ImmutableArray<ArchivedPolicy> policies = await archive.FindAsync(versions.Union(found.Select(use => use.PolicyVersion), StringComparer.Ordinal), call.Aborted);
        AccessReview review = AccessReview.Of(
            found,
            policies.Where(policy => policy.Snapshot is not null).ToDictionary(policy => policy.Version, policy => policy.Snapshot!, StringComparer.Ordinal));
        return WantsCsv(call.Http.Request) ? AdminAnswer.Streamed(http => WriteCsvAsync(http, review)) : AdminAnswer.Ok(new AccessReviewAnswer(
            from, to, versions, [.. review.Uses.Select(ItemOf)], review.UnusedBindings));
    }

    private static AccessReviewItem ItemOf(ReviewedUse use) => new(
        use.Binding, new ReviewedSubject(use.Subject, use.SubjectKind, use.SubjectName, use.Client), use.Tenant, use.Permission, use.FirstUsed, use.LastUsed, use.Uses);

    /// <summary>Whether CSV is named, and preferred to JSON.</summary>
    private static bool WantsCsv(HttpRequest request)
    {
        IList<MediaTypeHeaderValue> accepted = request.GetTypedHeaders().Accept;
        double csv = QualityOf(accepted, Csv);
        return csv > 0 && csv >= QualityOf(accepted, "application/json");
    }

    private static double QualityOf(IList<MediaTypeHeaderValue> accepted, string type) =>
        accepted.Where(one => one.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase)).Select(one => one.Quality ?? 1).DefaultIfEmpty(0).Max();

    private static Task WriteCsvAsync(HttpContext http, AccessReview review)
    {
        StringBuilder csv = new(Head);
        foreach (ReviewedUse use in review.Uses)
        {
            csv.AppendJoin(',', ((string[])
            [
                use.Binding,
                use.Subject.ToString("D"),
                use.SubjectKind,
                CsvCell.Harmless(use.SubjectName ?? ""),
                use.Client.ToString("D"),
                use.Tenant ?? "",
                use.Permission,
                use.FirstUsed.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture),
                use.LastUsed.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture),
                use.Uses.ToString(CultureInfo.InvariantCulture),
            ]).Select(CsvCell.Quoted)).Append("\r\n");
        }

        // Nobody used them: nothing but their names and a zero.
        foreach (string binding in review.UnusedBindings)
        {
            csv.Append(CultureInfo.InvariantCulture, $"{binding},,,,,,,,,0\r\n");
        }

        http.Response.ContentType = Csv + "; charset=utf-8";
        return http.Response.WriteAsync(csv.ToString(), http.RequestAborted);
    }
}
