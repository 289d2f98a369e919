using System.Data.Common;
using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>
/// Transactions in SQLite. One task takes what waits, up to <see cref="MaxBatch"/>, each in a savepoint of its own, commits once, and then
/// answers all: one write to the disk is shared by everybody who waits for it.
/// </summary>
internal sealed partial class SqlitePushTransactions : PushTransactions, IAsyncDisposable
{
    /// <summary>Most works in one commit.</summary>
    public const int MaxBatch = 64;

    /// <summary>Most that wait; beyond it the answer is <see cref="PushFate.Busy"/>.</summary>
    public const int MaxWaiting = 1000;

    private readonly CatalogDatabase _database;
    private readonly PushStorageMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<SqlitePushTransactions> _logger;
    private readonly Channel<Work> _waiting = Channel.CreateUnbounded<Work>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _running;
    private int _count;

    public SqlitePushTransactions(CatalogDatabase database, PushStorageMetrics metrics, TimeProvider time, ILogger<SqlitePushTransactions> logger)
    {
        _database = database;
        _metrics = metrics;
        _time = time;
        _logger = logger;
        _running = Task.Run(WriteAsync);
    }

    public override bool IsPostgreSql => false;

    public override async Task<TransactionEnd<T>> RunAsync<T>(TransactionWork<T> work, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _count) > MaxWaiting)
        {
            Interlocked.Decrement(ref _count);
            return new TransactionEnd<T>(PushFate.Busy, default);
        }

        try
        {
            _metrics.SetWaiting(Volatile.Read(ref _count));
            Work<T> one = new(work, cancellationToken);
            return _waiting.Writer.TryWrite(one) ? await one.Ended : new TransactionEnd<T>(PushFate.Away, default);
        }
        finally
        {
            _metrics.SetWaiting(Interlocked.Decrement(ref _count));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _running;
    }

    private async Task WriteAsync()
    {
        List<Work> taken = new(MaxBatch);
        while (await _waiting.Reader.WaitToReadAsync())
        {
            taken.Clear();
            while (taken.Count < MaxBatch && _waiting.Reader.TryRead(out Work? one))
            {
                taken.Add(one);
            }

            await CommitAsync(taken);
        }
    }

    private async Task CommitAsync(List<Work> works)
    {
        try
        {
            await _database.TransactAsync(transaction => RunAsync(works, (SqliteTransaction)transaction), CancellationToken.None);
            _metrics.ObserveBatch(works.Count);
            works.ForEach(static work => work.Committed());
        }
#pragma warning disable CA1031 // Whoever waits must be answered, whatever it was: one that is no trouble of the database's goes on to them.
        catch (Exception e)
#pragma warning restore CA1031
        {
            bool isAway = _database.IsAway(e);
            if (isAway)
            {
                LogAway(_database.Describe(e));
            }

            works.ForEach(work => work.Failed(isAway ? null : e));
        }
    }

    private async Task RunAsync(List<Work> works, SqliteTransaction transaction)
    {
        await using Batch batch = new(transaction, _time);
        foreach (Work work in works)
        {
            if (work.IsGivenUp)
            {
                continue;
            }

            await batch.RunAsync("SAVEPOINT push");
            bool commits;
            try
            {
                commits = await work.RunAsync(batch);
            }
#pragma warning disable CA1031 // One that fails by itself must not take the others with it. Trouble of the database's is everybody's.
            catch (Exception e) when (!_database.IsAway(e))
#pragma warning restore CA1031
            {
                work.Failed(e);
                commits = false;
            }

            if (!commits)
            {
                await batch.RunAsync("ROLLBACK TO push");
            }

            await batch.RunAsync("RELEASE push");
        }
    }

    [LoggerMessage(LogLevel.Warning, "Push groups could not be read or changed, the catalog is away: {Fault}")]
    private partial void LogAway(string fault);

    /// <summary>One that waits, whatever it comes to.</summary>
    private abstract class Work(CancellationToken cancellationToken)
    {
        /// <summary>Whether whoever waited has gone; then it is not begun.</summary>
        public bool IsGivenUp => cancellationToken.IsCancellationRequested;

        protected CancellationToken Cancellation => cancellationToken;

        /// <returns>Whether it is to be committed.</returns>
        public abstract ValueTask<bool> RunAsync(IStatementBatch batch);

        public abstract void Committed();

        /// <param name="fault">Null if the database is away.</param>
        public abstract void Failed(Exception? fault);
    }

    private sealed class Work<T>(TransactionWork<T> work, CancellationToken cancellationToken) : Work(cancellationToken)
    {
        private readonly TaskCompletionSource<TransactionEnd<T>> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TransactionEnd<T>? _result;

        public Task<TransactionEnd<T>> Ended => _end.Task;

        public override async ValueTask<bool> RunAsync(IStatementBatch batch)
        {
            Decision<T> decision = await work(batch);
            _result = new TransactionEnd<T>(PushFate.Stored, decision.Value);
            return decision.Commits;
        }

        public override void Committed()
        {
            if (_result is { } result)
            {
                _end.TrySetResult(result);
            }
            else
            {
                _end.TrySetCanceled(Cancellation);
            }
        }

        public override void Failed(Exception? fault)
        {
            if (fault is null)
            {
                _end.TrySetResult(new TransactionEnd<T>(PushFate.Away, default));
            }
            else
            {
                _end.TrySetException(fault);
            }
        }
    }

    /// <summary>Commands are prepared once for all works of a commit.</summary>
    private sealed class Batch(SqliteTransaction transaction, TimeProvider time) : IStatementBatch, IAsyncDisposable
    {
        private readonly Dictionary<string, SqliteCommand> _commands = new(StringComparer.Ordinal);

        public int Statements { get; private set; }

        public DbTransaction Transaction => transaction;

        // No round trips here, and nothing that waits: the driver is synchronous.
        public ValueTask RunAsync(IReadOnlyList<Statement> statements, CancellationToken cancellationToken)
        {
            foreach (Statement statement in statements)
            {
                Run(statement);
            }

            Statements += statements.Count;
            return ValueTask.CompletedTask;
        }

        public ValueTask RunAsync(string sql)
        {
            Command(sql).ExecuteNonQuery();
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            foreach (SqliteCommand command in _commands.Values)
            {
                command.Dispose();
            }

            return ValueTask.CompletedTask;
        }

        private void Run(Statement statement)
        {
            SqliteCommand command = Command(statement.Sql);
            command.Parameters.Clear();
            for (int i = 0; i < statement.Values.Count; i++)
            {
                command.Parameters.AddWithValue(FormattableString.Invariant($"${i + 1}"), statement.Values[i] ?? DBNull.Value);
            }

            if (statement.Sql.Contains("@now", StringComparison.Ordinal))
            {
                command.Parameters.AddWithValue("@now", time.GetUtcNow().ToUnixTimeMilliseconds());
            }

            if (statement.Row is not { } row)
            {
                statement.Affected = command.ExecuteNonQuery();
                return;
            }

            using SqliteDataReader reader = command.ExecuteReader();
            while (reader.Read())
            {
                row(reader);
            }

            statement.Affected = reader.RecordsAffected;
        }

#pragma warning disable CA2100 // Texts of GroupSql, all of them constants.
        private SqliteCommand Command(string sql)
        {
            if (!_commands.TryGetValue(sql, out SqliteCommand? command))
            {
                command = new SqliteCommand(sql, transaction.Connection, transaction);
                _commands.Add(sql, command);
            }

            return command;
        }
#pragma warning restore CA2100
    }
}
