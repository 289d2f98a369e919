using System.Globalization;
using System.Text;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Ingest;

/// <summary>
/// The answer to a write: 204, or one line a reason. Where several things went wrong, something retryable at the store wins
/// (the whole request comes again); else 400 with the reasons of gateway and store, and true counts.
/// </summary>
internal static class WriteAnswer
{
    private const int MaxLines = 8;

    /// <summary>Room that is kept for <c>and 99 more</c> and its line end.</summary>
    private const int MoreBytes = 12;

    private const string SamplesWritten = "X-Prometheus-Remote-Write-Samples-Written";
    private const string HistogramsWritten = "X-Prometheus-Remote-Write-Histograms-Written";
    private const string ExemplarsWritten = "X-Prometheus-Remote-Write-Exemplars-Written";

    /// <summary>One reason of a refusal, and how much it concerns.</summary>
    private readonly record struct Line(string Reason, string Text, long Weight);

    /// <summary>Sets the three counts that every answer to a 2.0 sender has; an answer to a 1.0 sender must have none, since zeros there read as loss.</summary>
    public static void SetWritten(HttpResponse response, WriteProtocol protocol, ItemCounts written)
    {
        if (protocol == WriteProtocol.V2)
        {
            response.Headers[SamplesWritten] = ToText(written.Samples);
            response.Headers[HistogramsWritten] = ToText(written.Histograms);
            response.Headers[ExemplarsWritten] = ToText(written.Exemplars);
        }
    }

    /// <summary>Refuses the whole request, nothing of it was written by us.</summary>
    public static Task RefuseAsync(HttpContext http, WriteTarget target, string reason, int statusCode, string text)
    {
        target.CountRefusedRequest(reason);
        AuditScope.Of(http)?.Refuse(reason, statusCode);
        return WriteAsync(http, statusCode, [new Line(reason, text, 1)], storeRetryAfter: null);
    }

    /// <summary>Answers a request that was stamped and handed on.</summary>
    /// <param name="http">The request.</param>
    /// <param name="target">Its tenant and store.</param>
    /// <param name="protocol">The sender's protocol.</param>
    /// <param name="result">What stamping found; no fault.</param>
    /// <param name="verdict">What the store said.</param>
    /// <param name="bodyBytes">Size of the body as it was received.</param>
    public static Task AnswerAsync(
        HttpContext http, WriteTarget target, WriteProtocol protocol, StampResult result, StoreVerdict verdict, long bodyBytes)
    {
        SetWritten(http.Response, protocol, verdict.Written);
        if (verdict.Kind == VerdictKind.Retry)
        {
            // Not counted as written, whatever parts of it were: the whole request comes again.
            StoreFault fault = verdict.Faults[0];
            target.CountRefusedRequest(fault.Reason);
            int status = verdict.TenantIsLimited ? target.Settings.LimitStatus : StatusCodes.Status503ServiceUnavailable;
            AuditScope.Of(http)?.Refuse(fault.Reason, status);
            return WriteAsync(http, status, [new Line(fault.Reason, fault.Text, 1)], verdict.RetryAfter);
        }

        target.CountWritten(verdict.Written);
        if (verdict.Kind == VerdictKind.Written || verdict.Written.Total > 0)
        {
            AuditScope.Of(http)?.AddWritten(verdict.Written.Samples + verdict.Written.Histograms, result.SeriesAccepted, bodyBytes);
        }

        if (!result.HasRefusals && verdict.Kind == VerdictKind.Written)
        {
            http.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        }

        List<Line> lines = [];
        AddRefusals(result, target, lines);
        foreach (StoreFault fault in verdict.Faults)
        {
            target.CountRefusedItems(fault.Reason, 0, fault.Items);
            if (fault.Reason != "store-partial-write")
            {
                target.CountRefusedRequest(fault.Reason);
            }

            lines.Add(new Line(fault.Reason, fault.Text, fault.Items.Total));
        }

        // Most items first: the first reason is what the request is on record with.
        lines.Sort((a, b) => b.Weight.CompareTo(a.Weight));
        AuditScope.Of(http)?.Refuse(lines[0].Reason, StatusCodes.Status400BadRequest);
        return WriteAsync(http, StatusCodes.Status400BadRequest, lines, storeRetryAfter: null);
    }

    private static void AddRefusals(StampResult result, WriteTarget target, List<Line> lines)
    {
        for (StampReason reason = StampReason.MissingMetricName; reason <= StampReason.ExemplarTimestampMissing; reason++)
        {
            long series = result.RefusedSeries(reason);
            ItemCounts items = result.Refused(reason);
            if (series + items.Total > 0)
            {
                target.CountRefusedItems(reason.Id(), series, items);
                lines.Add(new Line(reason.Id(), result.Text(reason), Math.Max(series, items.Total)));
            }
        }
    }

    private static Task WriteAsync(HttpContext http, int statusCode, List<Line> lines, TimeSpan? storeRetryAfter)
    {
        http.Response.StatusCode = statusCode;
        if (statusCode is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
        {
            int seconds = storeRetryAfter is { } wait ? RetryAfter.Clamp(wait.TotalSeconds) : RetryAfter.ForSender(http.Request);
            http.Response.Headers.RetryAfter = ToText(seconds);
        }

        return PlainAnswer.WriteAsync(http.Response, TextOf(lines, http.TraceIdentifier));
    }

    /// <summary>One line a reason, in their order, as many whole lines as an answer may have; how many are left is said in the last one.</summary>
    private static string TextOf(List<Line> lines, string requestId)
    {
        var text = new StringBuilder();
        int told = 0;
        int left = PlainAnswer.MaxBytes - MoreBytes;
        while (told < Math.Min(lines.Count, MaxLines))
        {
            // The request's id ends the first line: whatever is left out, that is not.
            string line = $"{lines[told].Reason}: {lines[told].Text}{(told == 0 ? $" (request {requestId})" : "")}\n";
            left -= Encoding.UTF8.GetByteCount(line);
            if (told > 0 && left < 0)
            {
                break;
            }

            text.Append(line);
            told++;
        }

        return told == lines.Count ? text.ToString() : text.Append(CultureInfo.InvariantCulture, $"and {lines.Count - told} more\n").ToString();
    }

    private static string ToText(long number) => number.ToString(CultureInfo.InvariantCulture);
}
