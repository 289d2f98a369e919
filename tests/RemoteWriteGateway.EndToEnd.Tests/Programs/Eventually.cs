using System.Diagnostics;

namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>Waits for what other processes will do, looking again and again until it is so or a generous time is over.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan DefaultLimit = TimeSpan.FromMinutes(2);

    /// <summary>Returns once <paramref name="condition"/> is true.</summary>
    /// <param name="condition">Asked every tenth of a second; what it throws ends the wait.</param>
    /// <param name="explain">Text of the failure, made when it is needed.</param>
    /// <param name="cancellationToken">The test's.</param>
    /// <param name="limit">Two minutes unless said otherwise.</param>
    public static async Task TrueAsync(
        Func<Task<bool>> condition, Func<string> explain, CancellationToken cancellationToken, TimeSpan? limit = null)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(start) > (limit ?? DefaultLimit))
            {
                throw new TimeoutException(explain());
            }

            await Task.Delay(Interval, cancellationToken);
        }
    }
}
