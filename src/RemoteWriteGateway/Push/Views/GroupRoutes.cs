using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.PromQL;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push.Views;

/// <summary><c>/api/v1/groups</c>: groups that match, listed or deleted; and <c>/api/v1/admin/wipe</c>.</summary>
internal sealed class GroupRoutes(PushStore store, PushReads reads)
{
    private const int DefaultLimit = 100;
    private const int MaxLimit = 1000;
    private const int MaxSelectors = 100;
    private const int KeyBytes = 16;

    public Task ListAsync(HttpContext http)
    {
        reads.SetHeaders(http.Response);
        return reads.RunAsync(http, ListAsync);
    }

    public Task DeleteAsync(HttpContext http)
    {
        reads.SetHeaders(http.Response);
        return reads.RunAsync(http, DeleteAsync);
    }

    public Task WipeAsync(HttpContext http)
    {
        reads.SetHeaders(http.Response);
        return reads.RunAsync(http, WipeAsync);
    }

    /// <summary>For operators; see <see cref="FindPushGroups"/>.</summary>
    public async Task<IReadOnlyList<(byte[] Key, PushGroupItem Item)>> FindAsync(
        string? tenant, (string Tenant, byte[] Key)? after, int limit, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredGroup> found = await store.FindGroupsAsync(tenant, null, after, limit, cancellationToken);
        return [.. found.Select(static group => (group.Key, GroupItems.Of(group, withTenant: true)))];
    }

    private async Task<Refusal?> ListAsync(HttpContext http, Tenant tenant, CancellationToken gone)
    {
        if (GroupQuery.TryRead(http.Request.QueryString, ["match[]", "limit", "cursor"], out GroupQuery query) is { } invalid)
        {
            return invalid;
        }

        (string, byte[])? after = query.Cursor is { } key ? (tenant.Name, key) : null;
        IReadOnlyList<StoredGroup> found = await store.FindGroupsAsync(tenant.Name, query.Matches, after, query.Limit + 1, gone);
        StoredGroup[] page = [.. found.Take(query.Limit)];
        string? next = found.Count > query.Limit ? Base64Url.EncodeToString(page[^1].Key) : null;
        await WriteAsync(http, new { status = "success", data = new { groups = page.Select(static group => GroupItems.Of(group, withTenant: false)), next } });
        return null;
    }

    private async Task<Refusal?> DeleteAsync(HttpContext http, Tenant tenant, CancellationToken gone)
    {
        if (GroupQuery.TryRead(http.Request.QueryString, ["match[]", "dryRun"], out GroupQuery query) is { } invalid)
        {
            return invalid;
        }

        return query.Matches is { } matches
            ? await AnswerAsync(
                http,
                record => store.DeleteManyAsync(tenant.Name, matches, query.IsDryRun, record, CancellationToken.None),
                groups => JsonSerializer.Serialize(new { selectors = query.Selectors, groups }),
                query.IsDryRun,
                StatusCodes.Status200OK)
            : Bad("match-missing", "name at least one selector in match[], for example match[]={job=\"nightly\"}");
    }

    private Task<Refusal?> WipeAsync(HttpContext http, Tenant tenant, CancellationToken gone) => AnswerAsync(
        http,
        record => store.WipeAsync(tenant.Name, record, CancellationToken.None),
        static groups => JsonSerializer.Serialize(new { wipe = true, groups }),
        isDryRun: false,
        StatusCodes.Status202Accepted);

