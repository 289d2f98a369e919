using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.ObjectPool;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Query;

/// <summary>What answers a read once its parameters are read. One for each kind of route.</summary>
internal interface IReadHandler
{
    /// <summary>Answers, or says why not; nothing has been written then, or the connection is aborted.</summary>
    Task<Refusal?> HandleAsync(ReadContext read);
}

/// <summary>
/// Every route of readers. The caller is known and holds <c>metrics:read</c> on one tenant or more. The steps:
/// <list type="number">
/// <item>The tenants' store. All of them live on one.</item>
/// <item>Rate, and a place among those in flight.</item>
/// <item>Parameters, from the raw URL and the raw form.</item>
/// <item>What the route does: parse, enforce, limits, proof of the store, its answer.</item>
/// <item>The record: audit, metrics, slow-query log. Whatever happened.</item>
/// </list>
/// </summary>
internal sealed partial class QueryEndpoint(
    ReadScopes scopes,
    QueryGate gate,
    QueryMetrics metrics,
    ReadRepeats repeats,
    RefusalWriter refusals,
    ObjectPool<ReadWork> works,
    Drain drain,
    IOptions<QueryOptions> options,
    IOptions<AuditOptions> audit,
    TimeProvider time,
    ILogger<QueryEndpoint> logger)
{
    private const int MaxTargetChars = 32 * 1024;
    private const int MaxFormBytes = 1 << 20;

    public async Task HandleAsync(HttpContext http, ReadRoute route, IReadHandler handler)
    {
        Access access = http.Features.Get<Access>() ?? throw new InvalidOperationException("The route resolved no access.");
        ReadRecord record = new();
        http.Features.Set(record);
        ReadHeaders.Set(http.Response);
        foreach (Tenant tenant in access.Tenants)
        {
            metrics.CountTenant(tenant.Name);
        }

        Refusal? refusal = null;
        ReadWork work = works.Get();
        try
        {
            refusal = await HandleAsync(http, access, route, handler, work, record);
            if (refusal is not null)
            {
                await RefuseAsync(http, record, refusal);
            }
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            refusal = ReadRefusals.ClientGone;
            await RefuseAsync(http, record, refusal);
        }
        catch (Exception)
        {
            // A bug of ours, answered at the edge.
            refusal = new Refusal("internal-error", StatusCodes.Status500InternalServerError, "");
            throw;
        }
        finally
        {
            works.Return(work);
            End(http, access, route, record, refusal);
        }
    }

    /// <summary>
    /// Refuses a method that a route does not take. What a POST asked is put down all the same: Grafana sends it again as GET, and whoever
    /// reviews access counts the two once.
    /// </summary>
    public async Task RefuseMethodAsync(HttpContext http, ReadRoute route)
    {
        if (HttpMethods.IsPost(http.Request.Method) && !route.IsRemoteRead && CallerPrincipal.Of(http) is { } caller)
        {
            ReadRecord record = new();
            ReadWork work = works.Get();
            try
            {
                work.Parameters.Reset(route);
                if (await ReadParametersAsync(http, work.Parameters) is null)
                {
                    // What the GET will put down as its text, where the route has one.
                    foreach (ReadParameter parameter in route.Parameters.Where(parameter => parameter.Name is "match[]" or "metric"))
                    {
                        foreach (ReadOnlyMemory<byte> text in work.Parameters.All(parameter.Name))
                        {
                            record.AddText(text.Span);
                        }
                    }
                }
            }
            finally
            {
                works.Return(work);
            }

            record.SealText();
            repeats.Note(Reader.Of(caller), PathOf(http), record, isPost: true, StatusCodes.Status405MethodNotAllowed);
            if (AuditScope.Of(http) is { } scope)
            {
                record.WriteTo(scope, audit.Value.RecordQueryText);
            }
        }

        await UnknownRoutes.RefuseMethodAsync(http, route.Methods);
    }

    private static string PathOf(HttpContext http) =>
        ReadRoute.PathOf(http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget).ToString();

    private async Task<Refusal?> HandleAsync(HttpContext http, Access access, ReadRoute route, IReadHandler handler, ReadWork work, ReadRecord record)
    {
        // 1. The store.
        if (access.Tenants.IsEmpty)
        {
            throw new InvalidOperationException("A read without tenants: authorization must have refused it.");
        }

        if (scopes.TryFind(access.Tenants, out ReadScope? scope) is { } homeless)
        {
            return homeless;
        }

        record.Store = scope!.Store.Name; // found
        if (drain.IsOver)
        {
            return ReadRefusals.ShuttingDown;
        }

        // 2. Rate and place.
        Reader reader = Reader.Of(access.Caller);
        if ((gate.Charge(reader, access.Tenants) ?? await gate.EnterAsync(reader, access.Tenants, http.RequestAborted)) is { } busy)
        {
            return busy;
        }

        try
        {
            // 3. Parameters.
            ReadContext read = new(http, route, scope, work, record)
            {
                MaxRange = ReadLimits.LeastSet(access.MaxRange ?? TimeSpan.Zero, scope.Limits.MaxRange),
                NowMs = time.GetUtcNow().ToUnixTimeMilliseconds(),
            };
            if (!route.IsRemoteRead)
            {
                work.Parameters.Reset(route);
                Refusal? unreadable = await ReadParametersAsync(http, work.Parameters);
                record.DroppedParameters = work.Parameters.Dropped;
                if (unreadable is not null)
                {
                    return unreadable;
                }
            }

            // 4. The route.
            return await handler.HandleAsync(read);
        }
        finally
        {
            gate.Leave(reader, access.Tenants);
        }
    }

    private static async Task<Refusal?> ReadParametersAsync(HttpContext http, ReadParameters parameters)
    {
        HttpRequest request = http.Request;
        string target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (target.Length > MaxTargetChars)
        {
            return new Refusal("target-too-long", StatusCodes.Status414UriTooLong, FormattableString.Invariant(
                $"the address has {target.Length} bytes, limit {MaxTargetChars}; send the parameters by POST"));
        }

        bool hasBody = http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? request.ContentLength > 0;
        if (!HttpMethods.IsPost(request.Method) && hasBody)
        {
            return ReadRefusals.Bad("body-not-allowed", "a GET has no body; put the parameters into the address, or POST them");
        }

        parameters.Add(Encoding.UTF8.GetBytes(ReadRoute.QueryOf(target).ToString()));
        if (parameters.Fault is { } fault)
        {
            return fault;
        }

        return hasBody ? await ReadFormAsync(request, parameters) : null;
    }

    private static async Task<Refusal?> ReadFormAsync(HttpRequest request, ReadParameters parameters)
    {
        if (!IsForm(request.Headers.ContentType))
        {
            return new Refusal("unsupported-media-type", StatusCodes.Status415UnsupportedMediaType, "send application/x-www-form-urlencoded in UTF-8");
        }

        if (request.Headers.ContentEncoding is not [] && request.Headers.ContentEncoding is not ["identity"])
        {
            return new Refusal("unsupported-encoding", StatusCodes.Status415UnsupportedMediaType, "send the form without a Content-Encoding");
        }

        PipeReader reader = request.BodyReader;
        while (true)
        {
            ReadResult body = await reader.ReadAsync(request.HttpContext.RequestAborted);
            if (body.Buffer.Length > MaxFormBytes || request.ContentLength > MaxFormBytes)
            {
                reader.AdvanceTo(body.Buffer.End);
                return new Refusal("form-too-large", StatusCodes.Status413PayloadTooLarge, FormattableString.Invariant(
                    $"the form has more than {MaxFormBytes} bytes; shorten the query or send fewer match[]"));
            }

            if (body.IsCompleted)
            {
                parameters.Add(body.Buffer.IsSingleSegment ? body.Buffer.FirstSpan : body.Buffer.ToArray());
                reader.AdvanceTo(body.Buffer.End);
                return parameters.Fault;
            }

            reader.AdvanceTo(body.Buffer.Start, body.Buffer.End);
        }
    }

    private static bool IsForm(Microsoft.Extensions.Primitives.StringValues contentType) =>
        contentType is [{ } one]
        && MediaTypeHeaderValue.TryParse(one, out MediaTypeHeaderValue? type)
        && type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase)
        && type.Parameters.All(parameter =>
            parameter.Name.Equals("charset", StringComparison.OrdinalIgnoreCase)
            && HeaderUtilities.RemoveQuotes(parameter.Value).Equals("utf-8", StringComparison.OrdinalIgnoreCase));

    private async Task RefuseAsync(HttpContext http, ReadRecord record, Refusal refusal)
    {
        if (refusal.Reason == "enforcement-mismatch")
        {
            metrics.Mismatches.Inc();
            record.SealText();
            LogMismatch(record.TextHash.IsDefault ? "" : Convert.ToHexStringLower(record.TextHash.AsSpan()), http.TraceIdentifier);
        }

        if (refusal.Reason == "client-gone" || http.Response.HasStarted)
        {
            // Nobody is there to be answered, or the answer was aborted already.
            AuditScope.Of(http)?.Refuse(refusal.Reason, refusal.StatusCode);
            http.Abort();
            return;
        }

        http.Response.Headers.ContentEncoding = default;
        http.Response.Headers.Vary = default;
        http.Response.ContentLength = null;
        await refusals.WriteAsync(http, refusal);
    }

    // 5. The record.
    private void End(HttpContext http, Access access, ReadRoute route, ReadRecord record, Refusal? refusal)
    {
        record.SealText();
        int status = refusal?.StatusCode ?? http.Response.StatusCode;
        bool isPost = HttpMethods.IsPost(http.Request.Method);
        record.RepeatOf = repeats.Note(Reader.Of(access.Caller), PathOf(http), record, isPost, status);
        TimeSpan elapsed = record.Elapsed;
        metrics.Count(route, status, refusal?.Reason, elapsed, record.ResultBytes, record.DroppedParameters);
        if (AuditScope.Of(http) is { } scope)
        {
            record.WriteTo(scope, audit.Value.RecordQueryText);
        }

        if (elapsed > options.Value.SlowThreshold)
        {
            string tenants = string.Join(',', access.Tenants.Select(tenant => tenant.Name));
            string text = audit.Value.RecordQueryText ? AuditScope.Of(http)?.Query?.Text ?? "" : "";
            LogSlow(http.Request.Method, route.Name, elapsed.TotalSeconds, status, record.ResultBytes, record.StoreUs ?? 0, access.Caller.ObjectId, tenants, text, http.TraceIdentifier);
        }
    }

    [LoggerMessage(LogLevel.Error, "A text written for the store differs from what was asked; nothing was sent (SHA-256 of the text {TextHash}, request {RequestId})")]
    private partial void LogMismatch(string textHash, string requestId);

    [LoggerMessage(LogLevel.Warning, "Slow read {Method} {Route}: {Seconds:0.000} s, status {StatusCode}, {Bytes} bytes, store {StoreUs} us; subject {Subject}, tenants {Tenants}, text {Text} (request {RequestId})")]
    private partial void LogSlow(
        string method, string route, double seconds, int statusCode, long bytes, long storeUs, Guid subject, string tenants, string text, string requestId);
}

/// <summary>What every answer to a reader has besides its content. A bearer token is no ambient credential, so any origin may use one.</summary>
internal static class ReadHeaders
{
    public static void Set(HttpResponse response)
    {
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.AccessControlAllowOrigin = "*";
        response.Headers.AccessControlAllowMethods = "GET, POST, DELETE, OPTIONS";
        response.Headers.AccessControlAllowHeaders = "Accept, Authorization, Content-Type, Origin";
        response.Headers.AccessControlExposeHeaders = "Date";
    }
}
