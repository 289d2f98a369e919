using Microsoft.Extensions.ObjectPool;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Audit;

/// <summary>Opens each request's <see cref="AuditScope"/> and closes it when all is over, whatever happened.</summary>
internal sealed class AuditMiddleware(RequestDelegate next, ObjectPool<AuditScope> scopes, RefusalWriter refusals)
{
    public async Task InvokeAsync(HttpContext http)
    {
        AuditScope scope = scopes.Get();
        scope.Open(http);
        http.Features.Set(scope);
        try
        {
            await next(http);
        }
        finally
        {
            await CloseAsync(http, scope);
        }
    }

    private async ValueTask CloseAsync(HttpContext http, AuditScope scope)
    {
        try
        {
            await scope.CloseAsync();
        }
        catch (AuditUnavailableException) when (!http.Response.HasStarted)
        {
            // What cannot be put on record is not answered.
            http.Response.Clear();
            await refusals.WriteAsync(http, AuditRefusals.Unavailable);
        }
        finally
        {
            http.Features.Set<AuditScope>(null);
            if (scope.IsReusable)
            {
                scopes.Return(scope);
            }
        }
    }
}

/// <summary>Makes scopes, and takes them back empty.</summary>
internal sealed class AuditScopePolicy(AuditLog log, TimeProvider time) : PooledObjectPolicy<AuditScope>
{
    public override AuditScope Create() => new(log, time);

    public override bool Return(AuditScope obj)
    {
        obj.Clear();
        return true;
    }
}

/// <summary>Notes on the request's scope what was refused, whoever refused it.</summary>
internal sealed class AuditedRefusals : IRefusalObserver
{
    public void OnRefused(HttpContext http, Refusal refusal) => AuditScope.Of(http)?.Refuse(refusal.Reason, refusal.StatusCode);
}
