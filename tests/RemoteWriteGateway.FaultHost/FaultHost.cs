using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RemoteWriteGateway.Push.Emission;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.FaultHost;

/// <summary>
/// The gateway, composed and configured as ever, with faults that come from its environment; the service itself has no such switch.
/// <c>RWGATEWAY_FAIL_AT</c> names the step at which it kills itself: a <see cref="FailPoint"/> or a <see cref="PushPoint"/>. With
/// <c>RWGATEWAY_FAIL_BY=Stop</c> it halts there instead, once, until it is told to continue. <c>RWGATEWAY_CLOCK_SECONDS</c> is how far its clock
/// is ahead.
/// </summary>
internal static class FaultHost
{
    public static Task<int> Main()
    {
        string step = Environment.GetEnvironmentVariable("RWGATEWAY_FAIL_AT") ?? "";
        Fault fault = new(step, halts: Environment.GetEnvironmentVariable("RWGATEWAY_FAIL_BY") == "Stop");
        int ahead = int.Parse(Environment.GetEnvironmentVariable("RWGATEWAY_CLOCK_SECONDS") ?? "0", CultureInfo.InvariantCulture);
        return Service.RunAsync(builder =>
        {
            builder.Services.AddSingleton<IFailPoints>(fault);
            builder.Services.AddSingleton<TimeProvider>(new WrongClock(TimeSpan.FromSeconds(ahead)));

            // Runs when all is registered.
            builder.Host.ConfigureContainer<IServiceCollection>(services => Watch(services, fault));
            return Program.Build(builder);
        });
    }

    private static void Watch(IServiceCollection services, Fault fault)
    {
        Func<IServiceProvider, object> make = services.Last(static one => one.ServiceType == typeof(PushTransactions)).ImplementationFactory
            ?? throw new InvalidOperationException("The transactions of pushes are not made by a factory any more.");
        services.AddSingleton<PushTransactions>(provider => new WatchedTransactions((PushTransactions)make(provider), fault));
    }

    private sealed class WrongClock(TimeSpan ahead) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + ahead;
    }
}
