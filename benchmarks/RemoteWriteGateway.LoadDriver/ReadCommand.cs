using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>
/// The command <c>read</c>: asks the gateway and the store alone the same, in turn (A B A B), so that both meet the same machine. Of an instant
/// query it tells what the gateway adds at the median, of a large range how fast it streams and what memory its process grows to meanwhile.
/// </summary>
internal static class ReadCommand
{
    private static readonly Option<Uri?> Store = UrlOption.Create("--store", "The store alone.", required: true);
    private static readonly Option<Uri?> Gateway = UrlOption.Create("--gateway", "The gateway before it.", required: true);
    private static readonly Option<FileInfo> TokenFile = new("--token-file") { Required = true, Description = "File that holds a reader's token." };
    private static readonly Option<string> Query = new("--query") { Required = true, Description = "What the gateway is asked." };
    private static readonly Option<string> StoreQuery = new("--store-query") { Required = true, Description = "What the store is asked: the same with the tenant." };
    private static readonly Option<double> Start = new("--start") { Description = "With --end and --step: a range query, in seconds." };
    private static readonly Option<double> End = new("--end") { Description = "End of the range." };
    private static readonly Option<double> Step = new("--step") { Description = "Step of the range; without it the query is an instant one." };
    private static readonly Option<int> Requests = new("--requests") { Description = "How many of each to measure.", DefaultValueFactory = _ => 1000 };
    private static readonly Option<int> WarmUp = new("--warm-up") { Description = "How many of each before that.", DefaultValueFactory = _ => 300 };
    private static readonly Option<int> Process = new("--process") { Required = true, Description = "The gateway's process." };

    public static Command Create()
    {
        Command command = new("read", "Asks the gateway and the store alone the same, in turn.")
        {
            Store, Gateway, TokenFile, Query, StoreQuery, Start, End, Step, Requests, WarmUp, Process,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string token = (await File.ReadAllTextAsync(parsed.GetRequiredValue(TokenFile).FullName, cancellationToken)).Trim();
        using HttpClient client = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None }) { Timeout = TimeSpan.FromMinutes(5) };
        Side store = new(client, parsed.GetRequiredValue(Store)!, null, parsed.GetRequiredValue(StoreQuery), parsed); // not null: required
        Side gateway = new(client, parsed.GetRequiredValue(Gateway)!, token, parsed.GetRequiredValue(Query), parsed);
        for (int i = 0; i < parsed.GetRequiredValue(WarmUp); i++)
        {
            await store.AskAsync(cancellationToken);
            await gateway.AskAsync(cancellationToken);
        }

        store.Times.Clear();
        gateway.Times.Clear();
        int process = parsed.GetRequiredValue(Process);
        ProcessUsage before = ProcessUsage.Read(process);
        using MemoryWatch watch = new(process);
        for (int i = 0; i < parsed.GetRequiredValue(Requests); i++)
        {
            await store.AskAsync(cancellationToken);
            await gateway.AskAsync(cancellationToken);
        }

        ProcessUsage after = ProcessUsage.Read(process);
        if (store.Bytes != gateway.Bytes)
        {
            Console.Error.WriteLine($"the store answers {store.Bytes} bytes, the gateway {gateway.Bytes}: they were not asked the same");
            return 1;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            answer        {gateway.Bytes:N0} bytes, {gateway.Times.Count} times each
            store alone   p50 {store.At(0.5):0.000} ms, p99 {store.At(0.99):0.000} ms, first byte p50 {store.FirstAt(0.5):0.000} ms
            gateway       p50 {gateway.At(0.5):0.000} ms, p99 {gateway.At(0.99):0.000} ms, first byte p50 {gateway.FirstAt(0.5):0.000} ms
            added         p50 {gateway.At(0.5) - store.At(0.5):0.000} ms, first byte p50 {gateway.FirstAt(0.5) - store.FirstAt(0.5):0.000} ms
            throughput    {store.At(0.5) / gateway.At(0.5):0.00} of the store's
            CPU           {(after.CpuSeconds - before.CpuSeconds) * 1e6 / gateway.Times.Count:0} us of the gateway's process a request
            memory        {before.ResidentBytes / 1e6:0} MB before, {watch.MostBytes / 1e6:0} MB at most meanwhile
            """));
        return 0;
    }

    /// <summary>One of the two that are asked.</summary>
    private sealed class Side
    {
        private readonly byte[] _buffer = new byte[1 << 16];
        private readonly HttpClient _client;
        private readonly Uri _url;
        private readonly string? _token;
        private readonly Dictionary<string, string> _form;

        public Side(HttpClient client, Uri url, string? token, string query, ParseResult parsed)
        {
            double step = parsed.GetValue(Step);
            _client = client;
            _url = new Uri(url, step > 0 ? "/api/v1/query_range" : "/api/v1/query");
            _token = token;
            _form = new() { ["query"] = query };
            double end = parsed.GetValue(End);
            if (step > 0)
            {
                _form["start"] = parsed.GetValue(Start).ToString(CultureInfo.InvariantCulture);
                _form["end"] = end.ToString(CultureInfo.InvariantCulture);
                _form["step"] = step.ToString(CultureInfo.InvariantCulture);
            }
            else if (end > 0)
            {
                _form["time"] = end.ToString(CultureInfo.InvariantCulture);
            }
        }

        public long Bytes { get; private set; }

        public List<(double Ms, double FirstMs)> Times { get; } = [];

        public double At(double share) => Pick([.. Times.Select(time => time.Ms)], share);

        public double FirstAt(double share) => Pick([.. Times.Select(time => time.FirstMs)], share);

        public async Task AskAsync(CancellationToken cancellationToken)
        {
            long begun = Stopwatch.GetTimestamp();
            using HttpRequestMessage request = new(HttpMethod.Post, _url) { Content = new FormUrlEncodedContent(_form) };
            request.Headers.Authorization = _token is null ? null : new AuthenticationHeaderValue("Bearer", _token);
            using HttpResponseMessage answer = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (!answer.IsSuccessStatusCode)
            {
                throw new InvalidOperationException($"{_url} answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellationToken)}");
            }

            await using Stream body = await answer.Content.ReadAsStreamAsync(cancellationToken);
            long bytes = await body.ReadAsync(_buffer, cancellationToken);
            double first = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
            for (int read; (read = await body.ReadAsync(_buffer, cancellationToken)) > 0;)
            {
                bytes += read;
            }

            Bytes = bytes;
            Times.Add((Stopwatch.GetElapsedTime(begun).TotalMilliseconds, first));
        }

        private static double Pick(double[] values, double share)
        {
            Array.Sort(values);
            return values[(int)Math.Min(values.Length - 1, share * values.Length)];
        }
    }

    /// <summary>The most memory that a process holds while this lives, looked at every 20 ms.</summary>
    private sealed class MemoryWatch : IDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _watching;
        private long _most;

        public MemoryWatch(int process) => _watching = Task.Run(async () =>
        {
            while (!_stop.IsCancellationRequested)
            {
                _most = Math.Max(_most, ProcessUsage.Read(process).ResidentBytes);
                await Task.Delay(20);
            }
        });

        public long MostBytes => _most;

        public void Dispose()
        {
            _stop.Cancel();
            _watching.Wait();
            _stop.Dispose();
        }
    }
}
