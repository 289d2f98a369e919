using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Forwarding;

/// <summary>Hands stamped requests to the tenant's store and tells what became of them.</summary>
internal sealed class Forwarder
{
    /// <summary>The tenant's store, or null if none is configured for it (<c>no-store</c>).</summary>
    public Store? StoreOf(Tenant tenant) => throw new NotImplementedException();

    /// <summary>Sends <see cref="WriteWork.Stamped"/> to <paramref name="store"/>, in consecutive parts if need be, and maps its answers.</summary>
    /// <param name="store">From <see cref="StoreOf"/>.</param>
    /// <param name="tenant">Whose request it is; its <c>storeId</c> is what header and path isolation carry.</param>
    /// <param name="protocol">The protocol that the request was sent in to us, and that <see cref="WriteWork.Stamped"/> is in.</param>
    /// <param name="work">The request's buffers: parts and compressed bodies are made in them. The result has counts (<see cref="StampResult.Accepted"/> is what is sent).</param>
    /// <param name="cancellationToken">Ends the forward: our own stop, not the sender's hanging up.</param>
    /// <returns>Never throws for what the store or the network did.</returns>
    public Task<StoreVerdict> SendAsync(Store store, Tenant tenant, WriteProtocol protocol, WriteWork work, CancellationToken cancellationToken) =>
        throw new NotImplementedException();
}
