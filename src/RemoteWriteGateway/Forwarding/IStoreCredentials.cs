namespace RemoteWriteGateway.Forwarding;

/// <summary>What the gateway shows a store in <c>Authorization</c>. The caller's token is never any of it.</summary>
internal interface IStoreCredentials : IDisposable
{
    /// <summary>The header's value, or null if none is to be had now: then no request is made.</summary>
    ValueTask<string?> CurrentAsync(CancellationToken cancellationToken);

    /// <summary>A value other than <paramref name="refused"/>, which the store has just said no to, or null if there is none.</summary>
    ValueTask<string?> RenewAsync(string refused, CancellationToken cancellationToken);
}
