using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>A program that a test has started. It ends, by its id, when this is disposed, or with the test process at the latest.</summary>
internal sealed class RunningProgram : IAsyncDisposable
{
    private const int SigTerm = 15;
    private const int SigCont = 18;
    private const int LogLines = 400;
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);
    private static readonly ConcurrentDictionary<RunningProgram, bool> Running = new();

    private readonly ConcurrentQueue<string> _log = new();
    private readonly Process _process;

    static RunningProgram() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (RunningProgram program in Running.Keys)
        {
            program.Kill();
        }
    };

    private RunningProgram(string name, Process process)
    {
        Name = name;
        _process = process;
        process.OutputDataReceived += (_, line) => Log(line.Data);
        process.ErrorDataReceived += (_, line) => Log(line.Data);
    }

    public string Name { get; }

    public int Id => _process.Id;

    public bool HasEnded => _process.HasExited;

    /// <summary>The last lines that it wrote.</summary>
    public string LogText => $"--- {Name}\n{string.Join('\n', _log)}";

    /// <summary>Starts a program in a folder.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="executable">Path of the file to run.</param>
    /// <param name="arguments">One each, not quoted.</param>
    /// <param name="folder">Working directory.</param>
    /// <param name="environment">Variables over those of the test process.</param>
    public static RunningProgram Start(
        string name, string executable, IEnumerable<string> arguments, string folder, IReadOnlyDictionary<string, string>? environment = null)
    {
        ProcessStartInfo start = new(executable, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach ((string key, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[key] = value;
        }

        RunningProgram program = new(name, new Process { StartInfo = start });
        program._process.Start();
        Running[program] = true;
        program._process.StandardInput.Close();
        program._process.BeginOutputReadLine();
        program._process.BeginErrorReadLine();
        return program;
    }

    /// <summary>Returns once <paramref name="url"/> answers 2xx.</summary>
    /// <exception cref="InvalidOperationException">The program ended before, or did not answer in time; with its log.</exception>
    public async Task WaitForAsync(Uri url, CancellationToken cancellationToken)
    {
        using HttpClient client = new() { Timeout = TimeSpan.FromSeconds(2) };
        await Eventually.TrueAsync(
            async () =>
            {
                if (_process.HasExited)
                {
                    throw new InvalidOperationException($"{Name} ended with {_process.ExitCode} before it answered at {url}\n{LogText}");
                }

                return await AnswersAsync(client, url, cancellationToken);
            },
            () => $"{Name} does not answer at {url}\n{LogText}",
            cancellationToken);
    }

    /// <summary>Tells it to end, and returns its exit code when it has.</summary>
    public async Task<int> EndAsync(CancellationToken cancellationToken)
    {
        Signal(SigTerm);
        await Eventually.TrueAsync(() => Task.FromResult(_process.HasExited), () => $"{Name} does not end\n{LogText}", cancellationToken);
        Running.TryRemove(this, out _);
        return _process.ExitCode;
    }

    /// <summary>Whether it has halted itself, or was halted, and does nothing at all.</summary>
    public bool IsHalted
    {
        get
        {
            // Behind the name, which may hold anything, stands the state.
            string state = File.ReadAllText($"/proc/{_process.Id}/stat");
            return state[state.LastIndexOf(')') + 2] == 'T';
        }
    }

    /// <summary>Has it go on after it was halted.</summary>
    public void Continue() => Signal(SigCont);

    /// <summary>Ends it without a chance to finish anything, and returns when it has ended.</summary>
    public void Kill()
    {
        Running.TryRemove(this, out _);
        try
        {
            _process.Kill();
            _process.WaitForExit();
        }
        catch (InvalidOperationException)
        {
            // It has ended already.
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Running.TryRemove(this, out _) && !_process.HasExited && SendSignal(_process.Id, SigTerm) == 0)
        {
            using CancellationTokenSource timeout = new(StopTimeout);
            try
            {
                await _process.WaitForExitAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                // Killed below.
            }
        }

        Kill();
        _process.Dispose();
    }

    private static async Task<bool> AnswersAsync(HttpClient client, Uri url, CancellationToken cancellationToken)
    {
        try
        {
            using HttpResponseMessage answer = await client.GetAsync(url, cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private void Log(string? line)
    {
        if (line is null)
        {
            return;
        }

        _log.Enqueue(line.Length > 500 ? line[..500] : line);
        while (_log.Count > LogLines)
        {
            _log.TryDequeue(out _);
        }
    }

    private void Signal(int signal)
    {
        if (SendSignal(_process.Id, signal) != 0)
        {
            throw new InvalidOperationException($"{Name} takes no signal {signal}\n{LogText}");
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int SendSignal(int processId, int signal);
}
