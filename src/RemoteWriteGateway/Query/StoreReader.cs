using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Query;

/// <summary>An answer of a store that counts as success: its body is still to be read, within the time of each read.</summary>
internal sealed class StoreAnswer(HttpResponseMessage response, ForwardTime time) : IDisposable
{
    /// <summary>Most time between two pieces of a body.</summary>
    public static readonly TimeSpan PieceTimeout = TimeSpan.FromSeconds(30);

    public HttpResponseMessage Response => response;

    /// <summary>The body's coding, in lower case; null for none.</summary>
    public string? Encoding { get; } = EncodingOf(response);

    public string? MediaType => response.Content.Headers.ContentType?.MediaType;

    /// <summary>Whether it was the client, not the store, that ended a read of the body.</summary>
    public bool IsStopped => time.IsStopped;

    /// <summary>The time of the next piece, from now on.</summary>
    public CancellationToken NextPiece() => time.BeginAnswer(PieceTimeout);

    public Task<Stream> OpenAsync() => response.Content.ReadAsStreamAsync(CancellationToken.None);

    public void Dispose()
    {
        // Before the end of the body this closes the connection, and the store stops.
        response.Dispose();
        time.End();
        time.Dispose();
    }

    private static string? EncodingOf(HttpResponseMessage response)
    {
        string encoding = string.Join(',', response.Content.Headers.ContentEncoding);
        return encoding.Length == 0 || encoding.Equals("identity", StringComparison.OrdinalIgnoreCase) ? null : encoding.ToLowerInvariant();
    }
}

/// <summary>Asks stores, and says what their refusals mean to a reader. No text of a store passes but the error of its own API, cut.</summary>
internal sealed class StoreReader(TimeProvider time, QueryMetrics metrics)
{
    private const int MaxErrorBytes = 64 << 10;
    private const int MaxErrorText = 1024;

    /// <summary>Asks, and returns when the head of the answer is there.</summary>
    /// <param name="side">Where.</param>
    /// <param name="request">What.</param>
    /// <param name="timeout">Most time to the head of the answer.</param>
    /// <param name="gone">The client's end.</param>
    /// <returns>The answer if the store did as asked; else the refusal.</returns>
    public async Task<(StoreAnswer? Answer, Refusal? Refusal, int? Status)> AskAsync(
        StoreReadSide side, StoreReadRequest request, TimeSpan timeout, CancellationToken gone)
    {
        ForwardTime limit = new(time);
        limit.Begin(TimeSpan.FromDays(1), gone);
        StoreReadReply reply = await side.Client.SendAsync(request, limit.BeginAnswer(timeout));
        if (reply.Response is { } response)
        {
            StoreAnswer answer = new(response, limit);
            int status = (int)response.StatusCode;
            if (response.StatusCode == HttpStatusCode.OK || (response.StatusCode == HttpStatusCode.NoContent && request.Url.AbsolutePath.EndsWith("/query_exemplars", StringComparison.Ordinal)))
            {
                return (answer, null, status);
            }

            using (answer)
            {
                return (null, await RefusalOfAsync(answer, status), status);
            }
        }

        limit.End();
        limit.Dispose();
        return (null, OfNoAnswer(reply.Kind, timeout, gone.IsCancellationRequested), null);
    }

    /// <summary>The same for a read, whose record and metrics are told.</summary>
    public async Task<(StoreAnswer? Answer, Refusal? Refusal)> AskAsync(ReadContext read, StoreReadRequest request, TimeSpan timeout)
    {
        long begun = Stopwatch.GetTimestamp();
        read.Record.Store = read.Scope.Store.Name;
        (StoreAnswer? answer, Refusal? refusal, int? status) = await AskAsync(read.Scope.Side, request, timeout + read.Scope.Side.AnswerTimeout, read.Gone);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(begun);
        read.Record.StoreStatus = status;
        read.Record.StoreUs = (long)elapsed.TotalMicroseconds;
        metrics.CountStore(read.Scope.Store.Name, read.Route, elapsed);
        return (answer, refusal);
    }

    /// <summary>What it means that an answer broke off or stood still.</summary>
    public static Refusal OfBrokenBody(StoreAnswer answer, bool isTimeout) => answer.IsStopped
        ? ReadRefusals.ClientGone
        : isTimeout
            ? new Refusal("store-timeout", 504, $"the store sent nothing for {StoreAnswer.PieceTimeout.TotalSeconds:0} s in the middle of its answer; retry")
        : new Refusal("store-unavailable", 502, "the connection to the store broke in the middle of its answer; retry");

