using System.Data.Common;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>One statement of a batch. Parameters are <c>$1</c>, <c>$2</c> and so on, and <c>@now</c> is the database's clock in milliseconds.</summary>
internal sealed class Statement(string sql, params object?[] values)
{
    public string Sql { get; } = sql;

    public IReadOnlyList<object?> Values { get; } = values;

    /// <summary>Called for each row of the result, with the reader on that row.</summary>
    public Action<DbDataReader>? Row { get; init; }

    /// <summary>Rows that were inserted, changed or deleted; set when the batch has run.</summary>
    public int Affected { get; set; }
}

/// <summary>Runs statements in a transaction, in their order.</summary>
internal interface IStatementBatch
{
    /// <summary>Statements run so far in this transaction.</summary>
    int Statements { get; }

    /// <summary>The transaction, for what another feature writes in it. No statement of the batch is under way between two calls.</summary>
    DbTransaction Transaction { get; }

    /// <summary>Runs all of them: in one round trip where there are round trips.</summary>
    ValueTask RunAsync(IReadOnlyList<Statement> statements, CancellationToken cancellationToken);
}