    private static async Task<Refusal?> AnswerAsync(
        HttpContext http, Func<Func<int, AuditRecord>, Task<DeleteOutcome>> delete, Func<int, string> detail, bool isDryRun, int statusCode)
    {
        DeleteOutcome outcome;
        try
        {
            outcome = await PushRecords.DeleteAsync(http, delete, detail);
        }
        catch (AuditUnavailableException)
        {
            return AuditRefusals.Unavailable;
        }

        if (isDryRun && AuditScope.Of(http) is { } audit)
        {
            audit.Detail = $"{{\"dryRun\":true,\"groups\":{outcome.Matched.ToString(CultureInfo.InvariantCulture)}}}";
        }

        if (outcome.Fate is not PushFate.Stored)
        {
            string reason = outcome.Fate == PushFate.Busy ? "catalog-busy" : "catalog-unavailable";
            return new Refusal(reason, StatusCodes.Status503ServiceUnavailable, $"{outcome.Deleted} groups were deleted before the catalog could not be had; send it again, and it goes on");
        }

        http.Response.StatusCode = statusCode;
        if (statusCode == StatusCodes.Status202Accepted)
        {
            http.Response.ContentLength = 0;
            return null;
        }

        await WriteAsync(http, new { status = "success", data = new { matched = outcome.Matched, deleted = outcome.Deleted } });
        return null;
    }

    private static Task WriteAsync(HttpContext http, object answer) =>
        http.Response.WriteAsJsonAsync(answer, GroupItems.Json, "application/json", http.RequestAborted);

    private static Refusal Bad(string reason, string text) => new(reason, StatusCodes.Status400BadRequest, text);

    /// <summary>The parameters of a list or a deletion.</summary>
    private readonly record struct GroupQuery(Func<GroupKey, bool>? Matches, int Selectors, int Limit, byte[]? Cursor, bool IsDryRun)
    {
        public static Refusal? TryRead(QueryString text, ReadOnlySpan<string> known, out GroupQuery query)
        {
            query = new GroupQuery(null, 0, DefaultLimit, null, false);
            List<LabelSelector> selectors = [];
            HashSet<string> seen = new(StringComparer.Ordinal);
            foreach (QueryStringEnumerable.EncodedNameValuePair pair in new QueryStringEnumerable(text.Value))
            {
                string name = pair.DecodeName().ToString();
                string value = pair.DecodeValue().ToString();
                if (!known.Contains(name))
                {
                    return Bad("parameter-invalid", $"there is an unknown parameter; this takes {string.Join(", ", known!)}");
                }

                if (name != "match[]" && !seen.Add(name))
                {
                    return Bad("parameter-repeated", $"{name} is given more than once");
                }

                if (Take(name, value, selectors, ref query) is { } invalid)
                {
                    return invalid;
                }
            }

            if (selectors.Count > 0)
            {
                ImmutableArray<LabelSelector> all = [.. selectors];
                query = query with { Matches = key => all.Any(selector => selector.Matches(key.Labels)), Selectors = all.Length };
            }

            return null;
        }

        private static Refusal? Take(string name, string value, List<LabelSelector> selectors, ref GroupQuery query)
        {
            switch (name)
            {
                case "match[]":
                    if (selectors.Count == MaxSelectors)
                    {
                        return Bad("too-many-selectors", $"more than {MaxSelectors} selectors; send several requests");
                    }

                    if (!LabelSelector.TryRead(value, out LabelSelector? selector, out string fault))
                    {
                        return Bad("selector-invalid", fault);
                    }

                    selectors.Add(selector!); // not null: it was read
                    return null;
                case "limit":
                    if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int limit) || limit is < 1 or > MaxLimit)
                    {
                        return Bad("parameter-invalid", $"limit is a whole number from 1 to {MaxLimit}");
                    }

                    query = query with { Limit = limit };
                    return null;
                case "cursor":
                    byte[] key = new byte[KeyBytes];
                    if (Base64Url.DecodeFromChars(value, key, out _, out int written) != OperationStatus.Done || written != KeyBytes)
                    {
                        return Bad("parameter-invalid", "cursor is the member next of the page before");
                    }

                    query = query with { Cursor = key };
                    return null;
                default:
                    if (value is not ("true" or "false"))
                    {
                        return Bad("parameter-invalid", "dryRun is true or false");
                    }

                    query = query with { IsDryRun = value == "true" };
                    return null;
            }
        }
    }
}
