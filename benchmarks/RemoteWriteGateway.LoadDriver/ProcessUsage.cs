using System.Globalization;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>What a process has used so far, as the operating system tells it.</summary>
/// <param name="CpuSeconds">User and system time of all its threads; exact to a hundredth of a second.</param>
/// <param name="ResidentBytes">Memory it holds now.</param>
internal readonly record struct ProcessUsage(double CpuSeconds, long ResidentBytes)
{
    /// <summary>Clock ticks a second in <c>/proc</c>, a constant of the kernel's interface.</summary>
    private const double TicksPerSecond = 100;

    /// <exception cref="IOException">There is no such process.</exception>
    public static ProcessUsage Read(int processId)
    {
        // The name in parentheses may hold blanks, so fields are counted from behind it: state is the first, utime the twelfth.
        string stat = File.ReadAllText($"/proc/{processId}/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        double ticks = double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture);

        string resident = File.ReadLines($"/proc/{processId}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        long kibibytes = long.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        return new ProcessUsage(ticks / TicksPerSecond, kibibytes * 1024);
    }
}
