using System.CommandLine;
using System.Net;

namespace RemoteWriteGateway.Http;

/// <summary>
/// <c>rwgateway health</c>: asks the gateway that runs beside it, over its management listener, for containers without a shell or curl.
/// Exit code 0 healthy (with <c>--ready</c>: ready), 1 not, 2 no way to ask.
/// </summary>
internal static class HealthCommand
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);

    /// <param name="service">Gives the configuration that the service has; asked when the command runs.</param>
    public static Command Create(Func<WebApplicationBuilder> service)
    {
        Option<bool> ready = new("--ready") { Description = "Ask whether it takes requests, not only whether it lives." };
        Command command = new("health", "Ask the gateway of this configuration how it is.") { ready };
        command.SetAction((parsed, cancellationToken) => AskAsync(
            service().Configuration.GetSection(ManagementOptions.Section).Get<ManagementOptions>() ?? new ManagementOptions(),
            parsed.GetValue(ready) ? "/-/ready" : "/-/healthy",
            parsed.InvocationConfiguration,
            cancellationToken));
        return command;
    }

    private static async Task<int> AskAsync(ManagementOptions options, string path, InvocationConfiguration console, CancellationToken cancellationToken)
    {
        if (ListenUrl.Fault(options.Url) is { } fault)
        {
            await console.Error.WriteLineAsync($"Management:Url: {fault}");
            return 2;
        }

        ListenUrl listener = ListenUrl.Parse(options.Url);
        if (listener.Port == 0)
        {
            await console.Error.WriteLineAsync($"Management:Url: {options.Url} takes a free port, so nobody can know which");
            return 2;
        }

        Uri url = new UriBuilder(Uri.UriSchemeHttp, HostOf(listener), listener.Port, path).Uri;
        using HttpClient client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = Timeout };
        try
        {
            using HttpResponseMessage answer = await client.GetAsync(url, cancellationToken);
            await console.Output.WriteAsync(await answer.Content.ReadAsStringAsync(cancellationToken));
            return answer.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            await console.Error.WriteLineAsync($"{url} does not answer: {e.Message}");
            return 1;
        }
    }

    /// <summary>Who listens on every address listens on loopback.</summary>
    private static string HostOf(ListenUrl listener) => listener.Address is not { } address ? "localhost"
        : address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback.ToString()
        : address.ToString();
}
