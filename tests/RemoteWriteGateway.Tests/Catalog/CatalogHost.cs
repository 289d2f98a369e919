using System.Collections.Immutable;
using Azure.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Prometheus;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tests.Identity;

namespace RemoteWriteGateway.Tests.Catalog;

/// <summary>The feature in a host without the others, as one replica has it. Time stands still unless a test moves it.</summary>
internal sealed class CatalogHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private IHostedService[] _started = [];

    private CatalogHost(
        IEnumerable<(string Key, string? Value)> configuration, ImmutableArray<CatalogMigration> migrations, TokenCredential? credential, Action<IServiceCollection>? more)
    {
        ServiceCollection services = new();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection(configuration.Select(one => KeyValuePair.Create(one.Key, one.Value)))
            .Build());
        services.AddSingleton<IHostEnvironment>(new ProductionEnvironment());
        services.AddSingleton<TimeProvider>(Time);
        services.AddSingleton<IMetricFactory>(Metrics.WithCustomRegistry(Registry));
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(Logs));
        if (credential is not null)
        {
            services.AddSingleton(credential);
        }

        services.AddCatalog();
        services.AddSingleton(provider => new CatalogMigrator(
            provider.GetRequiredService<CatalogDatabase>(), migrations, "the test", provider.GetRequiredService<ILogger<CatalogMigrator>>()));
        more?.Invoke(services);
        _services = services.BuildServiceProvider();
    }

    public WatchedTime Time { get; } = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));

    public CollectorRegistry Registry { get; } = Metrics.NewCustomRegistry();

    public LogLines Logs { get; } = new();

    public IServiceProvider Services => _services;

    public CatalogDatabase Database => _services.GetRequiredService<CatalogDatabase>();

    public CatalogChanges Changes => _services.GetRequiredService<CatalogChanges>();

    public ReplicaRegister Register => _services.GetRequiredService<ReplicaRegister>();

    public ReplicaIdentity Identity => _services.GetRequiredService<ReplicaIdentity>();

    public CatalogMigrator Migrator => _services.GetRequiredService<CatalogMigrator>();

    /// <summary>A replica that has not started.</summary>
    /// <param name="catalog">Whose catalog it uses.</param>
    /// <param name="settings">More of section <c>Catalog</c>, without its name.</param>
    /// <param name="migrations">The schema's steps, those of the program unless said otherwise.</param>
    /// <param name="credential">The gateway's own identity.</param>
    /// <param name="more">Adds to the services.</param>
    public static CatalogHost Of(
        EmptyCatalog catalog,
        IEnumerable<(string Key, string? Value)>? settings = null,
        ImmutableArray<CatalogMigration>? migrations = null,
        TokenCredential? credential = null,
        Action<IServiceCollection>? more = null) => new(
        [
            ("Catalog:Provider", catalog.Provider.ToString()),
            ("Catalog:ConnectionString", catalog.ConnectionString),
            .. (settings ?? []).Select(one => ("Catalog:" + one.Key, one.Value)),
        ],
        migrations ?? CatalogMigration.All,
        credential,
        more);

    /// <summary>A replica that has not started, with a SQLite file.</summary>
    public static CatalogHost Of(string connectionString) => new([("Catalog:ConnectionString", connectionString)], CatalogMigration.All, null, null);

    /// <summary>A replica that runs.</summary>
    /// <inheritdoc cref="Of(EmptyCatalog, IEnumerable{ValueTuple{string, string}}, ImmutableArray{CatalogMigration}?, TokenCredential, Action{IServiceCollection})"/>
    public static async Task<CatalogHost> StartAsync(
        EmptyCatalog catalog,
        IEnumerable<(string Key, string? Value)>? settings = null,
        ImmutableArray<CatalogMigration>? migrations = null,
        TokenCredential? credential = null,
        Action<IServiceCollection>? more = null)
    {
        CatalogHost host = Of(catalog, settings, migrations, credential, more);
        try
        {
            await host.StartAsync();
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Everything of this section that stops a start, all of it.</summary>
    public static async Task<IReadOnlyList<string>> StartFaultsAsync(params (string Key, string? Value)[] configuration)
    {
        await using CatalogHost host = new(configuration, CatalogMigration.All, null, null);
        try
        {
            host.Services.GetRequiredService<IStartupValidator>().Validate();
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

    /// <summary>Starts it as a host would.</summary>
    public async Task StartAsync()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        IHostedService[] all = [.. _services.GetServices<IHostedService>()];
        foreach (IHostedLifecycleService one in all.OfType<IHostedLifecycleService>())
        {
            await one.StartingAsync(cancel);
        }

        foreach (IHostedService one in all)
        {
            await one.StartAsync(cancel);
        }

        _started = all;
    }

    /// <summary>The value of one self metric, 0 if it is not there.</summary>
    public async Task<double> MetricAsync(string series)
    {
        using MemoryStream text = new();
        await Registry.CollectAndExportAsTextAsync(text, TestContext.Current.CancellationToken);
        string? line = System.Text.Encoding.UTF8.GetString(text.ToArray()).Split('\n')
            .SingleOrDefault(line => line.StartsWith(series + " ", StringComparison.Ordinal));
        return line is null ? 0 : double.Parse(line.AsSpan(series.Length + 1), System.Globalization.CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _services.DisposeAsync();
        Logs.Dispose();
    }

    /// <summary>Stops it as a host would.</summary>
    public async Task StopAsync()
    {
        foreach (IHostedService one in _started.Reverse())
        {
            await one.StopAsync(CancellationToken.None);
        }

        _started = [];
    }

    private sealed class ProductionEnvironment : IHostEnvironment
    {
        public string EnvironmentName { get; set; } = Environments.Production;

        public string ApplicationName { get; set; } = "tests";

        public string ContentRootPath { get; set; } = AppContext.BaseDirectory;

        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();
    }
}
