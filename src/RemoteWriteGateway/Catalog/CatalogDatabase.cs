using System.Data.Common;
using Dapper;

namespace RemoteWriteGateway.Catalog;

/// <summary>
/// The catalog's database: connections, transactions, and what the dialects do not agree on. Whoever owns a table has its queries,
/// in SQL that both take or in two variants side by side (<see cref="Sql"/>); values convert by <see cref="ColumnTypes"/>.
/// </summary>
/// <remarks>
/// It fails as its driver does, with exceptions; <see cref="IsAway"/> tells the world's failures, which end by themselves or by
/// an operator's hand, from bugs. Nothing here waits for a database that is away longer than the connection's own time limits.
/// </remarks>
internal abstract class CatalogDatabase : IAsyncDisposable
{
    static CatalogDatabase() => ColumnTypes.Ensure();

    public abstract CatalogProvider Provider { get; }

    /// <summary>What messages call it: the file, or the server's address and the database's name.</summary>
    public abstract string Name { get; }

    /// <summary>The current time of the database as an SQL expression of the type that times have in columns.</summary>
    public abstract string Now { get; }

    /// <summary>The database's time of so long ago, as an SQL expression like <see cref="Now"/>.</summary>
    public abstract string Ago(TimeSpan age);

    /// <summary>The variant for this database.</summary>
    public string Sql(string sqlite, string postgreSql) => Provider == CatalogProvider.Sqlite ? sqlite : postgreSql;

    /// <summary>
    /// An open connection from the pool; disposing it gives it back. Statements outside a transaction commit by themselves.
    /// What changes something goes through <see cref="TransactAsync{T}"/> or <see cref="ExecuteAsync"/>, which know who may write when.
    /// </summary>
    public abstract Task<DbConnection> OpenAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Runs <paramref name="work"/> in a transaction that may write, and commits. If it throws, or is cancelled, nothing of it remains;
    /// if the commit itself throws, its fate is unknown. Isolation is read committed in PostgreSQL and serializable in SQLite.
    /// </summary>
    /// <param name="work">Uses the transaction's connection, one statement at a time. Not retried.</param>
    /// <param name="cancellationToken">Until the commit has begun.</param>
    public abstract Task<T> TransactAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellationToken);

    /// <inheritdoc cref="TransactAsync{T}"/>
    public Task TransactAsync(Func<DbTransaction, Task> work, CancellationToken cancellationToken) => TransactAsync(
        async transaction =>
        {
            await work(transaction);
            return 0;
        },
        cancellationToken);

    /// <summary>All rows of a query.</summary>
    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters, CancellationToken cancellationToken)
    {
        await using DbConnection connection = await OpenAsync(cancellationToken);
        return (await connection.QueryAsync<T>(new CommandDefinition(sql, parameters, cancellationToken: cancellationToken))).AsList();
    }

    /// <summary>The first row of a query, or the default of <typeparamref name="T"/>.</summary>
    public async Task<T?> QueryFirstOrDefaultAsync<T>(string sql, object? parameters, CancellationToken cancellationToken)
    {
        await using DbConnection connection = await OpenAsync(cancellationToken);
        return await connection.QueryFirstOrDefaultAsync<T>(new CommandDefinition(sql, parameters, cancellationToken: cancellationToken));
    }

    /// <summary>Runs one statement in a transaction of its own.</summary>
    /// <returns>How many rows it changed.</returns>
    public Task<int> ExecuteAsync(string sql, object? parameters, CancellationToken cancellationToken) =>
        TransactAsync(transaction => transaction.ExecuteAsync(sql, parameters, cancellationToken), cancellationToken);

    /// <summary>
    /// Makes the database ready for its first use by this process: a file with its folder and lock; a server has nothing to do.
    /// </summary>
    /// <exception cref="CatalogRefusedException">It cannot be used, and will not be until an operator acts.</exception>
    public abstract Task PrepareAsync(CancellationToken cancellationToken);

    /// <summary>Whether this exception means that the database is not to be had just now, and not that we asked for something wrong.</summary>
    public abstract bool IsAway(Exception exception);

    /// <summary>Whether the database refused a row because of one that is there already.</summary>
    public abstract bool IsDuplicate(Exception exception);

    /// <summary>
    /// What an operator has to mend (a wrong password, a missing database, a damaged file), as one sentence, or null if waiting may help.
    /// </summary>
    public abstract string? OperatorsFault(Exception exception);

    /// <summary>The exception in one line, without anything secret.</summary>
    public abstract string Describe(Exception exception);

    public abstract ValueTask DisposeAsync();
}

/// <summary>The catalog cannot be used until an operator acts: its message is for them and says what to do.</summary>
internal sealed class CatalogRefusedException(string message, Exception? cause = null) : InvalidOperationException(message, cause);

/// <summary>Dapper's calls on a transaction, so that none is made outside of it.</summary>
internal static class TransactionQueries
{
    /// <returns>How many rows were changed.</returns>
    public static Task<int> ExecuteAsync(this DbTransaction transaction, string sql, object? parameters, CancellationToken cancellationToken) =>
        ConnectionOf(transaction).ExecuteAsync(new CommandDefinition(sql, parameters, transaction, cancellationToken: cancellationToken));

    /// <summary>All rows.</summary>
    public static async Task<IReadOnlyList<T>> QueryAsync<T>(this DbTransaction transaction, string sql, object? parameters, CancellationToken cancellationToken) =>
        (await ConnectionOf(transaction).QueryAsync<T>(new CommandDefinition(sql, parameters, transaction, cancellationToken: cancellationToken))).AsList();

    /// <summary>The first row, or the default of <typeparamref name="T"/>.</summary>
    public static Task<T?> QueryFirstOrDefaultAsync<T>(this DbTransaction transaction, string sql, object? parameters, CancellationToken cancellationToken) =>
        ConnectionOf(transaction).QueryFirstOrDefaultAsync<T>(new CommandDefinition(sql, parameters, transaction, cancellationToken: cancellationToken));

    private static DbConnection ConnectionOf(DbTransaction transaction) =>
        transaction.Connection ?? throw new InvalidOperationException("The transaction has ended.");
}
