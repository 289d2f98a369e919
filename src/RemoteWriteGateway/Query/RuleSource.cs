using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Query;

/// <summary>
/// All rules or alerts of a store, read whole. Of stores that are isolated by label one answer is shared by all readers for ten seconds, and
/// by all that wait for it: what each may see of it is filtered afterwards.
/// </summary>
internal sealed class RuleSource(StoreReader reader, TimeProvider time)
{
    private const int MaxBytes = 32 << 20;

    private static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<(Store Store, ReadApi Api), Lazy<Task<Kept>>> _kept = [];

    /// <summary>The shared answer.</summary>
    public async Task<(JsonElement? Data, Refusal? Refusal)> SharedAsync(ReadContext read)
    {
        (Store, ReadApi) key = (read.Scope.Store, read.Route.Api);
        ReadScope scope = read.Scope;
        string path = read.Route.Path;
        Kept kept;
        while (true)
        {
            // Not ended by one of those who wait for it.
            Lazy<Task<Kept>> shared = _kept.GetOrAdd(key, _ => new Lazy<Task<Kept>>(() => FetchAsync(scope, path, new FormWriter(), CancellationToken.None)));
            kept = await shared.Value.WaitAsync(read.Gone);
            if (time.GetUtcNow() < kept.Until)
            {
                break;
            }

            _kept.TryRemove(KeyValuePair.Create(key, shared));
            if (kept.Refusal is not null)
            {
                break;
            }
        }

        read.Record.Store = scope.Store.Name;
        read.Record.StoreStatus = kept.Status;
        return (kept.Data, kept.Refusal);
    }

    /// <summary>An answer for one read alone.</summary>
    public async Task<(JsonElement? Data, Refusal? Refusal)> OwnAsync(ReadContext read, ReadScope scope)
    {
        Kept kept = await FetchAsync(scope, read.Route.Path, read.Form, read.Gone);
        read.Record.Store = scope.Store.Name;
        read.Record.StoreStatus = kept.Status;
        return (kept.Data, kept.Refusal);
    }

    private async Task<Kept> FetchAsync(ReadScope scope, string path, FormWriter form, CancellationToken gone)
    {
        // No tenants in the URL either: a store's filter sees the labels of rules, not those of alerts.
        if (StoreTargets.TryGet(scope, path, form, acceptsGzip: false, withTenants: false, out StoreReadRequest request) is { } tooLong)
        {
            return new Kept(null, tooLong, null, default);
        }

        (StoreAnswer? answer, Refusal? refusal, int? status) = await reader.AskAsync(scope.Side, request, TimeLimit, gone);
        if (answer is null)
        {
            return new Kept(null, refusal, status, default);
        }

        using (answer)
        {
            (BufferedAnswer? body, refusal) = await BufferedAnswer.ReadAsync(answer, MaxBytes, "of rules and alerts");
            using (body)
            {
                if (body is null)
                {
                    return new Kept(null, refusal, status, default);
                }

                return DataOf(body.Bytes.ToArray()) is { } data
                    ? new Kept(data, null, status, time.GetUtcNow() + KeptFor)
                    : new Kept(null, ReadRefusals.StoreInvalid("its JSON has another form"), status, default);
            }
        }
    }

    private static JsonElement? DataOf(byte[] body)
    {
        try
        {
            JsonElement root = JsonDocument.Parse(body).RootElement;
            return root.ValueKind == JsonValueKind.Object
                && root.TryGetProperty("status", out JsonElement status) && status.ValueKind == JsonValueKind.String && status.ValueEquals("success")
                && root.TryGetProperty("data", out JsonElement data) && data.ValueKind == JsonValueKind.Object
                    ? data
                    : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>An answer that is kept; refusals are over at once.</summary>
    private sealed record Kept(JsonElement? Data, Refusal? Refusal, int? Status, DateTimeOffset Until);
}
