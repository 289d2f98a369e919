using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Audit;

public sealed class AuditSearchTests
{
    private const string Run = "gw-0/0199aaaa-0000-7000-8000-000000000001";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Every_condition_finds_its_record_and_no_other(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        AuditRecord full = AuditRecords.Full(audit.Now);
        await audit.WriteAsync(Run, full, AuditRecords.Bare(at: audit.Now.AddHours(-30)));
        AuditFilter[] filters =
        [
            new() { Event = "query" }, new() { Outcome = "deny" }, new() { Reason = "query-too-long" }, new() { Subject = AuditRecords.Ann.ObjectId },
            new() { Client = AuditRecords.Ann.Client }, new() { Tenant = "ours" }, new() { Tenant = "theirs" }, new() { Permission = "metrics:read" },
            new() { RequestId = full.RequestId }, new() { PolicyVersion = full.PolicyVersion }, new() { From = audit.Now }, new() { From = audit.Now.AddHours(-1), To = audit.Now.AddSeconds(1) },
        ];
        foreach (AuditFilter filter in filters)
        {
            Assert.Equal(full.Id, Assert.Single((await SearchAsync(audit, filter)).Items).Chained.Record.Id);
        }

        foreach (AuditFilter filter in (AuditFilter[])[new() { Event = "admin" }, new() { Subject = Guid.NewGuid() }, new() { Tenant = "our" }, new() { To = audit.Now.AddDays(-2) }, new() { Tenant = "' OR TRUE --" }])
        {
            Assert.Empty((await SearchAsync(audit, filter)).Items);
        }

        Assert.Equal(2, (await SearchAsync(audit, new AuditFilter())).Items.Length);
        Assert.Equal(full.Id, (await audit.Search.FindAsync(full.Id, AuditReach.All, Cancel))?.Chained.Record.Id);
        Assert.Null(await audit.Search.FindAsync(Guid.NewGuid(), AuditReach.All, Cancel));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Pages_neither_repeat_nor_hide_a_record_while_others_come_in(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);

        // Over months, many of one moment, in two streams.
        await audit.Table.PrepareAsync(audit.Now.AddDays(-60), Cancel);
        DateTimeOffset[] times = [.. Enumerable.Range(0, 40).Select(i => audit.Now.AddHours(-i * i)), .. Enumerable.Repeat(audit.Now.AddDays(-1), 25)];
        Array.Sort(times);
        await audit.WriteAsync(Run, [.. times.Select(time => AuditRecords.Bare(at: time))]);
        await audit.WriteAsync("gw-1/x", [.. times.Select(time => AuditRecords.Bare(at: time))]);
        HashSet<Guid> there = [.. (await audit.Search.ExportAsync(new(), AuditReach.All, Cancel).ToListAsync(Cancel)).Select(record => record.Chained.Record.Id)];

        List<SeenRecord> told = [];
        AuditCursor? cursor = null;
        int page = 0;
        do
        {
            AuditPage found = await audit.Search.SearchAsync(new AuditFilter(), AuditReach.All, cursor, 7, Cancel);
            told.AddRange(found.Items);
            cursor = found.Next;
            await audit.WriteAsync($"late/{page++}", AuditRecords.Bare(at: audit.Now.AddMinutes(page)), AuditRecords.Bare(at: audit.Now.AddDays(-page)));
        }
        while (cursor is not null);

        Assert.Equal(told.Count, told.Select(record => record.Chained.Record.Id).Distinct().Count());
        Assert.Superset(there, told.Select(record => record.Chained.Record.Id).ToHashSet());
        Assert.Equal(told.Select(record => record.Chained.Record.At).OrderDescending(), told.Select(record => record.Chained.Record.At));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Only_records_of_tenants_within_reach_are_seen(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        AuditRecord ours = Of("ours");
        AuditRecord theirs = Of("theirs");
        AuditRecord both = AuditRecords.Full(audit.Now) with { Id = Guid.NewGuid(), Tenant = null, Tenants = ["ours", "theirs"], TenantsRequested = ["ours", "theirs"] };
        AuditRecord none = AuditRecords.Bare(AuditEvents.Refusal, audit.Now) with { TenantsRequested = ["ours"] };
        await audit.WriteAsync(Run, ours, theirs, both, none);

        AuditReach reach = AuditReach.Of(["ours"]);
        SeenRecord[] seen = [.. (await audit.Search.SearchAsync(new AuditFilter(), reach, null, 100, Cancel)).Items];
        SeenRecord[] exported = [.. await audit.Search.ExportAsync(new AuditFilter(), reach, Cancel).ToListAsync(Cancel)];

        Assert.Equal(new[] { ours.Id, both.Id }.Order(), seen.Select(record => record.Chained.Record.Id).Order());
        Assert.Equal(new[] { ours.Id, both.Id }.Order(), exported.Select(record => record.Chained.Record.Id).Order());
        Assert.Null(await audit.Search.FindAsync(theirs.Id, reach, Cancel));
        Assert.Null(await audit.Search.FindAsync(none.Id, reach, Cancel));
        Assert.Equal(4, (await SearchAsync(audit, new AuditFilter())).Items.Length);
        Assert.Empty((await audit.Search.SearchAsync(new AuditFilter { Tenant = "theirs" }, AuditReach.Of([]), null, 100, Cancel)).Items);

        // What it is also about is not told: neither the other tenant nor what was asked of it.
        string json = JsonSerializer.Serialize(AuditItem.Of((await audit.Search.FindAsync(both.Id, reach, Cancel))!.Value, withChain: true), AuditJson.Default.AuditItem);
        Assert.DoesNotContain("theirs", json, StringComparison.Ordinal);
        Assert.DoesNotContain("sum(rate", json, StringComparison.Ordinal);
        Assert.Contains("\"narrowed\":true", json, StringComparison.Ordinal);
        Assert.Contains("\"tenants\":[\"ours\"]", json, StringComparison.Ordinal);

        AuditRecord Of(string tenant) => AuditRecords.Full(audit.Now) with { Id = Guid.NewGuid(), Tenant = tenant, Tenants = default, TenantsRequested = [tenant] };
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task An_export_has_all_oldest_first_and_says_how_many(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        await audit.WriteAsync(Run, [.. Enumerable.Range(0, 3000).Select(i => AuditRecords.Full(audit.Now.AddSeconds(-i)) with { Id = Guid.NewGuid() })]);

        string[] lines = (await ExportAsync(audit, AuditExportFormat.Ndjson)).TrimEnd('\n').Split('\n');

        Assert.Equal(3001, lines.Length);
        Assert.Equal("""{"end":true,"count":3000}""", lines[^1]);
        JsonNode first = JsonNode.Parse(lines[0])!;
        Assert.Equal((3000, "ann@example.org", "up", 64), ((int)first["seq"]!, (string?)first["subject"]!["name"], "up", ((string?)first["hash"])!.Length));
        Assert.Equal(12.4, (double)first["durationMs"]!);
    }

    [Fact]
    public async Task No_cell_of_a_CSV_is_a_formula()
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync("Sqlite");
        await audit.WriteAsync(
            Run,
            AuditRecords.Bare(at: audit.Now) with { UserAgent = "=cmd|' /C calc'!A0", QueryText = "-1", TenantsRequested = ["@SUM(1+9)"], Method = "+", Route = "a,\"b\"\r\nc" });

        string[] lines = (await ExportAsync(audit, AuditExportFormat.Csv)).Split("\r\n", 2);

        Assert.StartsWith("ts,stream,seq,id,event,", lines[0], StringComparison.Ordinal);
        Assert.Contains("\"'=cmd|' /C calc'!A0\"", lines[1], StringComparison.Ordinal);
        Assert.Contains(",'-1,", lines[1], StringComparison.Ordinal);
        Assert.Contains(",'@SUM(1+9),", lines[1], StringComparison.Ordinal);
        Assert.Contains(",'+,\"a,\"\"b\"\"\r\nc\",", lines[1], StringComparison.Ordinal);
        Assert.EndsWith("\r\nend,1\r\n", lines[1], StringComparison.Ordinal);
        Assert.DoesNotMatch("(^|,)\"?[=+@-]", lines[1][..^10]);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task The_commands_tell_people_and_scripts(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        await audit.WriteAsync(Run, AuditRecords.Full(audit.Now) with { Reason = "x\u001b[2J" }, AuditRecords.Bare(at: audit.Now));

        (int code, string output, string error) = await audit.RunAsync("search", "--tenant", "ours");
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("ann@example.org", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
        (code, output, _) = await audit.RunAsync("search", "--json", "--limit", "1");
        Assert.Equal(0, code);
        JsonNode json = JsonNode.Parse(output)!;
        Assert.Equal((1, true), (json["items"]!.AsArray().Count, (bool)json["more"]!));
        Assert.Equal((0, "nothing found\n", ""), await audit.RunAsync("search", "--event", "admin"));
        Assert.NotEqual(0, (await audit.RunAsync("search", "--event", "nonsense")).Code);
        Assert.NotEqual(0, (await audit.RunAsync("search", "--limit", "1001")).Code);

        string file = Path.Combine(audit.Folder, "out.csv");
        Assert.Equal((0, $"2 records in {file}\n", ""), await audit.RunAsync("export", "--format", "csv", "-o", file));
        Assert.EndsWith("end,2\r\n", await File.ReadAllTextAsync(file, Cancel), StringComparison.Ordinal);
        Assert.Equal(2, (await audit.RunAsync("export", "-o", file)).Code);
    }

    private static Task<AuditPage> SearchAsync(AuditCatalog audit, AuditFilter filter) => audit.Search.SearchAsync(filter, AuditReach.All, null, 100, Cancel);

    private static async Task<string> ExportAsync(AuditCatalog audit, AuditExportFormat format)
    {
        using MemoryStream output = new();
        await AuditExport.WriteAsync(audit.Search.ExportAsync(new AuditFilter(), AuditReach.All, Cancel), format, output, Cancel);
        return Encoding.UTF8.GetString(output.ToArray());
    }
}
