using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Tenancy;

/// <summary>Answers what authorization refused, in the dialect of the route. The authentication scheme's own challenge and forbid never run.</summary>
internal sealed class RefusalResultHandler(RefusalWriter writer) : IAuthorizationMiddlewareResultHandler
{
    /// <exception cref="InvalidOperationException">Authorization failed without a reason, which answers 500: a requirement that is not ours stands on the route.</exception>
    public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult) =>
        authorizeResult.Succeeded
            ? next(context)
            : writer.WriteAsync(context, context.Features.Get<Refusal>()
                ?? throw new InvalidOperationException("The request was refused, and nobody said why."));
}
