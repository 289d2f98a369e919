using System.CommandLine;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Catalog.Commands;

namespace RemoteWriteGateway.Audit.Commands;

/// <summary><c>rwgateway audit export</c>: all records that meet all conditions, oldest first, into a file.</summary>
internal static class ExportCommand
{
    public static Command Create(Func<WebApplicationBuilder> service)
    {
        FilterOptions filter = new();
        Option<AuditExportFormat> format = new("--format") { Description = "ndjson or csv." };
        Option<string> output = new("--output", "-o") { Required = true, Description = "The file to write; one that is there is not overwritten." };
        Option<bool> json = Report.JsonOption();
        Command command = new("export", "Write audit records to a file, oldest first. Its last line says how many there are.") { format, output, json };
        filter.AddTo(command);
        command.SetAction((parsed, cancellationToken) => AuditCommand.RunAsync(service, Report.Of(parsed, json), async (services, report) =>
        {
            string path = parsed.GetRequiredValue(output);
            try
            {
                long count;
                await using (FileStream file = new(path, FileMode.CreateNew, FileAccess.Write))
                {
                    count = await AuditExport.WriteAsync(
                        services.GetRequiredService<AuditSearch>().ExportAsync(filter.Of(parsed), AuditReach.All, cancellationToken),
                        parsed.GetValue(format),
                        file,
                        cancellationToken);
                    file.Flush(flushToDisk: true);
                }

                report.Write(new { file = path, count }, [$"{count} records in {path}"]);
                return ExitCode.Fine;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return report.Invalid($"--output: {path} cannot be written: {e.Message}");
            }
        }, cancellationToken));
        return command;
    }
}
