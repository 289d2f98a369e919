using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Npgsql;

namespace RemoteWriteGateway.Tests.PostgreSql;

/// <summary>
/// A real PostgreSQL in a temporary folder, reached over a Unix socket in that folder. Whoever comes over it is believed, but for the
/// role <see cref="GuardedRole"/>, which needs its password. It ends, by its id, when this is disposed or with the test process at the latest.
/// </summary>
internal sealed class PostgreSqlServer : IAsyncDisposable
{
    /// <summary>Owns the databases and may do everything.</summary>
    public const string AdminRole = "admin";

    /// <summary>Has to give a password.</summary>
    public const string GuardedRole = "guarded";

    /// <summary>The password of <see cref="GuardedRole"/> unless a test changes it.</summary>
    public const string GuardedPassword = "first-password";

    private const int SigInt = 2;
    private const int SigKill = 9;
    private const string User = "postgres";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    // Making a cluster takes seconds and copying one does not, so each is a copy of the first.
    private static readonly Lock Gate = new();
    private static Task<string>? _cluster;

    private readonly string _bin;
    private readonly DirectoryInfo _folder;
    private readonly int? _tlsPort;
    private readonly bool _survivesPowerLoss;
    private Process? _server;
    private int _databases;

    private PostgreSqlServer(string bin, DirectoryInfo folder, int? tlsPort, bool survivesPowerLoss)
    {
        _survivesPowerLoss = survivesPowerLoss;
        _bin = bin;
        _tlsPort = tlsPort;
        _folder = folder;
        AppDomain.CurrentDomain.ProcessExit += OnExit;
    }

    private string Data => Path.Combine(_folder.FullName, "data");

    /// <summary>Makes a cluster and starts it.</summary>
    /// <exception cref="FileNotFoundException">PostgreSQL is not there; the text says how to get it.</exception>
    /// <param name="cancellationToken">The test's.</param>
    /// <param name="tls">Certificate and key in PEM: then it listens on loopback as well, with TLS only.</param>
    /// <param name="survivesPowerLoss">With fsync, as in production: slower, and the same to tests, which kill processes and no machines.</param>
    public static async Task<PostgreSqlServer> StartAsync(
        CancellationToken cancellationToken, (string Certificate, string Key)? tls = null, bool survivesPowerLoss = false)
    {
        string bin = FindBin();
        string made = await ClusterAsync(bin);
        PostgreSqlServer server = new(bin, Directory.CreateTempSubdirectory("rwgateway-pg-"), tls is null ? null : FreePort(), survivesPowerLoss);
        try
        {
            await RunAsync("cp", ["--archive", made, server.Data], cancellationToken);
            if (tls is { } pair)
            {
                await server.WriteCertificateAsync(pair.Certificate, pair.Key, cancellationToken);
            }

            if (Environment.IsPrivilegedProcess)
            {
                await RunAsync("chown", [User, server._folder.FullName], cancellationToken);
            }

            await server.StartAgainAsync(cancellationToken);
            await server.ExecuteAsync("postgres", $"CREATE ROLE {GuardedRole} LOGIN PASSWORD '{GuardedPassword}'", cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes an empty database.</summary>
    /// <returns>Its connection string, for its owner.</returns>
    public async Task<string> CreateDatabaseAsync(CancellationToken cancellationToken, string owner = AdminRole)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"test_{Interlocked.Increment(ref _databases)}");
        await ExecuteAsync("postgres", $"CREATE DATABASE {name} OWNER {owner}", cancellationToken);
        return ConnectionString(name, owner);
    }

    /// <summary>The connection string of a database, without a password.</summary>
    public string ConnectionString(string database, string role) =>
        $"Host={_folder.FullName};{(_tlsPort is { } port ? string.Create(CultureInfo.InvariantCulture, $"Port={port};") : "")}Database={database};Username={role}";

    /// <summary>The connection string of a database over TLS, for <see cref="AdminRole"/>, without what is trusted.</summary>
    /// <param name="database">Its name.</param>
    /// <param name="host">A name of loopback.</param>
    public string TlsConnectionString(string database, string host) => $"Host={host};Port={_tlsPort};Database={database};Username={AdminRole};SSL Mode=VerifyFull";

    /// <summary>Runs a statement as <see cref="AdminRole"/>, over a connection that is not kept.</summary>
    public async Task ExecuteAsync(string database, string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = new(ConnectionString(database, AdminRole) + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        await using NpgsqlCommand command = new(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Starts it on the cluster that is there, and returns when it takes connections.</summary>
    public async Task StartAgainAsync(CancellationToken cancellationToken)
    {
        string[] durability = _survivesPowerLoss ? [] : ["-c", "fsync=off", "-c", "full_page_writes=off"];
        string[] listen = _tlsPort is { } port
            ? ["-c", "listen_addresses=localhost", "-c", string.Create(CultureInfo.InvariantCulture, $"port={port}"), "-c", "ssl=on"]
            : ["-c", "listen_addresses="];
        _server = StartAsUser(Path.Combine(_bin, "postgres"), [
            "-D", Data, "-k", _folder.FullName, .. listen, .. durability, "-c", "max_connections=200",
            "-c", "logging_collector=off", "-c", "log_destination=stderr"]);
        _server.BeginOutputReadLine();
        List<string> log = [];
        _server.ErrorDataReceived += (_, line) =>
        {
            lock (log)
            {
                log.Add(line.Data ?? "");
            }
        };
        _server.BeginErrorReadLine();
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await ExecuteAsync("postgres", "SELECT 1", cancellationToken);
                return;
            }
            catch (NpgsqlException fault)
            {
                if (_server.HasExited || Stopwatch.GetElapsedTime(start) > Limit)
                {
                    lock (log)
                    {
                        throw new InvalidOperationException($"PostgreSQL does not start: {fault.Message}\n{string.Join('\n', log)}");
                    }
                }

                await Task.Delay(20, cancellationToken);
            }
        }
    }

    /// <summary>Kills it and all its processes, as a machine that loses its power would.</summary>
    public async Task KillAsync()
    {
        if (_server is not { HasExited: false } server)
        {
            return;
        }

        // Its children notice that the postmaster is gone and end themselves; they hold the shared memory until then.
        Process[] children = [.. ChildrenOf(server.Id)];
        _ = Signal(server.Id, SigKill);
        await server.WaitForExitAsync();
        foreach (Process child in children)
        {
            _ = Signal(child.Id, SigKill);
            await child.WaitForExitAsync();
            child.Dispose();
        }

        server.Dispose();
        _server = null;
    }

    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        if (_server is { HasExited: false } server && Signal(server.Id, SigInt) == 0)
        {
            using CancellationTokenSource limit = new(TimeSpan.FromSeconds(10));
            try
            {
                await server.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                await KillAsync();
            }
        }

        _server?.Dispose();
        _folder.Delete(recursive: true);
    }

    private static Task<string> ClusterAsync(string bin)
    {
        lock (Gate)
        {
            return _cluster ??= MakeClusterAsync(bin);
        }
    }

    /// <summary>Makes a cluster that is never started; its folder goes with the test process.</summary>
    private static async Task<string> MakeClusterAsync(string bin)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("rwgateway-pg-");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Delete(recursive: true);
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", [User, folder.FullName], CancellationToken.None);
        }

