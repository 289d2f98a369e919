using System.Collections.Immutable;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary>The signing keys and validated tokens of this replica.</summary>
/// <param name="State"><c>Loading</c>, <c>Current</c>, <c>Degraded</c> or <c>Stale</c>.</param>
/// <param name="Directory">The directory.</param>
/// <param name="LoadedAt">The last successful fetch; null before the first.</param>
/// <param name="LastError">What was wrong with the last fetch; null if it succeeded.</param>
/// <param name="Keys">The keys that are accepted.</param>
/// <param name="TokenCache">Tokens that were validated a short time ago.</param>
internal sealed record IdentityItem(
    string State, Guid Directory, DateTimeOffset? LoadedAt, string? LastError, ImmutableArray<KeyItem> Keys, TokenCacheItem TokenCache);

/// <summary>A signing key.</summary>
/// <param name="Kid">Its id.</param>
/// <param name="SeenAt">The first fetch with it.</param>
/// <param name="GoneAt">The first fetch without it; null while the issuer names it.</param>
internal sealed record KeyItem(string Kid, DateTimeOffset SeenAt, DateTimeOffset? GoneAt);

/// <summary>The cache of validated tokens.</summary>
/// <param name="Entries">How many are kept.</param>
/// <param name="Hits">Requests whose token was kept.</param>
/// <param name="Misses">Requests whose token was not.</param>
internal sealed record TokenCacheItem(int Entries, long Hits, long Misses);

/// <summary>Signing keys and the token cache: looking at them, fetching and forgetting.</summary>
internal sealed partial class IdentityRoutes(
    MetadataSnapshots keys,
    TokenCache tokens,
    EntraDirectory directory,
    ReplicaPurges purges,
    CatalogDatabase database,
    ILogger<IdentityRoutes> logger)
{
    private const string Base = "/admin/v1/identity";

    public void AddTo(AdminRoutes routes)
    {
        routes.Add(
            AdminRoute.Get(Base, "getIdentity", Permissions.GatewayAdmin, "The signing keys and validated tokens of this replica.", typeof(IdentityItem)),
            _ => Task.FromResult(Look()));
        routes.Add(
            Change("refresh", "refreshKeys", "Fetches the signing keys now. What the fetch found wrong is in lastError."),
            call => ChangeAsync(call, keys.RefreshAsync));
        routes.Add(
            Change(
                "purge-keys", "purgeKeys",
                "Fetches the signing keys, drops those that the issuer does not name any more, without grace, and forgets all validated tokens; on all "
                + "replicas. If the fetch fails, lastError says why, and the keys stay."),
            call => ChangeAsync(call, purges.PurgeKeysAsync));
        routes.Add(
            Change("purge-cache", "purgeTokenCache", "Forgets all validated tokens: each is validated again; on all replicas."),
            call => ChangeAsync(call, purges.PurgeTokensAsync));
    }

    private async Task<AdminAnswer> ChangeAsync(AdminCall call, Func<CancellationToken, Task> change)
    {
        await call.BeforeChangeAsync();
        try
        {
            // Not given up when the operator hangs up.
            await change(CancellationToken.None);
            return Look();
        }
        catch (Exception e) when (database.IsAway(e))
        {
            LogNotTold(database.Name, database.Describe(e));
            return AdminProblems.CatalogUnavailable("done on this replica; the others could not be told, because the catalog does not answer; retry");
        }
    }

    private static AdminRoute Change(string path, string operationId, string summary) =>
        AdminRoute.Post($"{Base}/{path}", operationId, Permissions.GatewayAdmin, summary, typeof(IdentityItem)) with { Changes = true };

    private AdminAnswer Look()
    {
        MetadataSnapshot? current = keys.Current;
        return AdminAnswer.Ok(new IdentityItem(
            keys.State.ToString(),
            directory.Id,
            current?.LoadedAt,
            keys.LastError,
            [.. (current?.Keys ?? []).Select(key => new KeyItem(key.KeyId, key.SeenAt, key.GoneAt))],
            new TokenCacheItem(tokens.Count, tokens.Hits, tokens.Misses)));
    }

    [LoggerMessage(LogLevel.Warning, "The other replicas could not be told of a purge: catalog {Database} does not answer: {Reason}")]
    private partial void LogNotTold(string database, string reason);
}
