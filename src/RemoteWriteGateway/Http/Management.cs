using Prometheus;

namespace RemoteWriteGateway.Http;

/// <summary>The management listener: the gateway's own metrics, and health. Nothing of the data listener is there, and the reverse.</summary>
internal static class Management
{
    public static void UseManagement(this IApplicationBuilder app) => app.MapWhen(Listeners.IsManagement, management =>
    {
        var registry = management.ApplicationServices.GetRequiredService<CollectorRegistry>();
        management.UseMetricServer(settings => settings.Registry = registry, "/metrics");
        management.Run(http => AnswerAsync(http));
    });

    private static Task AnswerAsync(HttpContext http)
    {
        IResult answer = http.Request.Path.Value switch
        {
            "/-/healthy" => Health.Healthy(),
            "/-/ready" => Health.Ready(http.RequestServices.GetServices<IReadinessCheck>()),
            _ => TypedResults.Text("not found: this listener has /metrics, /-/healthy and /-/ready\n", statusCode: StatusCodes.Status404NotFound),
        };
        return answer.ExecuteAsync(http);
    }
}
