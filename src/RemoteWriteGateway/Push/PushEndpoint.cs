using System.Collections.Frozen;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.ObjectPool;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push;

/// <summary>
/// PUT, POST and DELETE of <c>/metrics/job/…</c>. The caller is known and holds <c>metrics:push</c> on exactly one tenant. The steps:
/// <list type="number">
/// <item>The path: which group.</item>
/// <item>Headers, ours and those of the body. A deletion looks at none.</item>
/// <item>The rate.</item>
/// <item>The body, counted while it is read and while it is unpacked.</item>
/// <item>Its format, then its content as far as that needs no database.</item>
/// <item>The transaction. The answer follows its commit.</item>
/// </list>
/// </summary>
internal sealed class PushEndpoint(
    PushTenants tenants,
    PushGate gate,
    PushStore store,
    WriteWorkPool pool,
    ObjectPool<MetricFamilies> familyPool,
    RefusalWriter refusals,
    PushMetrics metrics,
    Drain drain)
{
    private const int KeepBytes = 1 << 20;

    private static readonly Refusal ShuttingDown = Unavailable("shutting-down", "the gateway is stopping; retry");
    private static readonly Refusal Busy = Unavailable("catalog-busy", "too many pushes wait for the catalog; retry");
    private static readonly Refusal Away = Unavailable("catalog-unavailable", "the catalog cannot be reached, so nothing could be stored; retry");

    private static readonly Refusal Unreadable = Unavailable(
        UnreadablePayloads.Reason,
        "what is stored of the group cannot be read, so nothing can be added to it; PUT the group in mode replace, or DELETE it, to begin anew; the gateway's log says why");

    /// <summary>Refuses any other method, once the path has been looked at.</summary>
    public Task RefuseMethodAsync(HttpContext http) =>
        Path(http, tenants.Of(Tenant.Of(http)), out _, out _) is { } refusal
            ? refusals.WriteAsync(http, refusal)
            : UnknownRoutes.RefuseMethodAsync(http, PushFeature.GroupMethods);

    public async Task PushAsync(HttpContext http)
    {
        long started = Stopwatch.GetTimestamp();
        PushTenant tenant = tenants.Of(Tenant.Of(http));
        if (await PushAsync(http, tenant) is { } refusal)
        {
            await refusals.WriteAsync(http, refusal);
        }
        else
        {
            // As a Pushgateway answers, with which clients compare.
            http.Response.StatusCode = StatusCodes.Status200OK;
            http.Response.ContentLength = 0;
            metrics.CountStored(tenant.Name, http.Request.Method);
        }

        metrics.ObserveDuration(http.Request.Method, Stopwatch.GetElapsedTime(started));
    }

    public async Task DeleteAsync(HttpContext http)
    {
        long started = Stopwatch.GetTimestamp();
        PushTenant tenant = tenants.Of(Tenant.Of(http));
        if (await DeleteAsync(http, tenant) is { } refusal)
        {
            await refusals.WriteAsync(http, refusal);
        }
        else
        {
            http.Response.StatusCode = StatusCodes.Status202Accepted;
            http.Response.ContentLength = 0;
            metrics.CountStored(tenant.Name, http.Request.Method);
        }

        metrics.ObserveDuration(http.Request.Method, Stopwatch.GetElapsedTime(started));
    }

    private async Task<Refusal?> DeleteAsync(HttpContext http, PushTenant tenant)
    {
        if ((Path(http, tenant, out PushPath? path, out GroupKey? key) ?? Admit(http, tenant)) is { } refusal)
        {
            return refusal;
        }

        try
        {
            // No token: a client that hangs up does not stop what has begun.
            DeleteOutcome outcome = await PushRecords.DeleteAsync(
                http,
                record => store.DeleteAsync(tenant.Name, key!, record, CancellationToken.None), // a path without a refusal has a key
                groups => DetailOf(path!.Job, groups)); // as the key
            return RefusalOf(outcome.Fate);
        }
        catch (AuditUnavailableException)
        {
            return AuditRefusals.Unavailable;
        }
    }

    private async Task<Refusal?> PushAsync(HttpContext http, PushTenant tenant)
    {
        // 1. The path.
        if (Path(http, tenant, out PushPath? path, out GroupKey? key) is { } unclear)
        {
            return unclear;
        }

        // 2. Headers.
        PushRule? rule = tenant.Settings.RuleFor(key!.Labels); // a path without a refusal has a key
        if (PushHeaders.TryRead(http.Request.Headers, out PushHeaders headers) is { } invalid)
        {
            return invalid;
        }

        if (PushModes.TryDecide(headers, http.Features.GetRequiredFeature<PushTarget>(), rule, out PushMode mode) is { } conflict)
        {
            return conflict;
        }

        PushEncoding encoding = PushMediaType.EncodingOf(http.Request.Headers.ContentEncoding);
        if (encoding == PushEncoding.Unknown && http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != false)
        {
            return new Refusal(
                "unsupported-encoding", StatusCodes.Status415UnsupportedMediaType, "send Content-Encoding: gzip, snappy (block or framing format) or none of it");
        }

        // 3. The rate.
        if (Admit(http, tenant) is { } limited)
        {
            return limited;
        }

        if (pool.Rent() is not { } work)
        {
            return TooManyInflight("as many requests or bytes as it may hold");
        }

        MetricFamilies families = familyPool.Get();
        bool isBegun = false;
        try
        {
            families.Begin(work.Budget);
            isBegun = true;
            Incoming push = new(http, tenant, path!, key, new PushIntent(mode, rule, headers, encoding), work, families);
            return await StoreAsync(push);
        }
        catch (ByteBudgetExceededException)
        {
            return TooManyInflight("as many bytes of requests as it may (Ingest:MaxInflightBytes)");
        }
        finally
        {
            if (isBegun)
            {
                families.End(KeepBytes);
            }

            familyPool.Return(families);
            pool.Return(work);
        }
    }

    private async Task<Refusal?> StoreAsync(Incoming push)
    {
        (HttpContext http, PushTenant tenant, _, GroupKey key, PushIntent intent, WriteWork work, MetricFamilies families) = push;

        // 4. The body.
        if (await PushBody.ReadAsync(http.Request, work, tenant.Writes.MaxBodyBytes) is { } unread)
        {
            return unread;
        }

        metrics.CountBody(tenant.Name, work.Body.Length);
        if (PushBody.Unpack(work, intent.Encoding, tenant.Writes.MaxDecodedBytes, out ReadOnlyMemory<byte> body) is { } packed)
        {
            return packed;
        }

        // 5. Format and content.
        ExpositionFormat format = PushMediaType.FormatOf(http.Request.Headers.ContentType);
        GroupingLabels grouping = key.ForBody();
        ExpositionFault fault = ExpositionReader.Read(body, format, tenant.Exposition, families);
        fault = fault.IsNone ? ContentRules.Check(families, grouping, tenant.Exposition) : fault;
        if (!fault.IsNone && !fault.Reason.IsTraced())
        {
            string hint = PushMediaType.LacksParameters(http.Request.Headers.ContentType)
                ? "; it was read as text, since the media type lacks proto=io.prometheus.client.MetricFamily or encoding=delimited" : "";
            return new Refusal(fault.Reason.Id(), StatusCodes.Status400BadRequest, fault.Text + hint);
        }

        if (fault.IsNone)
        {
            metrics.CountIgnored(tenant.Name, families.IgnoredSamples, families.DroppedExemplars);
        }

        // 6. The transaction. No token: a sender that hangs up does not stop what has begun.
        PushOutcome outcome = await store.PushAsync(RequestOf(push, grouping, fault), CancellationToken.None);
        if (outcome.Fate == PushFate.Stored)
        {
            AuditScope.Of(http)?.AddPushed(push.Path.Job, families.Series, work.Body.Length);
        }
        else if (outcome.Fate == PushFate.Replayed)
        {
            http.Response.Headers["Idempotent-Replayed"] = "true";
        }

        return outcome.Refusal is { } refused
            ? new Refusal(refused.Reason, refused.IsLimit ? tenant.Writes.LimitStatus : StatusCodes.Status400BadRequest, refused.Text)
            : RefusalOf(outcome.Fate);
    }

    private static PushRequest RequestOf(Incoming push, GroupingLabels grouping, ExpositionFault fault) => new()
    {
        Tenant = push.Tenant.Name,
        Key = push.Key,
        Verb = HttpMethods.IsPost(push.Http.Request.Method) ? PushVerb.Post : PushVerb.Put,
        Mode = push.Intent.Mode,
        Gauges = push.Intent.Rule?.Gauges ?? FrozenDictionary<string, GaugeRule>.Empty,
        Families = push.Families,
        Grouping = grouping,
        Refusal = fault.IsNone ? null : new PushRefusal(fault.Reason.Id(), fault.Text),
        Ttl = push.Intent.Headers.Ttl ?? push.Intent.Rule?.Ttl,
        Idempotency = push.Intent.Headers.IdempotencyKey is { } name ? new IdempotencyKey(name, Fingerprint(push)) : null,
        Caller = PushRecords.CallerOf(push.Http),
        Limits = push.Tenant.Limits,
        MaxHistogramBuckets = push.Tenant.Writes.MaxHistogramBuckets,
    };

    /// <summary>Reads the path; the key is that of the group at the store.</summary>
    private static Refusal? Path(HttpContext http, PushTenant tenant, out PushPath? path, out GroupKey? key)
    {
        key = null;
        if (PushPath.TryRead(
            http.Features.GetRequiredFeature<PushTarget>(), tenant.Settings.Utf8Names, tenant.Settings.MaxGroupingLabels, out path) is { } refusal)
        {
            return refusal;
        }

        return GroupKey.TryCreate(path!.Labels, tenant.Stamping, out key, out PushRefusal? fault) // not null without a refusal
            ? null
            : new Refusal(fault!.Reason, StatusCodes.Status400BadRequest, fault.Text); // not null: there is no key
    }

    /// <summary>Whether anything is taken at all, and from this caller now.</summary>
    private Refusal? Admit(HttpContext http, PushTenant tenant)
    {
        Access access = http.Features.GetRequiredFeature<Access>();
        return drain.IsOver ? ShuttingDown : gate.Charge(tenant.Tenant, access.Caller, tenant.Writes.LimitStatus);
    }

    /// <summary>What a repeat must have in common with the first: method, mode, group, media type, body.</summary>
    private static byte[] Fingerprint(Incoming push)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{push.Http.Request.Method}\n{push.Intent.Mode}\n"));
        hash.AppendData(push.Key.Bytes);
        hash.AppendData(Encoding.UTF8.GetBytes($"{push.Http.Request.ContentType}\n"));
        hash.AppendData(push.Work.Body.Span);
        return hash.GetHashAndReset();
    }

    private static string DetailOf(string job, int groups) => JsonSerializer.Serialize(new { job, groups });

    private static Refusal? RefusalOf(PushFate fate) => fate switch
    {
        PushFate.Busy => Busy,
        PushFate.Away => Away,
        PushFate.Unreadable => Unreadable,
        _ => null,
    };

    private static Refusal TooManyInflight(string what) => Unavailable("too-many-inflight", $"the gateway holds {what}; retry");

    private static Refusal Unavailable(string reason, string text) => new(reason, StatusCodes.Status503ServiceUnavailable, text);

    /// <summary>What headers, URL and policy ask for.</summary>
    private sealed record PushIntent(PushMode Mode, PushRule? Rule, PushHeaders Headers, PushEncoding Encoding);

    /// <summary>One push on its way.</summary>
    private sealed record Incoming(
        HttpContext Http, PushTenant Tenant, PushPath Path, GroupKey Key, PushIntent Intent, WriteWork Work, MetricFamilies Families);
}
