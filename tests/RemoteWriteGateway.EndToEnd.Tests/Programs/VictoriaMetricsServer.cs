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
                .Zip(series.GetProperty("values").EnumerateArray(), (timestamp, value) => (timestamp.GetInt64(), Value(value)));
            foreach ((long timestamp, string value) in samples)
            {
                stored.Add(key, timestamp, value);
            }
        }

        return stored;
    }

    /// <summary>Numbers stand as numbers, infinities as text, NaN and stale markers as null.</summary>
    private static string Value(JsonElement value) => StoredSeries.Text(value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble(),
        JsonValueKind.String => value.GetString()!.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity,
        _ => double.NaN,
    });
}
