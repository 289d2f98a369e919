using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>Sends recorded bodies round and round over a number of connections, one blocking thread for each.</summary>
/// <param name="bodies">What is sent, in this order.</param>
/// <param name="target">Where to.</param>
/// <param name="connections">How many requests may be on their way at once.</param>
/// <param name="valuesPerSecond">Null for a closed loop: each connection sends as soon as it has its answer. Else an open loop: requests
/// are due at fixed times whatever the answers do, and latency counts from the time a request was due, so that waiting for a free
/// connection is not forgiven.</param>
/// <param name="firstTime">Null to send the bodies as they were recorded. Else, in milliseconds since 1970, when the first of them is to be
/// from; every further round follows the one before, so that a real store takes them all. For one connection only, which keeps the order.</param>
internal sealed class Replay(
    IReadOnlyList<RecordedBody> bodies, Uri target, int connections, double? valuesPerSecond, long? firstTime)
{
    /// <summary>Between the last sample of a round and the first of the next.</summary>
    private const long RoundGapMs = 1000;

    private readonly long _earliest = bodies.Min(body => body.Timestamps.Earliest);
    private readonly long _latest = bodies.Max(body => body.Timestamps.Latest);

    private readonly ConcurrentDictionary<string, int> _answers = new();
    private readonly ConcurrentBag<List<double>> _latencies = [];
    private string? _firstError;
    private long _nextTicket;
    private long _sentBefore;
    private long _valuesWritten;

    /// <summary>Runs for a while and returns what was seen.</summary>
    public ReplayResult Run(TimeSpan duration)
    {
        _answers.Clear();
        _latencies.Clear();
        _firstError = null;
        _sentBefore += _nextTicket;
        _nextTicket = 0;
        _valuesWritten = 0;

        long start = Stopwatch.GetTimestamp();
        Thread[] threads = [.. Enumerable.Range(0, connections).Select(_ => new Thread(() => Work(start, duration)))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        return new ReplayResult(
            Stopwatch.GetElapsedTime(start).TotalSeconds,
            _valuesWritten,
            Latency.From([.. _latencies.SelectMany(list => list)]),
            new SortedDictionary<string, int>(_answers, StringComparer.Ordinal),
            _firstError);
    }

    private void Work(long start, TimeSpan duration)
    {
        using Connection connection = new(target);
        List<double> latencies = [];
        _latencies.Add(latencies);
        double? secondsPerRequest = bodies.Average(body => body.Counts.Values) / valuesPerSecond;
        while (true)
        {
            long ticket = Interlocked.Increment(ref _nextTicket) - 1;
            TimeSpan due = secondsPerRequest is double seconds ? TimeSpan.FromSeconds(seconds * ticket) : Stopwatch.GetElapsedTime(start);
            if (due >= duration)
            {
                return;
            }

            PreciseSleep.Until(start, due);
            (long round, long index) = Math.DivRem(_sentBefore + ticket, bodies.Count);
            RecordedBody body = bodies[(int)index];
            if (firstTime is long first)
            {
                body.Shift(first - _earliest + (round * (_latest - _earliest + RoundGapMs)));
            }

            string answer = Send(connection, body);
            latencies.Add((Stopwatch.GetElapsedTime(start) - due).TotalMilliseconds);
            _answers.AddOrUpdate(answer, 1, static (_, count) => count + 1);
        }
    }

    /// <summary>One request; returns its status as text, or what kind of fault there was instead of an answer.</summary>
    private string Send(Connection connection, RecordedBody body)
    {
        try
        {
            (int status, string? error) = connection.Exchange(body.Request);
            if (error is null)
            {
                Interlocked.Add(ref _valuesWritten, body.Counts.Values);
            }
            else
            {
                Interlocked.CompareExchange(ref _firstError, $"{status} to {body.Name}: {error}", null);
            }

            return status.ToString();
        }
        catch (SocketException fault)
        {
            Interlocked.CompareExchange(ref _firstError, $"{target.Authority}: {fault.Message}", null);
            return fault.SocketErrorCode.ToString();
        }
    }
}

/// <summary>What one run showed.</summary>
/// <param name="Seconds">How long it took.</param>
/// <param name="Values">Samples and native histograms in the requests that were answered 2xx.</param>
/// <param name="Latency">Of all requests.</param>
/// <param name="Answers">Requests by status or by fault.</param>
/// <param name="FirstError">Text of the first answer other than 2xx, or of the first fault.</param>
internal sealed record ReplayResult(
    double Seconds, long Values, Latency Latency, IReadOnlyDictionary<string, int> Answers, string? FirstError);

/// <summary>Percentiles of latencies, in milliseconds.</summary>
internal sealed record Latency(double P50, double P90, double P99, double P999, double Max)
{
    public static Latency From(double[] milliseconds)
    {
        if (milliseconds.Length == 0)
        {
            return new Latency(0, 0, 0, 0, 0);
        }

        Array.Sort(milliseconds);
        double At(double share) => milliseconds[Math.Min(milliseconds.Length - 1, (int)(share * milliseconds.Length))];
        return new Latency(At(0.5), At(0.9), At(0.99), At(0.999), milliseconds[^1]);
    }
}
