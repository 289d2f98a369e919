using System.CommandLine;
using Microsoft.Extensions.Options;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Catalog.Commands;

namespace RemoteWriteGateway.Audit.Commands;

/// <summary><c>rwgateway audit retain</c>: exports and removes what is older than <c>Audit:RetentionDays</c>.</summary>
internal static class RetainCommand
{
    public static Command Create(Func<WebApplicationBuilder> service)
    {
        Option<string> export = new("--export") { Required = true, Description = "Folder for the exports of what is removed." };
        Option<bool> json = Report.JsonOption();
        Command command = new("retain", "Export and remove audit records that are older than Audit:RetentionDays. Checkpoints stay.") { export, json };
        command.SetAction((parsed, cancellationToken) => AuditCommand.RunAsync(service, Report.Of(parsed, json), async (services, report) =>
        {
            TimeProvider time = services.GetRequiredService<TimeProvider>();
            DateTimeOffset before = time.GetUtcNow().AddDays(-services.GetRequiredService<IOptions<AuditOptions>>().Value.RetentionDays);
            string stream = $"audit-retain@{Environment.MachineName}/{Guid.CreateVersion7(time.GetUtcNow())}";
            try
            {
                IReadOnlyList<RetainedPart> parts = await services.GetRequiredService<AuditRetention>()
                    .RetainAsync(before, parsed.GetRequiredValue(export), stream, cancellationToken);
                report.Write(
                    new { before, removed = parts.Select(part => new { part.What, part.Detail.Rows, part.Detail.Export }) },
                    parts.Count == 0
                        ? [$"nothing is older than {before:u}"]
                        : [.. parts.Select(part => $"{part.What}: {part.Detail.Rows} records before {part.Detail.Before:u} exported to {part.Detail.Export} and removed")]);
                return ExitCode.Fine;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return report.Invalid($"--export: {e.Message}; nothing more was removed");
            }
        }, cancellationToken));
        return command;
    }
}
