using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>
/// What the senders scrape: values that follow from the number of the scrape, with timestamps of its own, so that what must be found
/// in a store afterwards is known to the bit. Each sender has its own path and is served a fixed number of scrapes, once it is opened.
/// </summary>
internal sealed class ScriptedTarget : IAsyncDisposable
{
    /// <summary>How many scrapes each sender gets.</summary>
    public const int Scrapes = 8;

    /// <summary>Scrapes in which the series <c>e2e_fleeting</c> is there; it has no timestamps, so its end gives a stale marker.</summary>
    public const int FleetingScrapes = 4;

    /// <summary>The tenant that the target's series claim, which must be found nowhere.</summary>
    public const string ClaimedTenant = "someone-else";

    /// <summary>How many series <c>e2e_numbered</c> has.</summary>
    public const int NumberedSeries = 150;

    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, SenderRecord> _records = new();
    private readonly TaskCompletionSource _opened = new();

    private ScriptedTarget(WebApplication app, Uri url)
    {
        _app = app;
        Url = url;
    }

    public Uri Url { get; }

    public static async Task<ScriptedTarget> StartAsync(Workspace workspace, CancellationToken cancellationToken)
    {
        Uri url = new($"http://127.0.0.1:{FreePorts.Take()}");
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(url.ToString());
        WebApplication app = builder.Build();
        ScriptedTarget target = workspace.Own(new ScriptedTarget(app, url));
        app.MapGet("/metrics/{sender}", target.ExposeAsync);
        await app.StartAsync(cancellationToken);
        return target;
    }

    /// <summary>From now on scrapes are served. Before, they fail, so that nothing is exposed to a sender that does not write yet.</summary>
    public void Open() => _opened.TrySetResult();

    /// <summary>Whether a sender has had all its scrapes.</summary>
    public bool IsExhausted(string sender) => _records.TryGetValue(sender, out SenderRecord? record) && record.Served == Scrapes;

    /// <summary>What a sender was told, as a store must hold it: with the labels of the scrape, and the tenant's in place of the claimed one.</summary>
    public StoredSeries Expected(string sender, string job, string tenant)
    {
        StoredSeries expected = [];
        foreach ((IReadOnlyDictionary<string, string> labels, long timestampMs, double value) in _records[sender].Samples)
        {
            Dictionary<string, string> stored = new(labels) { ["job"] = job, ["instance"] = Url.Authority, ["tenant"] = tenant };
            expected.Add(StoredSeries.Key(stored), timestampMs, StoredSeries.Text(value));
        }

        return expected;
    }

