using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>The gateway as a program: its own executable, configured by files in its folder.</summary>
internal sealed class Gateway : IAsyncDisposable
{
    private static readonly HttpClient Client = new();
    private readonly string _folder;
    private readonly Dictionary<string, string> _environment;
    private string? _failAt;
    private RunningProgram? _program;

    private Gateway(string folder, string caFile, IReadOnlyDictionary<string, string>? environment)
    {
        _folder = folder;
        _environment = new Dictionary<string, string>(environment ?? new Dictionary<string, string>()) { ["SSL_CERT_FILE"] = caFile };
        Url = new Uri($"http://127.0.0.1:{FreePorts.Take()}");
        Management = new Uri($"http://127.0.0.1:{FreePorts.Take()}");
    }

    /// <summary>The data port.</summary>
    public Uri Url { get; }

    /// <summary>The management port.</summary>
    public Uri Management { get; }

    /// <summary>Where senders write.</summary>
    public Uri WriteUrl => new(Url, "/api/v1/write");

    public string LogText => _program?.LogText ?? "";

    private RunningProgram Program => _program ?? throw new InvalidOperationException("not started");

    /// <summary>Starts it and waits until it is ready, or with <paramref name="untilReady"/> false only until it answers.</summary>
    /// <param name="workspace">Owns it.</param>
    /// <param name="emulator">Whose tokens it takes.</param>
    /// <param name="stores">Section <c>Stores</c>: settings by store.</param>
    /// <param name="tenants">The policy's tenants. The app of the same name may write as it.</param>
    /// <param name="untilReady">Whether readiness is waited for.</param>
    /// <param name="moreBindings">Lines behind the policy's bindings.</param>
    /// <param name="cancellationToken">The test's.</param>
    /// <param name="audit">Section <c>Audit</c>, if not by default.</param>
    /// <param name="push">Section <c>Push</c>, if not by default.</param>
    /// <param name="failAt">The step at which it kills or halts itself: a step of emission, or of a push (<c>Committing</c>, <c>Committed</c>). Empty for a gateway with another fault.</param>
    /// <param name="catalog">The connection string of a PostgreSQL that is its catalog; a SQLite file in its folder unless given.</param>
    /// <param name="name">Of the replica, and of its folder.</param>
    /// <param name="policy">The policy's text, if it is to say something else than <paramref name="tenants"/>.</param>
    /// <param name="maxStale">How old the revocations may be.</param>
    /// <param name="environment">Variables of the program, beside those that it always gets.</param>
    public static async Task<Gateway> StartAsync(
        Workspace workspace,
        Emulator emulator,
        IReadOnlyDictionary<string, object> stores,
        IReadOnlyList<GatewayTenant> tenants,
        CancellationToken cancellationToken,
        bool untilReady = true,
        string? catalog = null,
        string name = "gateway",
        string? policy = null,
        string maxStale = "01:00:00",
        object? audit = null,
        string moreBindings = "",
        object? push = null,
        string? failAt = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        Gateway gateway = workspace.Own(new Gateway(workspace.Folder(name), emulator.CaFile, environment) { _failAt = failAt });
        workspace.Write(name, "policy.yaml", policy ?? Policy(tenants) + moreBindings);
        workspace.Write(name, "appsettings.json", JsonSerializer.Serialize(new
        {
            Http = new { Url = gateway.Url.ToString().TrimEnd('/'), DrainDelay = "00:00:00" },
            Management = new { Url = gateway.Management.ToString().TrimEnd('/') },
            AzureAd = new { emulator.Instance, TenantId = Emulator.Directory, ClientId = Emulator.GatewayApp },
            Identity = new { AllowEmulator = true },
            Catalog = new
            {
                Provider = catalog is null ? "Sqlite" : "PostgreSql",
                ConnectionString = catalog ?? "Data Source=data/catalog.db",
                ReplicaName = name,
            },
            Revocations = new { MaxStale = maxStale },
            Audit = audit ?? new { },
            Push = push ?? new { },
            Policy = new { Path = "policy.yaml" },
            Stores = stores,
        }));
        await gateway.StartAsync(cancellationToken, untilReady);
        return gateway;
    }

    /// <summary>Puts another policy file in the place of the one that there is, at once and whole.</summary>
    public void ReplacePolicy(string text)
    {
        string next = Path.Combine(_folder, "policy.next");
        File.WriteAllText(next, text);
        File.Move(next, Path.Combine(_folder, "policy.yaml"), overwrite: true);
    }

