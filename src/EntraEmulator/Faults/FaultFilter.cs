namespace EntraEmulator.Faults;

/// <summary>Counts the requests of an endpoint and answers in its place while it is out of order.</summary>
internal static class FaultFilter
{
    /// <summary>Marks a followed redirect, which gets the right answer.</summary>
    private const string RedirectedMark = "redirected";

    private const string Garbage = "<!DOCTYPE html><title>Maintenance</title><p>{ this is no document of the emulator";

    /// <summary>Makes a route countable and fallible as <paramref name="endpoint"/>.</summary>
    public static RouteHandlerBuilder WithFaults(this RouteHandlerBuilder route, EmulatedEndpoint endpoint) =>
        route.AddEndpointFilter(async (invocation, next) =>
        {
            HttpContext http = invocation.HttpContext;
            http.RequestServices.GetRequiredService<RequestCounts>().Increment(endpoint);
            FaultSwitch faults = http.RequestServices.GetRequiredService<FaultSwitch>();
            IHostApplicationLifetime lifetime = http.RequestServices.GetRequiredService<IHostApplicationLifetime>();

            using var gone = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
            try
            {
                await faults.WaitWhileHangingAsync(endpoint, gone.Token);
                if (faults[endpoint] == Fault.Slow)
                {
                    await Task.Delay(FaultSwitch.SlowDelay, http.RequestServices.GetRequiredService<TimeProvider>(), gone.Token);
                }
            }
            catch (OperationCanceledException)
            {
                // The client is gone and reads no answer, or the emulator stops and owes one.
                return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
            }

            return AnswerOf(faults[endpoint], http.Request) ?? await next(invocation);
        });

    /// <summary>What is answered instead; null if nothing is.</summary>
    private static IResult? AnswerOf(Fault fault, HttpRequest request)
    {
        switch (fault)
        {
            case Fault.Unavailable:
                return Results.Text("The emulator was told to fail.", statusCode: StatusCodes.Status503ServiceUnavailable);

            case Fault.Garbage:
                return Results.Text(Garbage, "text/html");

            case Fault.Redirect when !request.Query.ContainsKey(RedirectedMark):
                QueryString query = request.QueryString.Add(RedirectedMark, "1");
                return Results.Redirect(request.Path + query, preserveMethod: !HttpMethods.IsGet(request.Method));

            default:
                return null;
        }
    }
}
