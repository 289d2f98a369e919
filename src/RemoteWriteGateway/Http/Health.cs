namespace RemoteWriteGateway.Http;

/// <summary><c>/-/healthy</c> and <c>/-/ready</c>, without a token, on both listeners.</summary>
internal static class Health
{
    /// <summary>The routes of the data listener; the management listener answers them by itself.</summary>
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/-/healthy", ["GET", "HEAD"], Healthy).AllowAnonymous();
        routes.MapMethods("/-/ready", ["GET", "HEAD"], Ready).AllowAnonymous();
    }

    /// <summary>200 while the process answers.</summary>
    public static IResult Healthy() => TypedResults.Text("OK\n");

    /// <summary>503 only while every data request would be refused, with one line per reason.</summary>
    public static IResult Ready(IEnumerable<IReadinessCheck> checks)
    {
        string reasons = string.Join("", checks.Select(check => check.NotReadyBecause).OfType<string>().Select(reason => $"not ready: {reason}\n"));
        return reasons.Length == 0
            ? TypedResults.Text("OK\n")
            : TypedResults.Text(reasons, statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}
