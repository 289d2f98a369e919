using System.Diagnostics;
using System.Runtime.InteropServices;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>Sleeps to within a tenth of a millisecond. <see cref="Thread.Sleep(int)"/> rounds to whole ones, as long as a request takes.</summary>
internal static class PreciseSleep
{
    /// <summary>Returns at once if the time has come already.</summary>
    /// <param name="start">A timestamp of <see cref="Stopwatch"/>.</param>
    /// <param name="due">How long after it to wake.</param>
    public static void Until(long start, TimeSpan due)
    {
        while (due - Stopwatch.GetElapsedTime(start) is { Ticks: > 0 } rest)
        {
            Timespec length = new(rest.Ticks / TimeSpan.TicksPerSecond, rest.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick);

            // Woken early by a signal it returns with an error; the loop then sleeps what is left.
            _ = NanoSleep(in length, 0);
        }
    }

    [DllImport("libc", EntryPoint = "nanosleep")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int NanoSleep(in Timespec length, nint remaining);

    /// <summary>C's <c>struct timespec</c> of 64-bit Linux.</summary>
    private readonly record struct Timespec(long Seconds, long Nanoseconds);
}
