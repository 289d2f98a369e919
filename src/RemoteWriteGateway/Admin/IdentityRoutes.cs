using System.Collections.Immutable;
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
internal sealed class IdentityRoutes(MetadataSnapshots keys, TokenCache tokens, EntraDirectory directory)
{
    private const string Base = "/admin/v1/identity";

    public void AddTo(AdminRoutes routes)
    {
        routes.Add(
            AdminRoute.Get(Base, "getIdentity", Permissions.GatewayAdmin, "The signing keys and validated tokens of this replica.", typeof(IdentityItem)),
            _ => Task.FromResult(Look()));
        routes.Add(
            Change("refresh", "refreshKeys", "Fetches the signing keys now. What the fetch found wrong is in lastError."),
            async call =>
            {
                await call.BeforeChangeAsync();
                await keys.RefreshAsync(CancellationToken.None);
                return Look();
            });
        routes.Add(
            Change("purge-keys", "purgeKeys", "Fetches the signing keys and drops those that the issuer does not name any more, without grace; on all replicas."),
            async call =>
            {
                await call.BeforeChangeAsync();
                await keys.PurgeKeysAsync(CancellationToken.None);
                return Look();
            });
        routes.Add(
            Change("purge-cache", "purgeTokenCache", "Forgets all validated tokens: each is validated again; on all replicas."),
            async call =>
            {
                await call.BeforeChangeAsync();
                tokens.Clear();
                return Look();
            });
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
}