    /// <summary>The exemplars that a sender was told, in the form of <see cref="PrometheusServer.ReadExemplarsAsync"/>.</summary>
    public IReadOnlyList<string> ExpectedExemplars(string sender, string job, string tenant)
    {
        string series = StoredSeries.Key(new Dictionary<string, string>
        {
            ["__name__"] = "e2e_requests_total", ["code"] = "200", ["job"] = job, ["instance"] = Url.Authority, ["tenant"] = tenant,
        });
        return [.. _records[sender].Exemplars.Select(exemplar => $"{series} {exemplar}").Order(StringComparer.Ordinal)];
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ExposeAsync(HttpContext http, string sender)
    {
        SenderRecord record = _records.GetOrAdd(sender, _ => new SenderRecord());
        if (!_opened.Task.IsCompleted || record.Served == Scrapes)
        {
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        bool isOpenMetrics = http.Request.Headers.Accept.ToString().Contains("application/openmetrics-text", StringComparison.Ordinal);
        http.Response.ContentType = isOpenMetrics
            ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
            : "text/plain; version=0.0.4; charset=utf-8";
        await http.Response.WriteAsync(record.Next(isOpenMetrics));
    }

    /// <summary>One sender's scrapes. They come one after the other, so nothing here is locked.</summary>
    private sealed class SenderRecord
    {
        // OpenMetrics has seconds as floats, of which multiples of an eighth are exact.
        private const int TimestampStepMs = 125;

        private static readonly (string Kind, string Value)[] SpecialValues =
        [
            ("nan", "NaN"), ("inf", "+Inf"), ("negative_inf", "-Inf"), ("smallest", "5e-324"),
            ("largest", "1.7976931348623157e308"), ("third", "0.3333333333333333"), ("big_integer", "9007199254740992"),
        ];

        private long _lastMs;

        public int Served { get; private set; }

        public List<(IReadOnlyDictionary<string, string> Labels, long TimestampMs, double Value)> Samples { get; } = [];

        public List<string> Exemplars { get; } = [];

        /// <summary>The page of the next scrape, which counts as served.</summary>
        public string Next(bool isOpenMetrics)
        {
            int scrape = ++Served;
            long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / TimestampStepMs * TimestampStepMs;

            // On a busy machine a late scrape and the next one may come in one step.
            _lastMs = Math.Max(now, _lastMs + TimestampStepMs);
            Page page = new(this, _lastMs, isOpenMetrics);

            page.Type("e2e_requests", "counter");
            page.Exemplar = $"trace-{scrape}";
            page.Sample("e2e_requests_total", scrape * 10, ("code", "200"));

            page.Type("e2e_labelled", "gauge");
            page.Sample("e2e_labelled", scrape, ("note", "naïve 🌍 with \\ and \"quotes\""), ("tenant", ClaimedTenant), ("zone", "z"));
            page.Sample("e2e_labelled", -scrape, ("note", "no tenant claimed"), ("zone", "z"));

            page.Type("e2e_numbered", "gauge");
            for (int number = 0; number < NumberedSeries; number++)
            {
                page.Sample("e2e_numbered", (scrape * 1000) + number + 0.5, ("number", number.ToString(CultureInfo.InvariantCulture)));
            }

            page.Type("e2e_special", "gauge");
            foreach ((string kind, string value) in SpecialValues)
            {
                page.Sample("e2e_special", value, ("kind", kind));
            }

            if (scrape <= FleetingScrapes)
            {
                page.Type("e2e_fleeting", "gauge");
                page.WithoutTimestamp("e2e_fleeting", scrape);
            }

            return page.End();
        }
    }

    /// <summary>Writes one page in either text format, and what it tells into the record.</summary>
    private sealed class Page(SenderRecord record, long timestampMs, bool isOpenMetrics)
    {
        private readonly StringBuilder _text = new();

        /// <summary>Trace id that the next sample carries as an exemplar, where the format has exemplars.</summary>
        public string? Exemplar { get; set; }

        public void Type(string family, string type) =>
            _text.Append($"# TYPE {family}{(type == "counter" && !isOpenMetrics ? "_total" : "")} {type}\n");

        public void Sample(string name, double value, params (string Name, string Value)[] labels) =>
            Sample(name, StoredSeries.Text(value), labels);

        public void Sample(string name, string value, params (string Name, string Value)[] labels)
        {
            string timestamp = isOpenMetrics
                ? (timestampMs / 1000m).ToString(CultureInfo.InvariantCulture)
                : timestampMs.ToString(CultureInfo.InvariantCulture);
            _text.Append($"{name}{{{string.Join(',', labels.Select(label => $"{label.Name}=\"{Escape(label.Value)}\""))}}} {value} {timestamp}");
            if (Exemplar is not null && isOpenMetrics)
            {
                _text.Append($" # {{trace_id=\"{Exemplar}\"}} 0.5 {timestamp}");
                record.Exemplars.Add($"{{trace_id=\"{Exemplar}\"}} 0.5 @{timestampMs}");
            }

            Exemplar = null;
            _text.Append('\n');
            Dictionary<string, string> all = labels.ToDictionary(label => label.Name, label => label.Value);
            all["__name__"] = name;
            record.Samples.Add((all, timestampMs, StoredSeries.Parse(value)));
        }

        public void WithoutTimestamp(string name, int value) => _text.Append($"{name} {value}\n");

        public string End() => _text.Append(isOpenMetrics ? "# EOF\n" : "").ToString();

        private static string Escape(string value) => value.Replace("\\", "\\\\").Replace("\"", "\\\"");
    }
}
