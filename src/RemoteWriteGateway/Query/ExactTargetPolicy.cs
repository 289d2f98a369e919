using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing.Matching;

namespace RemoteWriteGateway.Query;

/// <summary>Endpoint metadata: the route is taken only in exactly this spelling.</summary>
internal sealed record ExactTarget(string Path);

/// <summary>Drops routes that the raw target does not spell exactly, so that the request is one of no route: 404.</summary>
internal sealed class ExactTargetPolicy : MatcherPolicy, IEndpointSelectorPolicy
{
    // Before the method is looked at: another spelling is unknown, not a known path with a wrong method.
    public override int Order => -2000;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => endpoints.Any(endpoint => endpoint.Metadata.GetMetadata<ExactTarget>() is not null);

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        string target = httpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        for (int i = 0; i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i)
                && candidates[i].Endpoint.Metadata.GetMetadata<ExactTarget>() is { } exact
                && !ReadRoute.IsExactly(exact.Path, target))
            {
                candidates.SetValidity(i, false);
            }
        }

        return Task.CompletedTask;
    }
}
