using Dapper;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Audit.Reading;

/// <summary>A filter and a reach as a condition of SQL, in the dialect of the database.</summary>
internal sealed class AuditQuerySql
{
    private readonly CatalogDatabase _database;
    private readonly List<string> _conditions = [];

    public AuditQuerySql(CatalogDatabase database, AuditFilter filter, AuditReach reach)
    {
        _database = database;
        Add("event = @event", "event", filter.Event);
        Add("outcome = @outcome", "outcome", filter.Outcome);
        Add("reason = @reason", "reason", filter.Reason);
        Add("subject_oid = @subject", "subject", filter.Subject);
        Add("actor_client = @client", "client", filter.Client);
        Add("permission = @permission", "permission", filter.Permission);
        Add("request_id = @requestId", "requestId", filter.RequestId);
        Add("policy_version = @policyVersion", "policyVersion", filter.PolicyVersion);
        Add(
            database.Sql(
                sqlite: "(tenant = @tenant OR EXISTS (SELECT 1 FROM json_each(tenants) WHERE value = @tenant))",
                postgreSql: "(tenant = @tenant OR tenants @> ARRAY[@tenant])"),
            "tenant",
            filter.Tenant);
        if (!reach.IsAll)
        {
            Add(
                database.Sql(
                    sqlite: """
                        (tenant IN (SELECT value FROM json_each(@reach))
                         OR EXISTS (SELECT 1 FROM json_each(tenants) AS its JOIN json_each(@reach) AS mine ON its.value = mine.value))
                        """,
                    postgreSql: "(tenant = ANY(@reach) OR tenants && @reach)"),
                "reach",
                reach.Tenants.ToArray());
        }
    }

    public DynamicParameters Parameters { get; } = new();

    /// <summary>The conditions and more of them, as what follows <c>WHERE</c>.</summary>
    public string Where(params IEnumerable<string> more) => string.Join(" AND ", _conditions.Concat(more).DefaultIfEmpty("TRUE"));

    /// <summary>Conditions on the time, for parameters that may be set again.</summary>
    public IEnumerable<string> Between(DateTimeOffset? from, DateTimeOffset? to)
    {
        if (from is { } first)
        {
            Parameters.Add("from", first);
            yield return "ts >= @from";
        }

        if (to is { } end)
        {
            Parameters.Add("to", end);
            yield return "ts < @to";
        }
    }

    private void Add<T>(string condition, string name, T? value)
    {
        if (value is not null)
        {
            _conditions.Add(condition);
            Parameters.Add(name, value);
        }
    }
}