    /// <summary>Starts it again, on the ports that it had.</summary>
    public async Task StartAsync(CancellationToken cancellationToken, bool untilReady = true)
    {
        _program = RunningProgram.Start(
            "gateway",
            _failAt is null ? Repository.Gateway : Repository.FaultHost,
            [],
            _folder,
            new Dictionary<string, string>(_environment) { ["RWGATEWAY_FAIL_AT"] = _failAt ?? "" });
        await _program.WaitForAsync(new Uri(Management, untilReady ? "/-/ready" : "/-/healthy"), cancellationToken);
    }

    /// <summary>Ends it as an operator does: it finishes what it has begun.</summary>
    public ValueTask StopAsync() => DisposeAsync();

    /// <summary>Runs a command of the executable with the gateway's configuration, beside it or without it.</summary>
    public async Task<(int Code, string Output)> CommandAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        CommandResult result = await Command.RunAsync(Repository.Gateway, arguments, _folder, cancellationToken);
        return (result.Code, result.Output + result.Error);
    }

    /// <summary>Waits until it has ended by itself.</summary>
    public Task UntilEndedAsync(CancellationToken cancellationToken) => Eventually.TrueAsync(
        () => Task.FromResult(_program?.HasEnded != false), () => $"it goes on\n{LogText}", cancellationToken);

    /// <summary>Tells it to stop as an orchestrator does, and returns its exit code when it has.</summary>
    public Task<int> TerminateAsync(CancellationToken cancellationToken) => Program.EndAsync(cancellationToken);

    /// <summary>Waits until it has halted at the step where it was to.</summary>
    public Task UntilHaltedAsync(CancellationToken cancellationToken) => Eventually.TrueAsync(
        () => Task.FromResult(Program.IsHalted), () => $"it goes on\n{LogText}", cancellationToken);

    /// <summary>Has it go on after it has halted.</summary>
    public void Continue() => Program.Continue();

    /// <summary>Starts the gateway itself where one was that had a fault.</summary>
    public Task StartSoundAsync(CancellationToken cancellationToken)
    {
        _failAt = null;
        return StartAsync(cancellationToken);
    }

    /// <summary>Ends it at once, with whatever requests it has on their way.</summary>
    public void Kill() => _program?.Kill();

    public ValueTask DisposeAsync() => _program?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>The sum of a metric of the gateway over all its series whose labels hold every one of <paramref name="labels"/>.</summary>
    /// <param name="name">For example <c>rwgateway_ingest_refused_items_total</c>.</param>
    /// <param name="cancellationToken">The test's.</param>
    /// <param name="labels">As they stand on the page: <c>tenant="a"</c>.</param>
    public async Task<double> MetricAsync(string name, CancellationToken cancellationToken, params string[] labels)
    {
        string page = await Client.GetStringAsync(new Uri(Management, "/metrics"), cancellationToken);
        return page.Split('\n')
            .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length && line[name.Length] is '{' or ' ')
            .Where(line => labels.All(label => line.Contains(label, StringComparison.Ordinal)))
            .Sum(line => double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));
    }

    private static string Policy(IReadOnlyList<GatewayTenant> tenants)
    {
        StringBuilder yaml = new();
        yaml.Append("version: 1\ntenants:\n");
        foreach (GatewayTenant tenant in tenants)
        {
            yaml.Append($"  {tenant.Name}: {{ store: {tenant.Store}{(tenant.StoreId is null ? "" : $", storeId: \"{tenant.StoreId}\"")} }}\n");
        }

        yaml.Append("bindings:\n");
        foreach (GatewayTenant tenant in tenants)
        {
            yaml.Append($"- id: writer-{tenant.Name}\n");
            yaml.Append($"  match: {{ kind: app, client: [{Emulator.ClientId(tenant.Name)}], role: [Metrics.Write] }}\n");
            yaml.Append($"  grant: {{ permissions: [metrics:write], tenants: [{tenant.Name}] }}\n");
        }

        return yaml.ToString();
    }
}

/// <summary>A tenant of the policy, with the store that its series go to and, if it is not the name, what it is called there.</summary>
internal sealed record GatewayTenant(string Name, string Store, string? StoreId = null);
