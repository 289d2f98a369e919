using System.Collections.Immutable;
using System.Data.Common;
using Dapper;

namespace RemoteWriteGateway.Catalog;

/// <summary>
/// Brings the schema up to date. Each step is one transaction under a lock that all gateways share, with its row in
/// <c>schema_versions</c>: whoever comes second finds the step done, and a step that is interrupted leaves nothing.
/// </summary>
internal sealed partial class CatalogMigrator(CatalogDatabase database, ImmutableArray<CatalogMigration> migrations, string appliedBy, ILogger<CatalogMigrator> logger)
{
    // Any number will do, as long as no other program on the same database takes it for something else.
    private const long LockKey = 0x7277_6761_7465_7761; // "rwgatewa"

    // A step may have to rewrite a table, or to wait for another gateway that does.
    private const int TimeoutSeconds = 600;

    /// <summary>The version that this program works with.</summary>
    public int Known => migrations.Length;

    /// <summary>The schema's version, 0 for an empty database.</summary>
    public async Task<int> ReadVersionAsync(CancellationToken cancellationToken)
    {
        await using DbConnection connection = await database.OpenAsync(cancellationToken);
        return await ReadVersionAsync(connection, null, cancellationToken);
    }

    /// <summary>Takes every step that is missing.</summary>
    /// <returns>The versions before and after.</returns>
    /// <exception cref="CatalogRefusedException">The schema is newer than this program, or a step fails for a reason that an operator has to mend.</exception>
    public async Task<(int Before, int After)> MigrateAsync(CancellationToken cancellationToken)
    {
        int? before = null;
        while (true)
        {
            (int found, bool isDone) = await database.TransactAsync(
                async transaction => await StepAsync(transaction, cancellationToken), cancellationToken);
            before ??= found;
            if (isDone)
            {
                return (before.Value, found);
            }
        }
    }

    /// <summary>Says that a schema cannot be worked with, or nothing.</summary>
    /// <exception cref="CatalogRefusedException">It is newer than this program.</exception>
    public void RefuseNewer(int version)
    {
        if (version > Known)
        {
            throw new CatalogRefusedException(
                $"Catalog: {database.Name}: the schema has version {version} and this program knows {Known}: a newer program has migrated it; start that one");
        }
    }

    /// <summary>Takes one step, if one is missing.</summary>
    private async Task<(int Version, bool IsDone)> StepAsync(DbTransaction transaction, CancellationToken cancellationToken)
    {
        await LockAsync(transaction, cancellationToken);
        int version = await ReadVersionAsync(transaction.Connection!, transaction, cancellationToken); // Not null: it has not ended.
        RefuseNewer(version);
        if (version == Known)
        {
            return (version, true);
        }

        CatalogMigration step = migrations[version];
        if (version == 0)
        {
            await ScriptAsync(
                transaction,
                database.Sql(
                    "CREATE TABLE schema_versions (version INTEGER NOT NULL PRIMARY KEY, applied_at INTEGER NOT NULL, applied_by TEXT NOT NULL) STRICT",
                    "CREATE TABLE schema_versions (version int PRIMARY KEY, applied_at timestamptz NOT NULL, applied_by text NOT NULL)"),
                cancellationToken);
        }

        await ScriptAsync(transaction, database.Sql(step.Sqlite, step.PostgreSql), cancellationToken);
        await transaction.ExecuteAsync(
            $"INSERT INTO schema_versions (version, applied_at, applied_by) VALUES (@Version, {database.Now}, @appliedBy)",
            new { step.Version, appliedBy },
            cancellationToken);
        LogMigrated(database.Name, step.Version);
        return (version, false);
    }

    /// <summary>Waits until no other gateway migrates. SQLite's own transaction is the lock.</summary>
    private async Task LockAsync(DbTransaction transaction, CancellationToken cancellationToken)
    {
        if (database.Provider == CatalogProvider.Sqlite)
        {
            return;
        }

        await ScriptAsync(transaction, $"SELECT pg_advisory_xact_lock({LockKey})", cancellationToken);

        // Not IF NOT EXISTS: that asks for the right to make schemas even where there is nothing to make.
        if (await transaction.QueryFirstOrDefaultAsync<int?>("SELECT 1 FROM pg_namespace WHERE nspname = @Schema", new { PostgreSqlSettings.Schema }, cancellationToken) is null)
        {
            await ScriptAsync(transaction, $"CREATE SCHEMA {PostgreSqlSettings.Schema}", cancellationToken);
        }
    }

    private async Task<int> ReadVersionAsync(DbConnection connection, DbTransaction? transaction, CancellationToken cancellationToken)
    {
        string there = database.Sql(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_versions'",
            $"SELECT count(to_regclass('{PostgreSqlSettings.Schema}.schema_versions'))");
        return await connection.ExecuteScalarAsync<long>(new CommandDefinition(there, null, transaction, cancellationToken: cancellationToken)) == 0
            ? 0
            : await connection.ExecuteScalarAsync<int>(
                new CommandDefinition("SELECT coalesce(max(version), 0) FROM schema_versions", null, transaction, cancellationToken: cancellationToken));
    }

    private static Task<int> ScriptAsync(DbTransaction transaction, string sql, CancellationToken cancellationToken) =>
        transaction.Connection!.ExecuteAsync(new CommandDefinition(sql, null, transaction, TimeoutSeconds, cancellationToken: cancellationToken));

    [LoggerMessage(LogLevel.Information, "The schema of catalog {Database} is now version {Version}")]
    private partial void LogMigrated(string database, int version);
}
