using System.CommandLine;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Catalog.Commands;

namespace RemoteWriteGateway.Audit.Commands;

/// <summary>
/// <c>rwgateway audit verify</c>: whether what is on record is what was recorded. Exit code 0 intact, 1 broken, 2 intact but with streams
/// that were not closed (or invalid input).
/// </summary>
internal static class VerifyCommand
{
    private const int Broken = 1;
    private const int Unclosed = 2;

    public static Command Create(Func<WebApplicationBuilder> service)
    {
        Option<DateTimeOffset?> from = FilterOptions.TimeOption("--from", "Only records from this moment on.");
        Option<DateTimeOffset?> to = FilterOptions.TimeOption("--to", "Only records before this moment.");
        Option<string?> stream = new("--stream") { Description = "Only this stream." };
        Option<string?> checkpoints = new("--checkpoints") { Description = "A file with lines of the gateways' logs: the checkpoints in it must be those of the catalog." };
        Option<bool> json = Report.JsonOption();
        Command command = new("verify", "Walk the hash chains of the audit: find edited, deleted and swapped records.") { from, to, stream, checkpoints, json };
        command.SetAction((parsed, cancellationToken) => AuditCommand.RunAsync(service, Report.Of(parsed, json), async (services, report) =>
        {
            AuditVerifyScope scope = new() { From = parsed.GetValue(from), To = parsed.GetValue(to), Stream = parsed.GetValue(stream) };
            if (parsed.GetValue(checkpoints) is { } path)
            {
                try
                {
                    AuditCheckpoint[] witnessed = [.. CheckpointLines.Read(File.ReadLines(path)).Where(one => scope.Stream is null || scope.Stream == one.Stream)];
                    if (witnessed.Length == 0)
                    {
                        return report.Invalid($"--checkpoints: {path} has no line with an audit checkpoint{(scope.Stream is null ? "" : " of this stream")}");
                    }

                    scope = scope with { Witnessed = witnessed };
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    return report.Invalid($"--checkpoints: {path} cannot be read: {e.Message}");
                }
            }

            return Print(report, await services.GetRequiredService<AuditVerifier>().VerifyAsync(scope, cancellationToken));
        }, cancellationToken));
        return command;
    }

    private static int Print(Report report, AuditVerification found)
    {
        report.Write(found,
        [
            .. found.Breaks.Select(one => $"broken: stream {one.Stream} seq {one.Seq}{(one.Id is { } id ? $" id {id}" : "")}: {one.What}"),
            .. found.Gaps.Select(gap => $"missing: stream {gap.Stream} seq {(gap.FromSeq == gap.ToSeq ? $"{gap.FromSeq}" : $"{gap.FromSeq} to {gap.ToSeq}")}"),
            .. found.Unclosed.Select(open => $"not closed: stream {open.Stream} ends at seq {open.LastSeq}: its run was killed, or it runs and does not reach the catalog"),
            .. found.Running.Select(open => $"running: stream {open.Stream}, now at seq {open.LastSeq}"),
            .. found.Retentions.Select(one => $"removed by retention: {one.Rows} records before {one.Before:u} (stream {one.Stream})"),
            $"{(found.Intact ? "intact" : "BROKEN")}: {found.Records} records in {found.Streams} streams, {found.Checkpoints} checkpoints",
        ]);
        return !found.Intact ? Broken : found.Unclosed.IsEmpty ? ExitCode.Fine : Unclosed;
    }
}
