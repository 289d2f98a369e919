using System.Globalization;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>Waits for a process that acknowledges before it has done the work, so that all of the work is counted.</summary>
internal static class Settling
{
    private const double IdleCpuSeconds = 0.02;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>Returns when vmagent says that nothing is pending and the process has then been idle for a while.</summary>
    /// <param name="processId">The process.</param>
    /// <param name="metrics">Its metrics page, or null if it has no queue of its own.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">It is still busy after two minutes.</exception>
    public static async Task WaitAsync(int processId, Uri? metrics, CancellationToken cancellationToken)
    {
        using HttpClient client = new();
        DateTime end = DateTime.UtcNow + Limit;
        while (DateTime.UtcNow < end)
        {
            double before = ProcessUsage.Read(processId).CpuSeconds;
            await Task.Delay(Window, cancellationToken);
            bool isIdle = ProcessUsage.Read(processId).CpuSeconds - before <= IdleCpuSeconds;
            if (isIdle && (metrics is null || Pending(await client.GetStringAsync(metrics, cancellationToken)) == 0))
            {
                return;
            }
        }

        throw new TimeoutException($"process {processId} is still busy after {Limit.TotalMinutes} minutes");
    }

    private static double Pending(string page) => page
        .Split('\n')
        .Where(line => line.StartsWith("vmagent_remotewrite_pending_", StringComparison.Ordinal))
        .Sum(line => double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));
}
