using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>What became of a reload.</summary>
/// <param name="Version">The version in force afterwards.</param>
/// <param name="Changed">Whether it is another one than before.</param>
/// <param name="Failure">Why the file was not taken, in one line or more, or null.</param>
internal sealed record PolicyReload(string Version, bool Changed, string? Failure)
{
    /// <summary>What is wrong in the file, piece by piece; empty if it was taken, or could not even be read.</summary>
    public ImmutableArray<PolicyFault> Faults { get; init; } = [];
}

/// <summary>A policy, and since when it is in force on this replica.</summary>
internal sealed record PolicyInForce(PolicySnapshot Policy, DateTimeOffset Since);

/// <summary>The policy file cannot be taken: at start there is no older policy to go on with.</summary>
internal sealed class PolicyInvalidException(string message) : InvalidOperationException(message);

/// <summary>
/// Holds the policy in force and keeps up with its file: by content, every <see cref="PolicyOptions.PollInterval"/>, on SIGHUP
/// and on demand. A file that is invalid or cannot be read leaves the policy in force as it is; at start it stops the start.
/// </summary>
internal sealed partial class PolicySource(
    PolicyLoader loader, PolicyMetrics metrics, AuditLog audit, IOptions<PolicyOptions> options, TimeProvider time, ILogger<PolicySource> logger)
    : IHostedLifecycleService, IReadinessCheck, IReplicaFacts, IDisposable
{
    private const int MaxFaultsOnRecord = 20;

    private readonly PolicyOptions _options = options.Value;
    private readonly SemaphoreSlim _one = new(1);
    private readonly CancellationTokenSource _stop = new();
    private PosixSignalRegistration? _hangUp;
    private Task _following = Task.CompletedTask;
    private volatile PolicyInForce? _current;
    private string? _toldFailure;
    private bool _isDisposed;

    /// <summary>Told after another policy came into force, one at a time, in order; not of the first one.</summary>
    public event Action<PolicySnapshot>? Changed;

    /// <summary>The policy in force. Read it once for each request.</summary>
    /// <exception cref="InvalidOperationException">The host has not started: a bug of ours.</exception>
    public PolicySnapshot Current => InForce.Policy;

    /// <summary>The same with the time at which it was taken.</summary>
    /// <exception cref="InvalidOperationException">The host has not started: a bug of ours.</exception>
    public PolicyInForce InForce => _current ?? throw new InvalidOperationException("No policy is loaded yet.");

    public ReplicaFacts AddTo(ReplicaFacts facts) => facts with { PolicyVersion = _current?.Policy.Version };

    public string? NotReadyBecause => _current is null ? "no policy is loaded" : null;

    /// <summary>Loads the policy, before anything else of the host starts, and follows the file from then on.</summary>
    /// <exception cref="PolicyInvalidException">Names everything that is wrong with the file.</exception>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        (PolicySnapshot? policy, string? failure, _) = await ReadAsync(cancellationToken);
        Take(policy ?? throw new PolicyInvalidException($"The policy cannot be loaded:{Environment.NewLine}{failure}"));
        CancellationToken stopping = _stop.Token;
        _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true; // its default would end the process
            _ = ReloadAsync(stopping);
        });
        _following = FollowAsync(new PeriodicTimer(_options.PollInterval, time), stopping);
    }

    /// <summary>Reads the file now. Never throws for what is wrong with it.</summary>
    public async Task<PolicyReload> ReloadAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            (PolicySnapshot? policy, string? failure, ImmutableArray<PolicyFault> faults) = await ReadAsync(cancellationToken);
            if (policy is null)
            {
                TellFailure(failure ?? "");
                return new PolicyReload(Current.Version, false, failure) { Faults = faults };
            }

            _toldFailure = null;
            if (ReferenceEquals(policy, Current))
            {
                metrics.Unchanged();
                return new PolicyReload(policy.Version, false, null);
            }

            Take(policy);
            TellOthers(policy);
            return new PolicyReload(policy.Version, true, null);
        }
        finally
        {
            _one.Release();
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends following the file. The policy stays in force for requests that are not answered yet.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        _hangUp?.Dispose();
        await _following.WaitAsync(cancellationToken);
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        // The container disposes it once for each of its services.
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        _stop.Cancel();
        _hangUp?.Dispose();
        _stop.Dispose();
        _one.Dispose();
    }

    private async Task FollowAsync(PeriodicTimer timer, CancellationToken stopping)
    {
        using (timer)
        {
            try
            {
                while (await timer.WaitForNextTickAsync(stopping))
                {
                    await ReloadAsync(stopping);
                }
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                // The host stops.
            }
        }
    }

    /// <summary>The file's policy, which is the one in force if the file has not changed; or why there is none.</summary>
    private async Task<(PolicySnapshot? Policy, string? Failure, ImmutableArray<PolicyFault> Faults)> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            PolicyDocument document = await PolicyDocument.ReadAsync(_options.Path, cancellationToken);
            if (_current is { Policy: { } current } && document.Sha256.AsSpan().SequenceEqual(current.Document.Sha256.AsSpan()))
            {
                return (current, null, []);
            }

            LoadedPolicy loaded = loader.Load(document);
            return (loaded.Snapshot, string.Join(Environment.NewLine, loaded.Faults.Select(fault => fault.In(document.FileName))), loaded.Faults);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return (null, $"{_options.Path}: cannot be read: {fault.Message}", []);
        }
        catch (Exception fault) when (fault is not OperationCanceledException && _current is not null)
        {
            // A bug in a reader must not take away the policy that works.
            LogBug(fault, _options.Path);
            return (null, $"{_options.Path}: cannot be loaded because of an error of the gateway: {fault.Message}", []);
        }
    }

    private void Take(PolicySnapshot policy)
    {
        DateTimeOffset now = time.GetUtcNow();
        string? before = _current?.Policy.Version;
        _current = new PolicyInForce(policy, now);
        audit.Add(new AuditRecord
        {
            At = now,
            Event = AuditEvents.Policy,
            Outcome = AuditOutcomes.Allow,
            PolicyVersion = policy.Version,
            Detail = JsonSerializer.Serialize(new { before, tenants = policy.Tenants.Length, bindings = policy.Bindings.Length, denials = policy.Denials.Length }),
        });
        metrics.Loaded(policy, now);
        LogLoaded(policy.Version, _options.Path, policy.Tenants.Length, policy.Bindings.Length, policy.Denials.Length);
    }

    private void TellOthers(PolicySnapshot policy)
    {
        foreach (Action<PolicySnapshot> listener in Delegate.EnumerateInvocationList(Changed))
        {
            try
            {
                listener(policy);
            }
#pragma warning disable CA1031 // Whatever a listener does, the policy is in force and the others are to know.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                LogListenerFailed(fault, policy.Version);
            }
        }
    }

    private void TellFailure(string failure)
    {
        metrics.ReloadFailed();
        if (failure != _toldFailure)
        {
            _toldFailure = failure;
            LogReloadFailed(Current.Version, failure);
            audit.Add(new AuditRecord
            {
                At = time.GetUtcNow(),
                Event = AuditEvents.Policy,
                Outcome = AuditOutcomes.Error,
                Reason = "policy-invalid",
                PolicyVersion = Current.Version,
                Detail = JsonSerializer.Serialize(new { faults = failure.Split(Environment.NewLine).Take(MaxFaultsOnRecord), count = failure.Split(Environment.NewLine).Length }),
            });
        }
    }

    [LoggerMessage(LogLevel.Information, "Policy {Version} of {File} is in force: {Tenants} tenants, {Bindings} bindings, {Denials} denials")]
    private partial void LogLoaded(string version, string file, int tenants, int bindings, int denials);

    [LoggerMessage(LogLevel.Error, "The policy file is not taken, version {Version} stays in force:\n{Failure}")]
    private partial void LogReloadFailed(string version, string failure);

    [LoggerMessage(LogLevel.Error, "Loading the policy file {File} failed because of an error of the gateway")]
    private partial void LogBug(Exception fault, string file);

    [LoggerMessage(LogLevel.Error, "A part of the gateway could not take over policy {Version}")]
    private partial void LogListenerFailed(Exception fault, string version);
}
