using System.Buffers;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Admin;

/// <summary><c>/admin/v1/push-groups</c>: what all tenants have pushed, and whether their stores have it.</summary>
internal sealed class PushGroupRoutes(FindPushGroups find)
{
    private const string TenantName = "tenant";

    public void AddTo(AdminRoutes routes) => routes.Add(
        AdminRoute.Get(
            AdminFeature.Prefix + "/push-groups", "listPushGroups", Permissions.GatewayAdmin, "Push groups, by tenant and key.", typeof(Page<PushGroupItem>)) with
        {
            Query = [new QueryParameter(TenantName, "Only those of this tenant, which need not be declared any more."), .. Paging.Parameters],
        },
        ListAsync);

    private async Task<AdminAnswer> ListAsync(AdminCall call)
    {
        Paging paging = Paging.Read(call.Query, call.Route);
        if (call.Query.Refusal is { } refusal)
        {
            return refusal;
        }

        IReadOnlyList<(byte[] Key, PushGroupItem Item)> found = await find(call.Query.Text(TenantName), PlaceOf(paging.After), paging.Limit + 1, call.Aborted);
        (byte[] Key, PushGroupItem Item)[] page = [.. found.Take(paging.Limit)];
        string? next = found.Count > paging.Limit ? paging.CursorAfter($"{Convert.ToHexStringLower(page[^1].Key)} {page[^1].Item.Tenant}") : null;
        return AdminAnswer.Ok(new Page<PushGroupItem>([.. page.Select(static one => one.Item)], next));
    }

    // The checksum of a cursor binds it to this list, but anybody could make one: what is no place begins the list.
    private static (string, byte[])? PlaceOf(string? position)
    {
        if (position?.Split(' ', 2) is not [{ } hex, { } tenant])
        {
            return null;
        }

        byte[] key = new byte[hex.Length / 2];
        return Convert.FromHexString(hex, key, out _, out int written) == OperationStatus.Done && written == key.Length ? (tenant, key) : null;
    }
}
