using System.Text.Json;

namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>A single-node VictoriaMetrics as a store.</summary>
internal sealed class VictoriaMetricsServer : IStore
{
    private static readonly HttpClient Client = new();

    private VictoriaMetricsServer(Uri url) => Url = url;

    public Uri Url { get; }

    public static async Task<VictoriaMetricsServer> StartAsync(Workspace workspace, CancellationToken cancellationToken)
    {
        Uri url = new($"http://127.0.0.1:{FreePorts.Take()}");
        string executable = Repository.RealProgram("RWGATEWAY_VICTORIAMETRICS", "VictoriaMetrics, single node");
        RunningProgram program = workspace.Own(RunningProgram.Start(
            "victoria-metrics",
            executable,
            [$"-httpListenAddr={url.Authority}", "-storageDataPath=data", "-retentionPeriod=100y"],
            workspace.Folder("victoria-metrics")));
        await program.WaitForAsync(new Uri(url, "/health"), cancellationToken);
        return new VictoriaMetricsServer(url);
    }

    /// <remarks>It keeps a sample twice that a sender has repeated, and shows stale markers and NaN as null; both are left out.</remarks>
    public async Task<StoredSeries> ReadAsync(string selector, CancellationToken cancellationToken)
    {
        string lines = await Client.GetStringAsync(
            new Uri(Url, $"/api/v1/export?match[]={Uri.EscapeDataString(selector)}"), cancellationToken);
        StoredSeries stored = [];
        foreach (string line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            JsonElement series = JsonDocument.Parse(line).RootElement;
            string key = StoredSeries.Key(series.GetProperty("metric").EnumerateObject()
                .Select(label => KeyValuePair.Create(label.Name, label.Value.GetString()!))); // Not null: labels are strings.
            IEnumerable<(long Timestamp, string Value)> samples = series.GetProperty("timestamps").EnumerateArray()
                .Zip(series.GetProperty("values").EnumerateArray())
                .Where(sample => sample.Second.ValueKind != JsonValueKind.Null)
                .Select(sample => (sample.First.GetInt64(), Value(sample.Second)));
            foreach ((long timestamp, string value) in samples.Distinct())
            {
                stored.Add(key, timestamp, value);
            }
        }

        return stored;
    }

    /// <summary>Numbers stand as numbers, infinities as text.</summary>
    private static string Value(JsonElement value) => value.ValueKind == JsonValueKind.Number
        ? StoredSeries.Text(value.GetDouble())
        : value.GetString()!; // Not null: a string.
}
