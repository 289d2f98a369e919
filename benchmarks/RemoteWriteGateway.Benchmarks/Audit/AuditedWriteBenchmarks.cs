using System.Net;
using BenchmarkDotNet.Attributes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.ObjectPool;
using Microsoft.Extensions.Options;
using Prometheus;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Benchmarks.Audit;

/// <summary>
/// What does being on record cost a request? Baseline is the same pipeline without a scope, as it is where nothing is audited. Times are per request;
/// a write of 2,000 samples takes some hundred microseconds.
/// </summary>
[MemoryDiagnoser]
public class AuditedWriteBenchmarks
{
    private readonly AuditLog _log = new(Options.Create(new AuditOptions()), TimeProvider.System);
    private readonly AuditChain _chain = new("gw-0/benchmark");
    private readonly DefaultHttpContext _http = new();
    private AuditCaller _caller = null!; // Set before the first measurement, as the rest.
    private AuditMiddleware _audited = null!;
    private RequestDelegate _write = null!;
    private AuditRecord _record = null!;

    [GlobalSetup]
    public void Setup()
    {
        _http.Connection.RemoteIpAddress = IPAddress.Parse("10.1.2.3");
        _caller = new AuditCaller
        {
            Directory = Guid.NewGuid(), ObjectId = Guid.NewGuid(), Client = Guid.NewGuid(), Kind = "app", ClientAuth = "assertion", KeyId = "key-1", TokenVersion = "2.0",
            IssuedAt = DateTimeOffset.UnixEpoch, ExpiresAt = DateTimeOffset.UnixEpoch, Roles = ["Metrics.Write"], TokenHash = [.. new byte[16]],
        };
        _write = http =>
        {
            if (AuditScope.Of(http) is { } scope)
            {
                scope.Caller = _caller;
                scope.PolicyVersion = "5d41402abc4b2a76";
                scope.Permission = "metrics:write";
                scope.Bindings = Bindings;
                scope.Tenant = "payments";
                scope.Begin();
                scope.AddWritten(2000, 2000, 50_000);
            }

            return Task.CompletedTask;
        };
        DefaultObjectPool<AuditScope> scopes = new(new AuditScopePolicy(_log, TimeProvider.System), 64);
        using ILoggerFactory silent = new LoggerFactory();
        RefusalWriter refusals = new(Metrics.WithCustomRegistry(Metrics.NewCustomRegistry()), [], silent.CreateLogger<RefusalWriter>());
        _audited = new AuditMiddleware(_write, scopes, refusals);
        _record = new AuditRecord
        {
            At = DateTimeOffset.UtcNow, Event = AuditEvents.Query, Outcome = AuditOutcomes.Allow, HttpStatus = 200, Caller = _caller, Bindings = Bindings,
            PolicyVersion = "5d41402abc4b2a76", Permission = "metrics:read", Tenant = "payments", RemoteIp = "10.1.2.3", UserAgent = "Grafana/12.0",
            RequestId = Guid.CreateVersion7().ToString(), Method = "POST", Route = "/api/v1/query_range", QueryText = new string('q', 200),
        };
    }

    [Benchmark(Baseline = true)]
    public Task WriteThatIsNotAudited() => _write(_http);

    /// <summary>Budget: 3 % of a write's CPU, and nothing allocated for its fold.</summary>
    [Benchmark]
    public Task WriteThatIsCountedInItsFold() => _audited.InvokeAsync(_http);

    /// <summary>What the writer does for a record of its own, beside storing it.</summary>
    [Benchmark]
    public object RecordThatIsHashed() => _chain.Append(_record);

    private static System.Collections.Immutable.ImmutableArray<string> Bindings { get; } = ["prom-payments"];
}
