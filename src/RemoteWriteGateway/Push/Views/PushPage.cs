using System.Text;

namespace RemoteWriteGateway.Push.Views;

/// <summary>The page at <c>/</c> and <c>/status</c>: what this is and where things are. It is the same for everybody and shows no data.</summary>
internal static class PushPage
{
    private static readonly byte[] Html = Encoding.UTF8.GetBytes("""
        <!DOCTYPE html>
        <html lang="en">
        <head><meta charset="utf-8"><title>Remote Write Gateway</title></head>
        <body>
        <h1>Remote Write Gateway</h1>
        <p>Every route but this page and the health checks needs a token of the directory, sent as <code>Authorization: Bearer</code>.</p>
        <ul>
        <li><code>PUT, POST, DELETE /metrics/job/&lt;job&gt;{/&lt;label&gt;/&lt;value&gt;}</code>: push a group, or delete it</li>
        <li><code>GET /metrics</code>, <code>GET /api/v1/metrics</code>, <code>GET /api/v1/groups</code>: the groups of your tenant</li>
        <li><code>POST /api/v1/write</code>: remote write</li>
        <li><code>/api/v1/query</code> and its like: the Prometheus API, for reading</li>
        <li><code>GET /whoami</code>: what your token is allowed</li>
        <li><code>/-/healthy</code>, <code>/-/ready</code></li>
        </ul>
        <p>Each of them also stands under <code>/tenants/&lt;tenant&gt;</code>, which chooses among the tenants that you are granted.</p>
        </body>
        </html>
        """);

    public static async Task WriteAsync(HttpContext http)
    {
        http.Response.ContentType = "text/html; charset=utf-8";
        http.Response.ContentLength = Html.Length;
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.Headers.ContentSecurityPolicy = "default-src 'none'";
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await http.Response.Body.WriteAsync(Html, http.RequestAborted);
        }
    }
}
