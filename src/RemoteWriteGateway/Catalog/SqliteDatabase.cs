using System.Data.Common;
using System.Globalization;
using Dapper;
using Microsoft.Data.Sqlite;

namespace RemoteWriteGateway.Catalog;

/// <summary>
/// The catalog as a file of one gateway: write-ahead log, every commit on disk before it returns. Writers take turns in this process;
/// the file's lock keeps a second gateway away, and commands beside a running gateway wait for it up to five seconds.
/// </summary>
internal sealed class SqliteDatabase : CatalogDatabase
{
    // Settings of a connection, not of the file. Recursive triggers, so that REPLACE cannot go round those that keep records.
    private const string ConnectionSettings =
        "PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON;";

    private readonly string _file;
    private readonly string _connectionString;
    private readonly bool _isExclusive;
    private readonly SemaphoreSlim _writer = new(1);
    private FileStream? _lock;

    /// <param name="options">Validated.</param>
    /// <param name="isExclusive">Whether this is a gateway, of which a file has one. False for commands that may run beside it.</param>
    public SqliteDatabase(CatalogOptions options, bool isExclusive)
    {
        _file = SqliteSettings.FileOf(options);
        _connectionString = SqliteSettings.ConnectionStringOf(options);
        _isExclusive = isExclusive;
    }

    public override CatalogProvider Provider => CatalogProvider.Sqlite;

    public override string Name => _file;

    public override string Now => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

    public override string Ago(TimeSpan age) => string.Create(CultureInfo.InvariantCulture, $"({Now} - {age.Ticks / TimeSpan.TicksPerMicrosecond})");

    public override async Task<DbConnection> OpenAsync(CancellationToken cancellationToken)
    {
        SqliteConnection connection = new(_connectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            await connection.ExecuteAsync(ConnectionSettings);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public override async Task<T> TransactAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        await _writer.WaitAsync(cancellationToken);
        try
        {
            await using SqliteConnection connection = (SqliteConnection)await OpenAsync(cancellationToken);

            // Immediate: a transaction that only later turned out to write could not wait for its turn any more.
            await using SqliteTransaction transaction = connection.BeginTransaction(deferred: false);
            T result = await work(transaction);
            cancellationToken.ThrowIfCancellationRequested();
            await transaction.CommitAsync(CancellationToken.None);
            return result;
        }
        finally
        {
            _writer.Release();
        }
    }

    public override async Task PrepareAsync(CancellationToken cancellationToken)
    {
        if (_isExclusive)
        {
            MakeFolder();
            TakeLock();
        }
        else if (!File.Exists(_file))
        {
            throw new CatalogRefusedException($"Catalog:ConnectionString: there is no file {_file}; a gateway makes it at start, or rwgateway catalog migrate");
        }

        try
        {
            await using DbConnection connection = await OpenAsync(cancellationToken);
            string? mode = await connection.ExecuteScalarAsync<string>("PRAGMA journal_mode = WAL");
            if (mode != "wal")
            {
                throw new CatalogRefusedException(
                    $"Catalog:ConnectionString: {_file}: the file system does not take a write-ahead log (it stays in mode {mode}); SQLite needs a local disk");
            }
        }
        catch (SqliteException e) when (OperatorsFault(e) is { } fault)
        {
            throw new CatalogRefusedException(fault, e);
        }
    }

    public override bool IsAway(Exception exception) => exception is SqliteException
    {
        SqliteErrorCode: SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED or SQLitePCL.raw.SQLITE_NOMEM or SQLitePCL.raw.SQLITE_READONLY
            or SQLitePCL.raw.SQLITE_IOERR or SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_FULL or SQLitePCL.raw.SQLITE_CANTOPEN
            or SQLitePCL.raw.SQLITE_PERM or SQLitePCL.raw.SQLITE_NOTADB or SQLitePCL.raw.SQLITE_PROTOCOL,
    };

    public override bool IsDuplicate(Exception exception) => exception is SqliteException
    {
        SqliteExtendedErrorCode: SQLitePCL.raw.SQLITE_CONSTRAINT_PRIMARYKEY or SQLitePCL.raw.SQLITE_CONSTRAINT_UNIQUE,
    };

    public override string? OperatorsFault(Exception exception) => exception switch
    {
        SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_NOTADB or SQLitePCL.raw.SQLITE_CORRUPT } =>
            $"Catalog:ConnectionString: {_file} is damaged or no SQLite database; put back a copy, or move it away to begin with an empty catalog",
        SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_CANTOPEN or SQLitePCL.raw.SQLITE_READONLY or SQLitePCL.raw.SQLITE_PERM } =>
            $"Catalog:ConnectionString: {_file} cannot be opened for writing; the gateway needs to write the file and its folder",
        SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_FULL } =>
            $"Catalog:ConnectionString: {_file}: the disk is full",
        SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_IOERR } e =>
            $"Catalog:ConnectionString: {_file}: the disk fails: {e.Message}",
        _ => null,
    };

    public override string Describe(Exception exception) => OperatorsFault(exception) ?? exception.Message;

    public override ValueTask DisposeAsync()
    {
        using (SqliteConnection connection = new(_connectionString))
        {
            SqliteConnection.ClearPool(connection);
        }

        _lock?.Dispose();
        _lock = null;
        _writer.Dispose();
        return ValueTask.CompletedTask;
    }

    private void MakeFolder()
    {
        string folder = Path.GetDirectoryName(_file)!; // Not null: a full path of a file.
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CatalogRefusedException($"Catalog:ConnectionString: the folder {folder} of the catalog cannot be made: {e.Message}", e);
        }
    }

    private void TakeLock()
    {
        if (_lock is not null)
        {
            return;
        }

        string path = _file + ".lock";
        try
        {
            _lock = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CatalogRefusedException($"Catalog:ConnectionString: {path} cannot be written: {e.Message}", e);
        }
        catch (IOException e)
        {
            throw new CatalogRefusedException(
                $"Catalog:ConnectionString: {_file} is in use by another gateway, or its lock cannot be taken ({e.Message}); a file is for one gateway, several share a PostgreSQL", e);
        }
    }
}
