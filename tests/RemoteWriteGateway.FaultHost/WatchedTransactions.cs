using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.FaultHost;

/// <summary>The steps of a push between which a process may die.</summary>
internal enum PushPoint
{
    /// <summary>All statements of the push are done, and nothing is committed.</summary>
    Committing,

    /// <summary>The push is committed, and nobody was told: neither the pusher nor the emitter.</summary>
    Committed,
}

/// <summary>Reaches the points of pushes; deletions and sweeps pass.</summary>
internal sealed class WatchedTransactions(PushTransactions inner, Fault fault) : PushTransactions, IAsyncDisposable
{
    public override bool IsPostgreSql => inner.IsPostgreSql;

    public override async Task<TransactionEnd<T>> RunAsync<T>(TransactionWork<T> work, CancellationToken cancellationToken)
    {
        if (typeof(T) != typeof(PushResult))
        {
            return await inner.RunAsync(work, cancellationToken);
        }

        bool commits = false;
        TransactionEnd<T> end = await inner.RunAsync(
            async batch =>
            {
                Decision<T> decision = await work(batch);
                commits = decision.Commits;
                if (commits)
                {
                    fault.Reach(PushPoint.Committing);
                }

                return decision;
            },
            cancellationToken);
        if (commits && end.Fate == PushFate.Stored)
        {
            fault.Reach(PushPoint.Committed);
        }

        return end;
    }

    public async ValueTask DisposeAsync()
    {
        if (inner is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
    }
}
