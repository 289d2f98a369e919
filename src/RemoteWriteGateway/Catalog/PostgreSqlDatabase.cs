using System.Data.Common;
using System.Globalization;
using System.Net.Sockets;
using Azure;
using Azure.Core;
using Azure.Identity;
using Npgsql;

namespace RemoteWriteGateway.Catalog;

/// <summary>The catalog in PostgreSQL, in the schema <c>rwgateway</c>, shared by any number of gateways.</summary>
internal sealed class PostgreSqlDatabase : CatalogDatabase
{
    private const string EntraScope = "https://ossrdbms-aad.database.windows.net/.default";
    private static readonly TimeSpan TokenInterval = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan TokenRetry = TimeSpan.FromSeconds(10);

    private readonly NpgsqlDataSource _source;
    private readonly string _server;

    /// <param name="options">Validated.</param>
    /// <param name="credential">Gives the gateway's own identity; asked only with <see cref="CatalogOptions.EntraAuthentication"/>.</param>
    public PostgreSqlDatabase(CatalogOptions options, Func<TokenCredential> credential)
    {
        NpgsqlConnectionStringBuilder connection = PostgreSqlSettings.BuilderOf(options);
        _server = $"{connection.Host}:{connection.Port}";
        Name = $"{connection.Database ?? connection.Username} on {_server}";

        // Without the host's loggers: what the driver says would be told twice, and in its own words.
        NpgsqlDataSourceBuilder builder = new(connection.ToString());
        if (options.EntraAuthentication)
        {
            TokenCredential identity = credential();
            builder.UsePeriodicPasswordProvider((_, cancellationToken) => TokenAsync(identity, cancellationToken), TokenInterval, TokenRetry);
        }
        else if (options.PasswordFile is { } file)
        {
            // For every new connection, so that a changed password is used from the next one on.
            builder.UsePasswordProvider(_ => PasswordIn(file), (_, _) => ValueTask.FromResult(PasswordIn(file)));
        }

        _source = builder.Build();
    }

    public override CatalogProvider Provider => CatalogProvider.PostgreSql;

    public override string Name { get; }

    public override string Now => "statement_timestamp()";

    public override string Ago(TimeSpan age) =>
        string.Create(CultureInfo.InvariantCulture, $"({Now} - interval '{age.Ticks / TimeSpan.TicksPerMicrosecond} microseconds')");

    public override async Task<DbConnection> OpenAsync(CancellationToken cancellationToken) => await _source.OpenConnectionAsync(cancellationToken);

    public override async Task<T> TransactAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await _source.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        T result = await work(transaction);
        cancellationToken.ThrowIfCancellationRequested();
        await transaction.CommitAsync(CancellationToken.None);
        return result;
    }

    public override Task PrepareAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override bool IsAway(Exception exception) => exception switch
    {
        PostgresException e => IsAway(e.SqlState),
        NpgsqlOperationInProgressException => false, // two statements at once on one connection: a bug of ours
        NpgsqlException or TimeoutException or SocketException or IOException => true,
        AuthenticationFailedException or RequestFailedException => true, // no token
        _ => false,
    };

    public override bool IsDuplicate(Exception exception) => exception is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation };

    public override string? OperatorsFault(Exception exception) => exception switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } e =>
            $"Catalog: {_server} refuses the login: {e.MessageText}",
        PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } e =>
            $"Catalog:ConnectionString: {_server}: {e.MessageText}; create it, owned by the gateway's role",
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } e =>
            $"Catalog: {Name}: {e.MessageText}; the gateway's role must own the schema {PostgreSqlSettings.Schema}, or be allowed to create it",
        { InnerException: { } inner } => OperatorsFault(inner),
        _ => null,
    };

    public override string Describe(Exception exception) => exception switch
    {
        PostgresException e => $"{_server}: {e.MessageText} ({e.SqlState})",
        NpgsqlException { InnerException: { } inner } e => $"{e.Message}: {inner.Message}",
        _ => exception.Message,
    };

    public override ValueTask DisposeAsync() => _source.DisposeAsync();

    /// <summary>Classes of SQLSTATE: connection, login, resources, operator, and a server that only reads or has no such database.</summary>
    private static bool IsAway(string sqlState) => sqlState[..2] is "08" or "28" or "53" or "57" or "58" or "3D"
        || sqlState == PostgresErrorCodes.ReadOnlySqlTransaction;

    // A file without a password is an operator's to mend, like a password that the server refuses: the catalog is away until then. Said here,
    // because what a column holds may be invalid data too, and that is no outage.
    private static string PasswordIn(string file)
    {
        try
        {
            return PasswordFile.Read(file);
        }
        catch (Exception e) when (e is InvalidDataException or UnauthorizedAccessException)
        {
            throw new NpgsqlException($"Catalog:PasswordFile: {e.Message}", e);
        }
    }

    private static async ValueTask<string> TokenAsync(TokenCredential identity, CancellationToken cancellationToken)
    {
        AccessToken token = await identity.GetTokenAsync(new TokenRequestContext([EntraScope]), cancellationToken);
        return token.Token;
    }
}
