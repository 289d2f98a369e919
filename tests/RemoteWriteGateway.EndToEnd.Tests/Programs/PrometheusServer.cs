using System.Globalization;
using System.Text.Json;

namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>A Prometheus, as a store, as a sender, or as both.</summary>
internal sealed class PrometheusServer : IStore, IAsyncDisposable
{
    private static readonly HttpClient Client = new();
    private readonly string _name;
    private readonly string _executable;
    private readonly string _folder;
    private readonly string _features;
    private TimeSpan _lookback;
    private RunningProgram? _program;

    private PrometheusServer(string name, string executable, string folder, Uri url, string features)
    {
        _name = name;
        _executable = executable;
        _folder = folder;
        Url = url;
        _features = features;
    }

    public Uri Url { get; }

    public string LogText => _program?.LogText ?? "";

    /// <summary>The executable of Prometheus 3.</summary>
    public static string Version3 => Repository.RealProgram("RWGATEWAY_PROMETHEUS", "Prometheus 3.5 or newer");

    /// <summary>The executable of Prometheus 2.53.</summary>
    public static string Version2 => Repository.RealProgram("RWGATEWAY_PROMETHEUS2", "Prometheus 2.53");

    /// <summary>Starts a Prometheus and waits until it is ready.</summary>
    /// <param name="workspace">Owns it.</param>
    /// <param name="name">Of its folder and in messages.</param>
    /// <param name="executable"><see cref="Version2"/> or <see cref="Version3"/>.</param>
    /// <param name="configuration">Its configuration file, from its own address.</param>
    /// <param name="cancellationToken">The test's.</param>
    /// <param name="features">What it is to have switched on, by commas.</param>
    /// <param name="lookback">How old the newest sample of a series may be in an instant query, 5 min unless said otherwise.</param>
    public static async Task<PrometheusServer> StartAsync(
        Workspace workspace,
        string name,
        string executable,
        Func<Uri, string> configuration,
        CancellationToken cancellationToken,
        string features = "native-histograms,exemplar-storage",
        TimeSpan? lookback = null)
    {
        Uri url = new($"http://127.0.0.1:{FreePorts.Take()}");
        workspace.Write(name, "prometheus.yml", configuration(url));
        PrometheusServer server = workspace.Own(new PrometheusServer(name, executable, workspace.Folder(name), url, features) { _lookback = lookback ?? TimeSpan.FromMinutes(5) });
        await server.StartAsync(cancellationToken);
        return server;
    }

    /// <summary>Starts a Prometheus that only takes remote writes.</summary>
    public static Task<PrometheusServer> StartStoreAsync(Workspace workspace, string name, string executable, CancellationToken cancellationToken) =>
        StartAsync(workspace, name, executable, _ => "{}", cancellationToken);

