using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.RemoteWrite;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push.Views;

/// <summary>What all views of groups have in common: headers, a place among the tenant's reads, and the answer while the catalog is away.</summary>
internal sealed class PushReads(CatalogDatabase catalog, RefusalWriter refusals, IOptions<PushOptions> options, TimeProvider time)
{
    private const int MaxReadsOfTenant = 4;

    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(5);

    private static readonly Refusal Busy = new(
        "catalog-busy", StatusCodes.Status503ServiceUnavailable, $"{MaxReadsOfTenant} reads of this tenant's groups are being answered, and more wait; retry");

    public static readonly Refusal Away = new(
        "catalog-unavailable", StatusCodes.Status503ServiceUnavailable, "the catalog cannot be reached; retry");

    private static readonly Refusal TooManyBytes = new(
        "too-many-inflight",
        StatusCodes.Status503ServiceUnavailable,
        "the tenant's groups and other such answers are more bytes than they may hold together, half of Ingest:MaxInflightBytes; retry, or raise it");

    private readonly ConcurrentDictionary<string, SemaphoreSlim> _places = new(StringComparer.Ordinal);

    /// <summary>Sets the headers that a Pushgateway's JSON has.</summary>
    public void SetHeaders(HttpResponse response)
    {
        response.Headers.AccessControlAllowOrigin = options.Value.CorsOrigins;
        response.Headers.AccessControlAllowMethods = "GET, POST, DELETE, OPTIONS";
        response.Headers.AccessControlAllowHeaders = "Accept, Authorization, Content-Type, Origin";
        response.Headers.AccessControlExposeHeaders = "Date";
        response.Headers.CacheControl = "no-cache, no-store, must-revalidate";
        if (options.Value.CorsOrigins != "*")
        {
            response.Headers.Vary = "Origin";
        }
    }

    /// <summary>Runs a view.</summary>
    /// <param name="http">The request.</param>
    /// <param name="view">Gives a refusal if nothing was written yet.</param>
    public async Task RunAsync(HttpContext http, Func<HttpContext, Tenant, CancellationToken, Task<Refusal?>> view)
    {
        Tenant tenant = Tenant.Of(http);
        if (await EnterAsync(tenant.Name, http.RequestAborted) is not { } place)
        {
            await refusals.WriteAsync(http, Busy);
            return;
        }

        try
        {
            if (await view(http, tenant, http.RequestAborted) is { } refusal)
            {
                await refusals.WriteAsync(http, refusal);
            }
        }
        catch (ByteBudgetExceededException)
        {
            await EndAsync(http, TooManyBytes);
        }
        catch (Exception e) when (catalog.IsAway(e))
        {
            await EndAsync(http, Away);
        }
        finally
        {
            place.Release();
        }
    }

    /// <summary>Ends a view that cannot go on.</summary>
    private async Task EndAsync(HttpContext http, Refusal refusal)
    {
        if (http.Response.HasStarted)
        {
            // Half an answer must not look like a whole one.
            http.Abort();
            return;
        }

        http.Response.ContentLength = null;
        http.Response.Headers.ContentEncoding = default;
        await refusals.WriteAsync(http, refusal);
    }

    private async Task<SemaphoreSlim?> EnterAsync(string tenant, CancellationToken gone)
    {
        SemaphoreSlim places = _places.GetOrAdd(tenant, static _ => new SemaphoreSlim(MaxReadsOfTenant));
        if (places.Wait(0, CancellationToken.None))
        {
            return places;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(gone);
        using var timer = time.CreateTimer(static state => ((CancellationTokenSource)state!).Cancel(), patience, MaxWait, Timeout.InfiniteTimeSpan); // not null: given here
        try
        {
            await places.WaitAsync(patience.Token);
            return places;
        }
        catch (OperationCanceledException) when (!gone.IsCancellationRequested)
        {
            return null;
        }
    }
}
