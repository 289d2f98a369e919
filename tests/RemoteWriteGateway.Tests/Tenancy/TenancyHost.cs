using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Primitives;
using Microsoft.Extensions.Time.Testing;
using Prometheus;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Tenancy;

/// <summary>The feature in a host without the others: a policy file in a temporary folder, and requests of a caller that the test names.</summary>
internal sealed class TenancyHost : IAsyncDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly WebApplication _app;

    private TenancyHost(DirectoryInfo folder, WebApplication app, FakeTimeProvider time, CollectorRegistry registry)
    {
        _folder = folder;
        _app = app;
        Time = time;
        Registry = registry;
    }

    public FakeTimeProvider Time { get; }

    public CollectorRegistry Registry { get; }

    /// <summary>What authentication says to every request, if it refuses them.</summary>
    public Refusal? Unauthenticated { get; set; }

    public PolicySource Source => _app.Services.GetRequiredService<PolicySource>();

    public CatalogRevocations Revocations => _app.Services.GetRequiredService<CatalogRevocations>();

    public RevocationStore RevocationStore => _app.Services.GetRequiredService<RevocationStore>();

    /// <summary>Asks the catalog, a file in the host's folder. Nothing else does: here it is followed when a test says so.</summary>
    public Task PollCatalogAsync() => _app.Services.GetRequiredService<CatalogChanges>().PollAsync(TestContext.Current.CancellationToken);

    public string PolicyPath => PathIn(_folder);

    public IServiceProvider Services => _app.Services;

    public static Task<TenancyHost> StartAsync(string policy, Action<IEndpointRouteBuilder>? routes = null, params (string Key, string Value)[] settings) =>
        StartAsync(policy, everybody: null, routes, settings);

    /// <summary>With a catalog that has not been read yet.</summary>
    public static Task<TenancyHost> StartUnreadAsync(string policy) => StartAsync(policy, everybody: null, MapUsual, [], isCatalogRead: false);

    /// <summary>On a real listener, where every request is <paramref name="everybody"/>'s.</summary>
    public static Task<TenancyHost> ListenAsync(string policy, Caller everybody) => StartAsync(policy, everybody, MapUsual, []);

    private static async Task<TenancyHost> StartAsync(
        string policy, Caller? everybody, Action<IEndpointRouteBuilder>? routes, (string Key, string Value)[] settings, bool isCatalogRead = true)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("rwgateway-tenancy-");
        await File.WriteAllTextAsync(PathIn(folder), policy);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddInMemoryCollection(settings.ToDictionary(one => one.Key, one => (string?)one.Value));
        builder.Configuration["Policy:Path"] ??= PathIn(folder);
        builder.Configuration["Catalog:ConnectionString"] ??= $"Data Source={Path.Combine(folder.FullName, "catalog.db")}";
        if (everybody is null)
        {
            builder.WebHost.UseTestServer();
        }
        else
        {
            builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        }

        FakeTimeProvider time = new(TestCaller.Now);
        CollectorRegistry registry = Metrics.NewCustomRegistry();
        builder.Services.AddRoutingCore();
        builder.Services.AddLogging();
        builder.Services.AddSingleton<TimeProvider>(time);
        builder.Services.AddSingleton<IMetricFactory>(Metrics.WithCustomRegistry(registry));
        builder.Services.AddSingleton<RefusalWriter>();
        builder.Services.AddSingleton(new EntraDirectory(
            new EntraOptions { TenantId = "11111111-2222-4333-8444-555555555555", ClientId = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee" },
            acceptsEmulator: false));
        builder.Services.AddSingleton<Challenges>();
        builder.Services.AddSingleton(registry);
        ServiceDescriptor[] before = [.. builder.Services];
        builder.Services.AddCatalog();
        foreach (ServiceDescriptor follower in builder.Services.Except(before).Where(one => one.ServiceType == typeof(IHostedService)).ToArray())
        {
            builder.Services.Remove(follower);
        }

        builder.Services.AddTenancy();
        WebApplication app = builder.Build();
        if (everybody is not null)
        {
            app.Use((http, next) =>
            {
                http.User = new CallerPrincipal(everybody);
                return next(http);
            });
        }

        app.UseRouting();
        app.UseAuthorization();
        (routes ?? MapUsual)(app);
        TenancyHost host = new(folder, app, time, registry);
        try
        {
            await app.StartAsync();
            if (isCatalogRead)
            {
                await host.PollCatalogAsync();
            }
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }

        return host;
    }

    /// <summary>Routes that answer with the tenants they were given: write and read, bare and under a tenant; one of operators; one of anybody.</summary>
    public static void MapUsual(IEndpointRouteBuilder routes)
    {
        foreach (string prefix in (string[])["", "/tenants/{tenant}"])
        {
            routes.MapPost($"{prefix}/write", (Tenant tenant) => tenant.Name)
                .RequirePermission(Permissions.MetricsWrite).WithMetadata(StaleRevocationsSuffice.Instance);
            routes.MapGet($"{prefix}/read", (TenantSet tenants) => string.Join('|', tenants.Tenants.Select(tenant => tenant.Name)))
                .RequirePermission(Permissions.MetricsRead);
        }

        routes.MapGet("/admin", () => "admin").RequirePermission(Permissions.GatewayAdmin);
        routes.MapGet("/whoami", () => "you").RequireValidToken();
        routes.MapGet("/healthy", () => "ok").AllowAnonymous();
    }

    /// <summary>Sends a request and gives status and body, for example <c>200 payments</c>.</summary>
    public async Task<string> SendAsync(Caller? caller, string method, string target, params (string Name, string Value)[] headers)
    {
        HttpContext answer = await ExchangeAsync(caller, method, target, headers);
        using StreamReader body = new(answer.Response.Body);
        return $"{answer.Response.StatusCode} {(await body.ReadToEndAsync()).Replace($" (request {answer.TraceIdentifier})", "", StringComparison.Ordinal)}";
    }

    /// <summary>The same, whole. <paramref name="target"/> is what stands in the request line.</summary>
    public Task<HttpContext> ExchangeAsync(Caller? caller, string method, string target, params (string Name, string Value)[] headers) =>
        _app.GetTestServer().SendAsync(http =>
        {
            // What a real server makes of a target: the path decoded and without dot segments.
            Uri uri = new(new Uri("http://gateway"), target);
            http.Request.Method = method;
            http.Request.Scheme = "http";
            http.Request.Host = new HostString("gateway");
            http.Request.Path = PathString.FromUriComponent(uri);
            http.Request.QueryString = QueryString.FromUriComponent(uri);
            http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = target;
            foreach ((string name, string value) in headers)
            {
                http.Request.Headers[name] = StringValues.Concat(http.Request.Headers[name], value); // Append leaves empty ones out
            }

            http.Features.Set(Unauthenticated);
            if (caller is not null)
            {
                http.User = new CallerPrincipal(caller);
            }
        });

    /// <summary>Sends bytes to the listener as they are and gives status and body, as <see cref="SendAsync"/>.</summary>
    public async Task<string> SendRawAsync(string request)
    {
        Uri address = new(_app.Urls.Single());
        using TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, address.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        using StreamReader reader = new(stream, Encoding.UTF8);
        string[] answer = (await reader.ReadToEndAsync()).Split("\r\n\r\n", 2);
        return $"{answer[0].Split(' ')[1]} {(answer.Length > 1 ? answer[1].Split(" (request ")[0] : "")}";
    }

    public Task RewritePolicyAsync(string policy) => File.WriteAllTextAsync(PolicyPath, policy);

    public async Task<string> MetricAsync(string name)
    {
        using MemoryStream text = new();
        await Registry.CollectAndExportAsTextAsync(text);
        return Encoding.UTF8.GetString(text.ToArray()).Split('\n')
            .Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ')[^1];
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private static string PathIn(DirectoryInfo folder) => Path.Combine(folder.FullName, "policy.yaml");
}
