using System.Collections.Immutable;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit;

/// <summary>A caller that the audit knows, with what its newest token said.</summary>
/// <param name="Directory">The directory.</param>
/// <param name="ObjectId">The subject.</param>
/// <param name="Kind"><c>app</c>, <c>user</c> or <c>agent</c>.</param>
/// <param name="Name">For display.</param>
/// <param name="Client">The actor.</param>
/// <param name="ClientAuth"><c>public</c>, <c>secret</c> or <c>assertion</c>.</param>
/// <param name="Roles">App roles.</param>
/// <param name="Scopes">Delegated scopes.</param>
/// <param name="GroupsMatched">Groups by which a rule matched it in that time; whatever else it is a member of is not on record.</param>
/// <param name="GroupsUnknown">The token listed no groups because there are too many.</param>
/// <param name="LastSeen">When it called last.</param>
internal sealed record KnownCaller(
    Guid Directory,
    Guid ObjectId,
    string Kind,
    string? Name,
    Guid Client,
    string ClientAuth,
    ImmutableArray<string> Roles,
    ImmutableArray<string> Scopes,
    ImmutableArray<Guid> GroupsMatched,
    bool GroupsUnknown,
    DateTimeOffset LastSeen);

/// <summary>Who has called, by the audit.</summary>
internal sealed class KnownCallers(CatalogDatabase database)
{
    /// <summary>The longest time to look back.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromDays(400);

    /// <summary>Most callers of one answer, each counted once for every set of claims that it came with.</summary>
    public const int MaxCallers = 20_000;

    /// <summary>
    /// Everyone who has called since then, allowed or refused, sorted by subject and client; or null if they are more than
    /// <see cref="MaxCallers"/>: then the time is to be shortened.
    /// </summary>
    public async Task<ImmutableArray<KnownCaller>?> SinceAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        IReadOnlyList<Row> rows = await database.QueryAsync<Row>(
            """
            SELECT tid, subject_oid, subject_kind, MAX(subject_name) AS subject_name, actor_client, client_auth, roles, scopes, groups_matched, groups_unknown,
              MAX(COALESCE(last_ts, ts)) AS last_seen
            FROM audit_events
            WHERE ts >= @since AND tid IS NOT NULL AND subject_oid IS NOT NULL AND actor_client IS NOT NULL AND subject_kind IS NOT NULL AND client_auth IS NOT NULL
            GROUP BY tid, subject_oid, subject_kind, actor_client, client_auth, roles, scopes, groups_matched, groups_unknown
            LIMIT @limit
            """,
            new { since, limit = MaxCallers + 1 },
            cancellationToken);
        return rows.Count > MaxCallers
            ? null
            : [.. rows.GroupBy(row => (row.Tid, row.SubjectOid, row.ActorClient, row.SubjectKind)).Select(Newest).OrderBy(one => one.ObjectId).ThenBy(one => one.Client)];
    }

    private static KnownCaller Newest(IEnumerable<Row> rows)
    {
        Row[] newestFirst = [.. rows.OrderByDescending(row => row.LastSeen)];
        Row last = newestFirst[0];
        return new KnownCaller(
            last.Tid,
            last.SubjectOid,
            last.SubjectKind,
            last.SubjectName,
            last.ActorClient,
            last.ClientAuth,
            [.. last.Roles ?? []],
            [.. last.Scopes ?? []],
            [.. newestFirst.SelectMany(row => row.GroupsMatched ?? []).Distinct().Order()],
            last.GroupsUnknown ?? false,
            last.LastSeen);
    }

    private sealed class Row
    {
        public Guid Tid { get; init; }

        public Guid SubjectOid { get; init; }

        public string SubjectKind { get; init; } = "";

        public string? SubjectName { get; init; }

        public Guid ActorClient { get; init; }

        public string ClientAuth { get; init; } = "";

        public string[]? Roles { get; init; }

        public string[]? Scopes { get; init; }

        public Guid[]? GroupsMatched { get; init; }

        public bool? GroupsUnknown { get; init; }

        public DateTimeOffset LastSeen { get; init; }
    }
}