    /// <summary>Starts it again, on the port and the data that it had.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _program = RunningProgram.Start(
            _name,
            _executable,
            [
                "--config.file=prometheus.yml", "--storage.tsdb.path=data", $"--web.listen-address={Url.Authority}",
                "--web.enable-remote-write-receiver", $"--enable-feature={_features}",
                "--storage.remote.flush-deadline=2s", $"--query.lookback-delta={(int)_lookback.TotalSeconds}s",
            ],
            _folder);
        await _program.WaitForAsync(new Uri(Url, "/-/ready"), cancellationToken);
    }

    /// <summary>Ends it at once, as by a power cut of the process.</summary>
    public void Kill() => _program?.Kill();

    public async Task<StoredSeries> ReadAsync(string selector, CancellationToken cancellationToken)
    {
        StoredSeries stored = [];
        string time = DateTimeOffset.UtcNow.AddMinutes(15).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        JsonElement data = await QueryAsync("query", new() { ["query"] = $"{selector}[3h]", ["time"] = time }, cancellationToken);
        foreach (JsonElement series in data.GetProperty("result").EnumerateArray())
        {
            string key = StoredSeries.Key(Labels(series.GetProperty("metric")));
            foreach (string kind in new[] { "values", "histograms" })
            {
                if (series.TryGetProperty(kind, out JsonElement samples))
                {
                    AddSamples(stored, key, samples);
                }
            }
        }

        return stored;
    }

    /// <summary>The exemplars of the series that a selector names: series labels, exemplar labels, value and timestamp, a text each, sorted.</summary>
    public async Task<IReadOnlyList<string>> ReadExemplarsAsync(string selector, CancellationToken cancellationToken)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        JsonElement data = await QueryAsync(
            "query_exemplars",
            new()
            {
                ["query"] = selector,
                ["start"] = now.AddHours(-1).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
                ["end"] = now.AddMinutes(15).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            },
            cancellationToken);
        return [.. data.EnumerateArray()
            .SelectMany(series => series.GetProperty("exemplars").EnumerateArray().Select(exemplar =>
                $"{StoredSeries.Key(Labels(series.GetProperty("seriesLabels")))} {StoredSeries.Key(Labels(exemplar.GetProperty("labels")))} "
                + $"{exemplar.GetProperty("value").GetString()} @{Milliseconds(exemplar.GetProperty("timestamp"))}"))
            .Order(StringComparer.Ordinal)];
    }

    /// <summary>The newest value of an expression that gives one series, 0 if it gives none.</summary>
    public async Task<double> ValueAsync(string expression, CancellationToken cancellationToken)
    {
        JsonElement data = await QueryAsync("query", new() { ["query"] = expression }, cancellationToken);
        JsonElement result = data.GetProperty("result");
        return result.GetArrayLength() == 0
            ? 0
            : double.Parse(Assert.Single(result.EnumerateArray()).GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture);
    }

    /// <summary>The sum of one of its own metrics, read from its page and not from a scrape.</summary>
    public async Task<double> OwnMetricAsync(string name, CancellationToken cancellationToken)
    {
        string page = await Client.GetStringAsync(new Uri(Url, "/metrics"), cancellationToken);
        return page.Split('\n')
            .Where(line => line.StartsWith(name + "{", StringComparison.Ordinal) || line.StartsWith(name + " ", StringComparison.Ordinal))
            .Sum(line => double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));
    }

    public ValueTask DisposeAsync() => _program?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static void AddSamples(StoredSeries stored, string key, JsonElement samples)
    {
        foreach (JsonElement sample in samples.EnumerateArray())
        {
            // A float stands as text, a native histogram as an object whose text is as exact.
            string value = sample[1].ValueKind == JsonValueKind.String
                ? StoredSeries.Text(StoredSeries.Parse(sample[1].GetString()!)) // Not null: a string.
                : sample[1].GetRawText();
            stored.Add(key, Milliseconds(sample[0]), value);
        }
    }

    private static long Milliseconds(JsonElement seconds) => (long)(seconds.GetDecimal() * 1000);

    private static IEnumerable<KeyValuePair<string, string>> Labels(JsonElement metric) =>
        metric.EnumerateObject().Select(label => KeyValuePair.Create(label.Name, label.Value.GetString()!)); // Not null: labels are strings.

    /// <summary>What it makes of an expression: the tree that it reads, or what it says against it.</summary>
    public async Task<(JsonElement? Tree, string Error)> ParseAsync(byte[] expression, CancellationToken cancellationToken)
    {
        // Bytes that are no text as well, so not by a form of strings.
        using ByteArrayContent form = new([.. "query="u8, .. expression.SelectMany(one => System.Text.Encoding.ASCII.GetBytes($"%{one:X2}"))]);
        form.Headers.ContentType = new("application/x-www-form-urlencoded");
        using HttpResponseMessage answer = await Client.PostAsync(new Uri(Url, "/api/v1/parse_query"), form, cancellationToken);
        using JsonDocument document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancellationToken), new JsonDocumentOptions { MaxDepth = 2_000 });
        return answer.IsSuccessStatusCode
            ? (document.RootElement.GetProperty("data").Clone(), "")
            : (null, document.RootElement.GetProperty("error").GetString() ?? "");
    }

    /// <summary>A valid expression as it prints it.</summary>
    public async Task<string> FormatAsync(string expression, CancellationToken cancellationToken) =>
        (await QueryAsync("format_query", new() { ["query"] = expression }, cancellationToken)).GetString() ?? "";

    private async Task<JsonElement> QueryAsync(string endpoint, Dictionary<string, string> parameters, CancellationToken cancellationToken)
    {
        using FormUrlEncodedContent form = new(parameters);
        try
        {
            using HttpResponseMessage answer = await Client.PostAsync(new Uri(Url, $"/api/v1/{endpoint}"), form, cancellationToken);
            string text = await answer.Content.ReadAsStringAsync(cancellationToken);
            Assert.True(answer.IsSuccessStatusCode, $"{_name}: {text}");
            return JsonDocument.Parse(text).RootElement.GetProperty("data");
        }
        catch (HttpRequestException fault)
        {
            throw new InvalidOperationException($"{_name} does not answer: {fault.Message}\n{LogText}", fault);
        }
    }
}
