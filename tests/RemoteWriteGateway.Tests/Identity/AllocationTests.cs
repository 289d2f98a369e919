using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>What a token costs that is in the cache: nothing beyond what the bearer scheme allocates whose event has the principal at hand.</summary>
public sealed class AllocationTests
{
    private const int Requests = 2000;
    private const int Rounds = 5;

    [Theory]
    [InlineData(0)]
    [InlineData(8000)]
    public async Task A_hit_in_the_cache_allocates_nothing_of_ours(int moreCharacters)
    {
        await using IdentityHost host = await IdentityHost.StartAsync();
        string token = host.WithClaim("aio", $"\"{new string('a', moreCharacters)}\"");
        Caller caller = (await host.GetAsync(token)).Caller!;
        JwtBearerEvents events = host.Services.GetRequiredService<IOptionsMonitor<JwtBearerOptions>>().Get("Bearer").Events;
        Func<MessageReceivedContext, Task> fromTheCache = events.OnMessageReceived;
        CallerPrincipal principal = new(caller);

        // In turn, so that neither has the better compiled code; the cheapest round counts, which has nothing of the compiler's in it.
        List<long> theirs = [];
        List<long> ours = [];
        for (int round = 0; round < Rounds; round++)
        {
            events.OnMessageReceived = context =>
            {
                context.Principal = principal;
                context.Success();
                return Task.CompletedTask;
            };
            theirs.Add(AllocatedBytes(host.Services, token));
            events.OnMessageReceived = fromTheCache;
            ours.Add(AllocatedBytes(host.Services, token));
        }

        Assert.InRange(ours.Min(), 1, theirs.Min());
        Assert.Equal((1L, (long)Requests * Rounds), (host.Cache.Misses, host.Cache.Hits));
    }

    /// <summary>Bytes a request, which complete without waiting, on this thread.</summary>
    private static long AllocatedBytes(IServiceProvider services, string token)
    {
        string authorization = $"Bearer {token}";
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Requests; i++)
        {
            using IServiceScope scope = services.CreateScope();
            DefaultHttpContext http = new() { RequestServices = scope.ServiceProvider };
            http.Request.Headers.Authorization = authorization;
            Task<AuthenticateResult> result = scope.ServiceProvider.GetRequiredService<IAuthenticationService>().AuthenticateAsync(http, "Bearer");
            Assert.True(result.IsCompletedSuccessfully && result.Result.Succeeded);
        }

        return (GC.GetAllocatedBytesForCurrentThread() - before) / Requests;
    }
}
