using Npgsql;

namespace RemoteWriteGateway.Catalog;

/// <summary>
/// Listens for PostgreSQL's notifications of changes, over a connection of its own, and connects again when it is gone. A hint and
/// nothing more: what is missed here is found by the next question, so an outage is not told a second time.
/// </summary>
internal sealed partial class CatalogListener(PostgreSqlDatabase database, Func<CancellationToken, Task> hint, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(30);

    /// <summary>Runs until it is told to stop.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        TimeSpan pause = FirstPause;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await using NpgsqlConnection connection = (NpgsqlConnection)await database.OpenAsync(stopping);
                bool isTold = false;
                connection.Notification += (_, _) => isTold = true;
                await using (NpgsqlCommand listen = new($"LISTEN {CatalogChanges.Channel}", connection))
                {
                    await listen.ExecuteNonQueryAsync(stopping);
                }

                pause = FirstPause;
                while (true)
                {
                    await connection.WaitAsync(stopping);
                    if (isTold)
                    {
                        // Those that come while it asks are one more question.
                        isTold = false;
                        await hint(stopping);
                    }
                }
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // It must not end while the gateway runs, and nothing depends on it.
            catch (Exception e) when (!stopping.IsCancellationRequested)
#pragma warning restore CA1031
            {
                LogLost(e.Message, pause);
                await Task.Delay(pause, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, MaxPause.Ticks));
            }
        }
    }

    [LoggerMessage(LogLevel.Debug, "No notifications of the catalog for now, listening again in {Pause}: {Reason}")]
    private partial void LogLost(string reason, TimeSpan pause);
}
