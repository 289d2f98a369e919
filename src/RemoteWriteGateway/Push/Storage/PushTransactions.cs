namespace RemoteWriteGateway.Push.Storage;

/// <summary>What a transaction's work came to.</summary>
/// <param name="Value">For whoever asked.</param>
/// <param name="Commits">False if nothing of it is to remain.</param>
internal readonly record struct Decision<T>(T Value, bool Commits);

/// <summary>How a transaction ended.</summary>
/// <param name="Fate"><see cref="PushFate.Stored"/> if the work was done (whether it committed or not), else <see cref="PushFate.Busy"/> or <see cref="PushFate.Away"/>.</param>
/// <param name="Value">What the work came to, with <see cref="PushFate.Stored"/>.</param>
internal readonly record struct TransactionEnd<T>(PushFate Fate, T? Value);

/// <summary>The work of a transaction; called again, from the beginning, if the database had to give up an attempt.</summary>
internal delegate ValueTask<Decision<T>> TransactionWork<T>(IStatementBatch batch);

/// <summary>The transactions in which groups change. What the database does wrong is a fate and no exception.</summary>
internal abstract class PushTransactions
{
    /// <summary>Whether statements may take arrays and lock rows.</summary>
    public abstract bool IsPostgreSql { get; }

    /// <summary>Runs <paramref name="work"/> and commits as it decides. Returns when the commit is durable.</summary>
    /// <param name="work">Uses the batch only.</param>
    /// <param name="cancellationToken">Until the commit has begun.</param>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is stored.</exception>
    public abstract Task<TransactionEnd<T>> RunAsync<T>(TransactionWork<T> work, CancellationToken cancellationToken);
}
