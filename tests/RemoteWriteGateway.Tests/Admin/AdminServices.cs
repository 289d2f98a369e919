using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary>What a test asks the gateway under test without HTTP.</summary>
internal static class AdminServices
{
    public static string GetPolicyVersion(this IServiceProvider services) => services.GetRequiredService<PolicySource>().Current.Version;
}
