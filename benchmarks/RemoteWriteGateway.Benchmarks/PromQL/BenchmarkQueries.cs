using System.Text;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Benchmarks.PromQL;

/// <summary>The texts that are measured.</summary>
internal static class BenchmarkQueries
{
    /// <summary>As a panel asks: 3 selectors, 250 bytes.</summary>
    public const string Dashboard =
        """
        100 * sum by (job, instance) (rate(http_requests_total{job=~"api|web",code=~"5..",cluster="eu-1"}[5m]))
          / sum by (job, instance) (rate(http_requests_total{job=~"api|web",cluster="eu-1"}[5m]))
          * on (instance) group_left (team) instance_info{env="prod"}
        """;

    /// <summary>A recording rule that has grown for years.</summary>
    public static string Monster { get; } = string.Join(
        "\n  or\n",
        Enumerable.Range(0, 15).Select(i =>
            $$"""
            label_replace(histogram_quantile(0.9{{i}}, sum without (pod, "zone.id") (rate({'request_duration_seconds_bucket', job='svc-{{i}}', path!~`/(health|ready)\d*`}[5m] offset 1h))), "quantile", "p9{{i}}", "", "")
              # the busiest of them only
              and on (job) topk(0x0{{i % 8}} + scalar(count(up{job="svc-{{i}}"})), sum by (job) (rate(requests_total{job="svc-{{i}}"}[1h30m]))) > bool 1e-3
              unless (max_over_time((-deriv(temperature{room=~".+"}[10m:30s]))[1h:5m] @ end()) * ignoring (a, b) group_right (c) default{x="y"})
            """));

    /// <summary>64 KiB, most of it selectors.</summary>
    public static string Limit { get; } = MakeLimit();

    public static EnforceOptions Options { get; } = EnforceOptions.Default;

    private static string MakeLimit()
    {
        StringBuilder text = new("up");
        for (int i = 0; i < 480; i++)
        {
            text.Append(" + on (job, instance) rate(http_requests_total{job=~\"api|web|worker\",instance=\"host-").Append(i).Append(":9090\",cluster!=\"eu-1\",zone=~\"[a-c]\"}[5m])");
        }

        return text.ToString();
    }
}
