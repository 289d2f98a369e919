using System.Diagnostics;
using System.Runtime.InteropServices;
using RemoteWriteGateway.Push.Emission;

namespace RemoteWriteGateway.FaultHost;

/// <summary>Ends or halts the process at its step.</summary>
internal sealed class Fault : IFailPoints
{
    private const int SigStop = 19;

    private readonly string _step;
    private readonly bool _halts;
    private int _hasHalted;

    public Fault(string step, bool halts)
    {
        if (step.Length > 0 && !Enum.TryParse<FailPoint>(step, out _) && !Enum.TryParse<PushPoint>(step, out _))
        {
            throw new InvalidOperationException($"{step} is no step.");
        }

        _step = step;
        _halts = halts;
    }

    public Task ReachAsync(FailPoint point)
    {
        Reach(point.ToString());
        return Task.CompletedTask;
    }

    public void Reach(PushPoint point) => Reach(point.ToString());

    private void Reach(string step)
    {
        if (step != _step)
        {
            return;
        }

        if (!_halts)
        {
            // As by the kernel: nothing is ended, flushed or given back.
            Process.GetCurrentProcess().Kill();
            Thread.Sleep(Timeout.Infinite);
        }
        else if (Interlocked.Exchange(ref _hasHalted, 1) == 0 && Raise(SigStop) != 0)
        {
            throw new InvalidOperationException("The process could not be halted.");
        }
    }

    // To the calling thread and not to the process: it must not take another step while some other thread takes the signal.
    [DllImport("libc", EntryPoint = "raise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Raise(int signal);
}
