using System.CommandLine;
using System.Globalization;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Catalog.Commands;

namespace RemoteWriteGateway.Audit.Commands;

/// <summary><c>rwgateway audit search</c>: the newest records that meet all conditions.</summary>
internal static class SearchCommand
{
    private const int DefaultLimit = 100;

    public static Command Create(Func<WebApplicationBuilder> service)
    {
        FilterOptions filter = new();
        Option<int> limit = new("--limit") { Description = $"How many at most, up to {AuditSearch.MaxPageSize}.", DefaultValueFactory = _ => DefaultLimit };
        limit.Validators.Add(result =>
        {
            if (result.GetValue(limit) is < 1 or > AuditSearch.MaxPageSize)
            {
                result.AddError($"--limit: from 1 to {AuditSearch.MaxPageSize}");
            }
        });
        Option<bool> json = Report.JsonOption();
        Command command = new("search", "Find audit records, newest first.") { limit, json };
        filter.AddTo(command);
        command.SetAction((parsed, cancellationToken) => AuditCommand.RunAsync(service, Report.Of(parsed, json), async (services, report) =>
        {
            AuditPage page = await services.GetRequiredService<AuditSearch>()
                .SearchAsync(filter.Of(parsed), AuditReach.All, null, parsed.GetValue(limit), cancellationToken);
            report.Write(
                new { items = page.Items.Select(item => AuditItem.Of(item, withChain: true)), more = page.Next is not null },
                [
                    .. page.Items.IsEmpty
                        ? ["nothing found"]
                        : TextTable.Lines([["time", "event", "outcome", "reason", "caller", "client", "tenants", "route", "count", "request"], .. page.Items.Select(Row)]),
                    .. page.Next is null ? (string[])[] : [$"there are more: --to {Time(page.Next.At)} goes on, --limit tells more at once, audit export tells all"],
                ]);
            return ExitCode.Fine;
        }, cancellationToken));
        return command;
    }

    private static string[] Row(SeenRecord seen)
    {
        AuditRecord record = seen.Chained.Record;
        return
        [
            Time(record.At),
            record.Event,
            record.Outcome,
            record.Reason ?? "",
            record.Caller is { } caller ? caller.Name ?? caller.ObjectId.ToString() : "",
            record.Caller?.Client.ToString() ?? "",
            record.Tenant ?? (record.Tenants.IsDefault ? "" : string.Join(',', record.Tenants)),
            record.Route ?? "",
            record.Count.ToString(CultureInfo.InvariantCulture),
            record.RequestId ?? "",
        ];
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
