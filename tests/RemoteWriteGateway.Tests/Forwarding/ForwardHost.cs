using System.Text;
using Azure.Core;
using Google.Protobuf;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Prometheus;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>Forwarding as the service composes it, with configuration, clock, metrics and logs of the test, and without a web server.</summary>
internal sealed class ForwardHost : IAsyncDisposable
{
    /// <summary>More than any test needs.</summary>
    public static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(25);

    private readonly ServiceProvider _services;

    private ForwardHost(IEnumerable<(string Key, string? Value)> configuration, TokenCredential? credential, string environment)
    {
        ServiceCollection services = new();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection(configuration.Select(entry => KeyValuePair.Create(entry.Key, entry.Value)))
            .Build());
        services.AddSingleton<IHostEnvironment>(new NamedEnvironment(environment));
        services.AddSingleton<TimeProvider>(Time);
        services.AddSingleton<IMetricFactory>(Metrics.WithCustomRegistry(Registry));
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(Logs));
        services.AddForwarding();
        if (credential is not null)
        {
            services.AddSingleton(credential);
        }

        _services = services.BuildServiceProvider();
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));

    public CollectorRegistry Registry { get; } = Metrics.NewCustomRegistry();

    public RecordedLogs Logs { get; } = new();

    public Forwarder Forwarder => _services.GetRequiredService<Forwarder>();

    public StoreDirectory Stores => _services.GetRequiredService<StoreDirectory>();

    /// <summary>The store called <c>main</c>.</summary>
    public Store Main => Stores.Find("main") ?? throw new InvalidOperationException("The test configured no store main.");

    /// <summary>What stops the start, all of it.</summary>
    public static IReadOnlyList<string> StartFaults(string environment, params (string Key, string? Value)[] configuration)
    {
        using ServiceProvider services = new ForwardHost(configuration, null, environment)._services;
        try
        {
            services.GetRequiredService<IStartupValidator>().Validate();
            return [];
        }
        catch (OptionsValidationException e)
        {
            return [.. e.Failures];
        }
        catch (InvalidOperationException e)
        {
            return [e.Message];
        }
    }

    public static ForwardHost With(params (string Key, string? Value)[] configuration) => new(configuration, null, Environments.Production);

    /// <summary>A host with the keys of section <c>Stores:main</c>.</summary>
    public static ForwardHost WithMain(params (string Key, string? Value)[] options) => WithMain(null, options);

    public static ForwardHost WithMain(TokenCredential? credential, params (string Key, string? Value)[] options) =>
        new(options.Select(option => ("Stores:main:" + option.Key, option.Value)), credential, Environments.Production);

    /// <summary>A host with one store <c>main</c> that is a Prometheus at this address.</summary>
    public static ForwardHost Before(RecordingStore store, params (string Key, string? Value)[] options) =>
        WithMain([("Kind", "Prometheus"), ("Url", store.Url.ToString()), .. options]);

    /// <summary>Sends to store <c>main</c> for a tenant whose store id is its name.</summary>
    public Task<StoreVerdict> SendAsync(V1.WriteRequest message, string tenant = "acme") => SendAsync(WriteProtocol.V1, Work(message), tenant);

    /// <inheritdoc cref="SendAsync(V1.WriteRequest, string)"/>
    public Task<StoreVerdict> SendAsync(V2.Request message, string tenant = "acme") => SendAsync(WriteProtocol.V2, Work(message), tenant);

    /// <inheritdoc cref="SendAsync(V1.WriteRequest, string)"/>
    public Task<StoreVerdict> SendAsync(WriteProtocol protocol, WriteWork work, string tenant = "acme") =>
        SendUntilAsync(protocol, work, tenant, TestContext.Current.CancellationToken);

    /// <summary>The same, with our own stop.</summary>
    public Task<StoreVerdict> SendUntilAsync(WriteProtocol protocol, WriteWork work, string tenant, CancellationToken stop)
    {
        Tenant whose = new(tenant, [new StoreSettings(Main.TargetOf(tenant))]);
        return Forwarder.SendAsync(Main, whose, protocol, work, TimeLimit, stop);
    }

    /// <summary>A request as stamping leaves it.</summary>
    public static WriteWork Work(V1.WriteRequest message) => Work(
        message,
        message.Timeseries.Count + message.Metadata.Count > 0,
        message.Timeseries.Select(series => new ItemCounts(series.Samples.Count, series.Histograms.Count, series.Exemplars.Count)),
        message.Timeseries.Any(series => series.Histograms.Any(histogram => histogram.Schema == -53)));

    /// <inheritdoc cref="Work(V1.WriteRequest)"/>
    public static WriteWork Work(V2.Request message) => Work(
        message,
        message.Timeseries.Count > 0,
        message.Timeseries.Select(series => new ItemCounts(series.Samples.Count, series.Histograms.Count, series.Exemplars.Count)),
        message.Timeseries.Any(series => series.Histograms.Any(histogram => histogram.Schema == -53)));

    /// <summary>The value of one self metric, written as in the exposition: <c>rwgateway_forward_bytes_total{store="main"}</c>. Null if there is none.</summary>
    public async Task<double?> MetricAsync(string series)
    {
        using MemoryStream text = new();
        await Registry.CollectAndExportAsTextAsync(text, TestContext.Current.CancellationToken);
        foreach (string line in Encoding.UTF8.GetString(text.ToArray()).Split('\n'))
        {
            if (line.StartsWith(series + " ", StringComparison.Ordinal))
            {
                return double.Parse(line[(series.Length + 1)..], System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        return null;
    }

    public async ValueTask DisposeAsync() => await _services.DisposeAsync();

    private static WriteWork Work(IMessage message, bool hasOutput, IEnumerable<ItemCounts> items, bool hasCustomBounds)
    {
        WriteWork work = new(new FreshSets());
        work.Stamped.Append(message.ToByteArray());
        work.Result.Read = items.Aggregate(default(ItemCounts), (sum, one) => sum + one);
        work.Result.Accepted = work.Result.Read;
        work.Result.HasOutput = hasOutput;
        work.Result.HasCustomBounds = hasCustomBounds;
        return work;
    }

    /// <summary>Lends an empty set each time, so that whoever still needs one that was put back has nothing.</summary>
    private sealed class FreshSets : IWorkingSets
    {
        public int KeepBytes => 0;

        public Task WaitForTurnAsync() => Task.CompletedTask;

        public void EndTurn()
        {
        }

        public WorkingSet Lend() => new();

        public void TakeBack(WorkingSet lent)
        {
        }
    }

    private sealed class NamedEnvironment(string name) : IHostEnvironment
    {
        public string EnvironmentName { get; set; } = name;

        public string ApplicationName { get; set; } = "tests";

        public string ContentRootPath { get; set; } = AppContext.BaseDirectory;

        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();
    }
}
