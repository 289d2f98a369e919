using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Push.Emission;

namespace RemoteWriteGateway.FaultHost;

/// <summary>
/// The gateway, composed and configured as ever, that kills itself at the step of emission named by the environment variable
/// <c>RWGATEWAY_FAIL_AT</c>. The service itself has no such switch.
/// </summary>
internal static class FaultHost
{
    public const string FailAt = "RWGATEWAY_FAIL_AT";

    public static Task<int> Main()
    {
        FailPoint point = Enum.Parse<FailPoint>(Environment.GetEnvironmentVariable(FailAt) ?? throw new InvalidOperationException($"{FailAt} names no step"));
        return Service.RunAsync(builder =>
        {
            builder.Services.AddSingleton<IFailPoints>(new Killing(point));
            return Program.Build(builder);
        });
    }

    private sealed class Killing(FailPoint point) : IFailPoints
    {
        public Task ReachAsync(FailPoint reached)
        {
            if (reached == point)
            {
                // As by the kernel: nothing is ended, flushed or given back.
                Process.GetCurrentProcess().Kill();
                Thread.Sleep(Timeout.Infinite);
            }

            return Task.CompletedTask;
        }
    }
}