    private static Refusal OfNoAnswer(ReplyKind kind, TimeSpan timeout, bool isGone) => kind switch
    {
        _ when isGone => ReadRefusals.ClientGone,
        ReplyKind.TimedOut => new Refusal("store-timeout", 504, FormattableString.Invariant(
            $"the store took over {timeout.TotalSeconds:0.###} s to answer; ask for less, or allow more (queryTimeout)")),
        ReplyKind.NoCredentials => new Refusal("store-unavailable", 502, "the gateway has no credentials to show the store now; retry, and tell the operator"),
        ReplyKind.NotConnected => new Refusal("store-unavailable", 502, "the store is not reachable; retry"),
        _ => new Refusal("store-unavailable", 502, "the connection to the store broke before its answer; retry"),
    };

    private static async Task<Refusal> RefusalOfAsync(StoreAnswer answer, int status)
    {
        switch (status)
        {
            case 400 or 422:
                return new Refusal("store-refused", status, $"store: {await ErrorOfAsync(answer) ?? "it gave no reason"}");
            case 401 or 403:
                return new Refusal("store-auth-failed", 502, $"the store refuses the gateway's credentials ({status}); tell the operator");
            case 429:
                return new Refusal("store-rate-limited", 429, "the store limits these reads; retry later") { RetryAfter = WaitOf(answer.Response), RetryAfterIsExact = true };
            case 503:
                bool isTimeout = await ErrorTypeOfAsync(answer) == "timeout";
                return new Refusal("store-busy", 503, isTimeout ? "the query took the store too long; ask for less" : "the store is busy; retry later")
                {
                    ErrorType = isTimeout ? "timeout" : null,
                    RetryAfter = WaitOf(answer.Response),
                    RetryAfterIsExact = true,
                };
            case >= 500 and not 501:
                return new Refusal("store-unavailable", 502, $"the store answered {status}; retry");
            case >= 300 or 404 or 405 or 501:
                return new Refusal("store-misconfigured", 502, $"the gateway and the store disagree on the address ({status}); tell the operator");
            default:
                return ReadRefusals.StoreInvalid($"status {status}");
        }
    }

    private static TimeSpan WaitOf(HttpResponseMessage response)
    {
        RetryConditionHeaderValue? header = response.Headers.RetryAfter;
        return header?.Delta is { } wait && wait >= TimeSpan.FromSeconds(1) && wait <= TimeSpan.FromSeconds(300) ? wait : TimeSpan.FromSeconds(5);
    }

    private static async Task<string?> ErrorOfAsync(StoreAnswer answer) => await ErrorMemberAsync(answer, "error") is { } text ? Printable(text) : null;

    private static Task<string?> ErrorTypeOfAsync(StoreAnswer answer) => ErrorMemberAsync(answer, "errorType");

    /// <summary>A member of Prometheus' error JSON, or null if the body is something else.</summary>
    private static async Task<string?> ErrorMemberAsync(StoreAnswer answer, string member)
    {
        if (answer.Encoding is not null)
        {
            return null;
        }

        try
        {
            byte[] body = new byte[MaxErrorBytes];
            int length = 0;
            await using Stream stream = await answer.OpenAsync();
            while (length < body.Length && await stream.ReadAsync(body.AsMemory(length), answer.NextPiece()) is > 0 and int read)
            {
                length += read;
            }

            using JsonDocument json = JsonDocument.Parse(body.AsMemory(0, length));
            return json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty("status", out JsonElement status) && status.ValueKind == JsonValueKind.String && status.ValueEquals("error")
                && json.RootElement.TryGetProperty(member, out JsonElement text) && text.ValueKind == JsonValueKind.String
                    ? text.GetString()
                    : null;
        }
        catch (Exception e) when (e is JsonException or IOException or HttpRequestException or OperationCanceledException or InvalidOperationException)
        {
            // No error of the API: a proxy's page, or a text that broke off.
            return null;
        }
    }

    private static string Printable(string text)
    {
        StringBuilder printable = new();
        int bytes = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bytes += rune.Utf8SequenceLength;
            if (bytes > MaxErrorText)
            {
                break;
            }

            printable.Append(Rune.IsControl(rune) ? $"\\x{rune.Value:x2}" : rune.ToString());
        }

        return printable.ToString();
    }
}
