using Microsoft.Extensions.ObjectPool;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Query;

/// <summary>The memory that one read needs, used again by later ones. One owner at a time.</summary>
internal sealed class ReadWork : IResettable
{
    public ReadParameters Parameters { get; } = new();

    public EnforcedQuery Enforced { get; } = new();

    /// <summary>What goes to the store.</summary>
    public FormWriter Form { get; } = new();

    public bool TryReset()
    {
        Enforced.Recycle();
        Form.Reset();
        Parameters.Reset(ReadRoute.Of(ReadApi.Query));
        return true;
    }
}
