using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Http;

/// <summary>
/// The orderly stop. After the signal <c>/-/ready</c> turns 503 while requests are still taken for <c>Http:DrainDelay</c>; then the
/// listeners close, and what has begun may end within <c>Http:DrainTimeout</c>.
/// </summary>
internal sealed partial class Drain(IOptions<HttpOptions> options, TimeProvider time, ILogger<Drain> logger) : IHostedLifecycleService, IReadinessCheck
{
    private volatile bool _isDraining;
    private volatile bool _isOver;

    /// <summary>Draining is over: no request is taken any more.</summary>
    public bool IsOver => _isOver;

    public string? NotReadyBecause => _isDraining ? "stopping" : null;

    /// <summary>Runs before any service, the web server included, is stopped.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _isDraining = true;
        LogDraining(options.Value.DrainDelay);
        try
        {
            await Task.Delay(options.Value.DrainDelay, time, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // Told to hurry: the listeners close now.
        }

        _isOver = true;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(LogLevel.Information, "Stopping: not ready any more, requests are still taken for {DrainDelay}")]
    private partial void LogDraining(TimeSpan drainDelay);
}
