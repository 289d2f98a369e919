using System.Data;
using System.Data.Common;
using Npgsql;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>Transactions in PostgreSQL, as many at once as there are connections. Rows are locked, and whoever loses against another tries again.</summary>
internal sealed partial class PostgreSqlPushTransactions(
    CatalogDatabase database, PushStorageMetrics metrics, ILogger<PostgreSqlPushTransactions> logger) : PushTransactions
{
    private const int Attempts = 6;
    private const double FirstDelayMs = 5;

    // Of this transaction only. A push that waits longer is answered 503 and comes again.
    // A transaction whose client has vanished without a word would keep its locks, and those of deletions are the whole replica's.
    private const string TimeLimits =
        """
        SELECT set_config('lock_timeout', '2000', true), set_config('statement_timeout', '5000', true),
            set_config('idle_in_transaction_session_timeout', '10000', true)
        """;

    public override bool IsPostgreSql => true;

    public override async Task<TransactionEnd<T>> RunAsync<T>(TransactionWork<T> work, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return new TransactionEnd<T>(PushFate.Stored, await AttemptAsync(work, cancellationToken));
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                throw;
            }
            catch (PostgresException e) when (IsConflict(e))
            {
                metrics.CountRetry(e.SqlState);
                if (attempt == Attempts)
                {
                    return new TransactionEnd<T>(PushFate.Busy, default);
                }

                await Task.Delay(Delay(attempt), cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled)
            {
                metrics.CountRetry(e.SqlState);
                return new TransactionEnd<T>(PushFate.Busy, default);
            }
            catch (Exception e) when (database.IsAway(e))
            {
                LogAway(database.Describe(e));
                return new TransactionEnd<T>(PushFate.Away, default);
            }
        }
    }

    private static bool IsConflict(PostgresException e) =>
        e.SqlState is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected;

    private async Task<T> AttemptAsync<T>(TransactionWork<T> work, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = (NpgsqlConnection)await database.OpenAsync(cancellationToken);
        // Named, because a server may have another default: each statement is to see what was committed before it.
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        Batch batch = new(connection, transaction);
        Decision<T> decision = await work(batch);
        if (decision.Commits)
        {
            cancellationToken.ThrowIfCancellationRequested();
            // A connection that is lost here leaves the commit's fate unknown: the exception is the same as that of a database that is away.
            await transaction.CommitAsync(CancellationToken.None);
        }
        else
        {
            await transaction.RollbackAsync(CancellationToken.None);
        }

        return decision.Value;
    }

    // Spread, so that two who met do not meet again. No secret depends on it.
#pragma warning disable CA5394
    private static TimeSpan Delay(int attempt) => TimeSpan.FromMilliseconds(FirstDelayMs * (1 << attempt) * (0.5 + Random.Shared.NextDouble()));
#pragma warning restore CA5394

    [LoggerMessage(LogLevel.Warning, "A push group could not be read or changed, the catalog is away: {Fault}")]
    private partial void LogAway(string fault);

    private sealed class Batch(NpgsqlConnection connection, NpgsqlTransaction transaction) : IStatementBatch
    {
        public int Statements { get; private set; }

        public DbTransaction Transaction => transaction;

        public async ValueTask RunAsync(IReadOnlyList<Statement> statements, CancellationToken cancellationToken)
        {
            await using NpgsqlBatch batch = new(connection, transaction);
            bool isFirst = Statements == 0;
            if (isFirst)
            {
                batch.BatchCommands.Add(new NpgsqlBatchCommand(TimeLimits));
            }

            foreach (Statement statement in statements)
            {
                NpgsqlBatchCommand command = new(statement.Sql);
                foreach (object? value in statement.Values)
                {
                    command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
                }

                batch.BatchCommands.Add(command);
            }

            await using (NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken))
            {
                await ReadAsync(reader, isFirst, statements, cancellationToken);
            }

            for (int i = 0; i < statements.Count; i++)
            {
                statements[i].Affected = batch.BatchCommands[i + (isFirst ? 1 : 0)].RecordsAffected;
            }

            Statements += statements.Count;
        }

        /// <summary>The reader has a result for each statement that gives rows, whether it gives any or not.</summary>
        private static async Task ReadAsync(NpgsqlDataReader reader, bool isFirst, IReadOnlyList<Statement> statements, CancellationToken cancellationToken)
        {
            bool hasResult = !isFirst || await reader.NextResultAsync(cancellationToken);
            foreach (Statement statement in statements)
            {
                if (statement.Row is not { } row)
                {
                    continue;
                }

                if (!hasResult)
                {
                    throw new InvalidOperationException("A statement gave no rows: a bug.");
                }

                while (await reader.ReadAsync(cancellationToken))
                {
                    row(reader);
                }

                hasResult = await reader.NextResultAsync(cancellationToken);
            }
        }
    }
}