        string data = Path.Combine(folder.FullName, "data");
        using (Process initdb = StartAsUser(
            Path.Combine(bin, "initdb"), ["--pgdata", data, "--username", AdminRole, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]))
        {
            await ToEndAsync(initdb, "initdb", CancellationToken.None);
        }

        await File.WriteAllTextAsync(Path.Combine(data, "pg_hba.conf"), $"local all {GuardedRole} scram-sha-256\nlocal all all trust\nhostssl all all samehost trust\n");
        return data;
    }

    /// <summary>The folder of PostgreSQL's programs: <c>RWGATEWAY_POSTGRES_BIN</c>, PATH, or where Debian puts them.</summary>
    private static string FindBin()
    {
        IEnumerable<string> candidates = Environment.GetEnvironmentVariable("RWGATEWAY_POSTGRES_BIN") is { Length: > 0 } named
            ? [named]
            : [
                .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries),
                .. Directory.Exists("/usr/lib/postgresql") ? Directory.EnumerateDirectories("/usr/lib/postgresql").Order().Reverse().Select(version => Path.Combine(version, "bin")) : [],
            ];
        return candidates.FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")))
            ?? throw new FileNotFoundException(
                "PostgreSQL is missing: these tests run against the real server only. Install it (Debian: postgresql), or name the folder with its programs initdb and postgres in RWGATEWAY_POSTGRES_BIN.");
    }

    private static IEnumerable<Process> ChildrenOf(int id)
    {
        foreach (string text in File.ReadAllText($"/proc/{id}/task/{id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            Process child;
            try
            {
                child = Process.GetProcessById(int.Parse(text, CultureInfo.InvariantCulture));
            }
            catch (ArgumentException)
            {
                continue; // It has ended already.
            }

            yield return child;
        }
    }

    private async Task WriteCertificateAsync(string certificate, string key, CancellationToken cancellationToken)
    {
        string[] files = [Path.Combine(Data, "server.crt"), Path.Combine(Data, "server.key")];
        await File.WriteAllTextAsync(files[0], certificate, cancellationToken);
        await File.WriteAllTextAsync(files[1], key, cancellationToken);
        await RunAsync("chmod", ["0600", .. files], cancellationToken);
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", [User, .. files], cancellationToken);
        }
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void OnExit(object? sender, EventArgs e)
    {
        if (_server is { HasExited: false } server)
        {
            _ = Signal(server.Id, SigKill);
        }
    }

    /// <summary>PostgreSQL refuses to run as root, so then another user runs it.</summary>
    private static Process StartAsUser(string program, IReadOnlyList<string> arguments) => Environment.IsPrivilegedProcess
        ? Start("setpriv", ["--reuid", User, "--regid", User, "--clear-groups", program, .. arguments])
        : Start(program, arguments);

    private static async Task RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        using Process process = Start(program, arguments);
        await ToEndAsync(process, program, cancellationToken);
    }

    private static async Task ToEndAsync(Process process, string program, CancellationToken cancellationToken)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        string error = await process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {await output}\n{error}");
        }
    }

    private static Process Start(string program, IReadOnlyList<string> arguments)
    {
        Process process = new()
        {
            StartInfo = new ProcessStartInfo(program, arguments)
            {
                WorkingDirectory = Path.GetTempPath(),
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        process.Start();
        process.StandardInput.Close();
        return process;
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Signal(int processId, int signal);
}
