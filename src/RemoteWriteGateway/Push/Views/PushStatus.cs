using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push.Views;

/// <summary><c>GET /api/v1/status</c>: what runs here, in the form in which a Pushgateway tells it.</summary>
internal sealed class PushStatus(PushReads reads, IOptions<PushOptions> options, TimeProvider time)
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = false };

    private readonly DateTimeOffset _started = time.GetUtcNow();

    public Task HandleAsync(HttpContext http)
    {
        reads.SetHeaders(http.Response);
        Dictionary<string, object> answer = new()
        {
            ["status"] = "success",
            ["data"] = new Dictionary<string, object>
            {
                ["build_information"] = new Dictionary<string, string>
                {
                    ["branch"] = "",
                    ["buildDate"] = "",
                    ["buildUser"] = "",
                    ["goVersion"] = RuntimeInformation.FrameworkDescription,
                    ["revision"] = "",
                    ["version"] = ReplicaIdentity.ProgramVersion,
                },
                ["flags"] = new Dictionary<string, string>
                {
                    ["persistence.file"] = "catalog",
                    ["push.enable-utf8-names"] = Word(Tenant.Of(http).Settings<PushSettings>().Utf8Names),
                    ["web.enable-admin-api"] = Word(options.Value.AllowWipe),
                },
                ["start_time"] = _started.ToString("O"),
            },
        };
        return http.Response.WriteAsJsonAsync(answer, Json, "application/json", http.RequestAborted);
    }

    private static string Word(bool flag) => flag ? "true" : "false";
}
