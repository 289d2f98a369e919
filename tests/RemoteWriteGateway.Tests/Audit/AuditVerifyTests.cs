using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Audit.Storage;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Audit;

/// <summary>Whoever can write to the database can change what is on record, and is found out.</summary>
public sealed class AuditVerifyTests
{
    private const string Run = "gw-0/0199aaaa-0000-7000-8000-000000000001";
    private const string Deletions = "gw-0/push-delete/0199aaaa-0000-7000-8000-000000000001";
    private const string Next = "gw-0/0199aaaa-0000-7000-8000-000000000002";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task What_nobody_touched_is_intact(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        IReadOnlyList<ChainedRecord> run = await audit.WriteRunAsync(Run, 10);
        await audit.WriteRunAsync(Next, 5, Previous(run[^1]));

        AuditVerification found = await audit.VerifyAsync();

        Assert.True(found.Intact);
        Assert.Equal((2L, 19L, 2L, 0, 0), (found.Streams, found.Records, found.Checkpoints, found.Unclosed.Length, found.Running.Length));
        Assert.Equal((0, "intact: 19 records in 2 streams, 2 checkpoints\n", ""), await audit.RunAsync("verify"));
    }

    public static TheoryData<string, string> Edits => new(
        from provider in (string[])["Sqlite", "PostgreSql"]
        from edit in (string[])
        [
            "outcome = 'allow'", "reason = NULL", "tenant = 'theirs'", "query_text = 'other'", "subject_name = 'bob'", "count = 3", "detail = '{}'",
            "http_status = 200", "groups_unknown = NULL", "remote_ip = ''",
        ]
        select (provider, edit));

    [Theory]
    [MemberData(nameof(Edits))]
    public async Task An_edited_record_is_named(string provider, string edit)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        IReadOnlyList<ChainedRecord> run = await audit.WriteRunAsync(Run, 10);

        await audit.TamperAsync($"UPDATE audit_events SET {edit} WHERE seq = 5");

        AuditBreak broken = Assert.Single((await audit.VerifyAsync()).Breaks);
        Assert.Equal((Run, 5L, run[4].Record.Id), (broken.Stream, broken.Seq, broken.Id));
        (int code, string output, string error) = await audit.RunAsync("verify");
        Assert.Equal((1, ""), (code, error));
        Assert.StartsWith($"broken: stream {Run} seq 5 id {run[4].Record.Id}: its content is not what was recorded: the hash differs\n", output, StringComparison.Ordinal);
        Assert.Contains("BROKEN: 12 records in 1 streams", output, StringComparison.Ordinal);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_deleted_record_is_named(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        await audit.WriteRunAsync(Run, 10);

        await audit.TamperAsync("DELETE FROM audit_events WHERE seq IN (5, 6, 9)");

        Assert.Equal([(Run, 5L, 6L), (Run, 9L, 9L)], (await audit.VerifyAsync()).Gaps.Select(gap => (gap.Stream, gap.FromSeq, gap.ToSeq)));
        (int code, string output, _) = await audit.RunAsync("verify");
        Assert.Equal(1, code);
        Assert.StartsWith($"missing: stream {Run} seq 5 to 6\nmissing: stream {Run} seq 9\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_beginning_and_an_end_that_were_deleted_are_missed(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        await audit.WriteRunAsync(Run, 10);

        await audit.TamperAsync("DELETE FROM audit_events WHERE seq < 4 OR seq > 10");

        Assert.Equal([(1L, 3L), (11L, 12L)], (await audit.VerifyAsync()).Gaps.Select(gap => (gap.FromSeq, gap.ToSeq)));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_stream_that_was_deleted_whole_is_missed(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        IReadOnlyList<ChainedRecord> run = await audit.WriteRunAsync(Run, 10);
        await audit.WriteRunAsync(Next, 5, Previous(run[^1]));

        await audit.TamperAsync($"DELETE FROM audit_events WHERE stream = '{Run}'");

        Assert.Equal((Run, 1L, 12L), Assert.Single((await audit.VerifyAsync()).Gaps.Distinct()) is { } gap ? (gap.Stream, gap.FromSeq, gap.ToSeq) : default);

        // With its checkpoints, too: the replica's next start has seen it.
        await audit.TamperAsync($"DELETE FROM audit_checkpoints WHERE stream = '{Run}'");
        Assert.Equal((Run, 1L, 12L), Assert.Single((await audit.VerifyAsync()).Gaps) is { } other ? (other.Stream, other.FromSeq, other.ToSeq) : default);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Swapped_records_are_named(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        await audit.WriteRunAsync(Run, 10);

        await audit.TamperAsync("UPDATE audit_events SET seq = 100 WHERE seq = 4");
        await audit.TamperAsync("UPDATE audit_events SET seq = 4 WHERE seq = 7");
        await audit.TamperAsync("UPDATE audit_events SET seq = 7 WHERE seq = 100");

        AuditVerification found = await audit.VerifyAsync();
        Assert.Equal(4, Assert.Single(found.Breaks).Seq);
        Assert.Empty(found.Gaps);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_record_that_was_slipped_in_is_named(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        IReadOnlyList<ChainedRecord> run = await audit.WriteRunAsync(Run, 10, isClosed: false);

        // With a hash that is right for its content and its place, behind a record that has another successor.
        await audit.TamperAsync("DELETE FROM audit_events WHERE seq = 6");
        AuditChain forger = new(Run);
        forger.Rewind(new ChainPosition(5, run[4].Hash));
        await audit.Table.InsertAsync(new AuditBatch([forger.Append(AuditRecords.Bare(at: audit.Now))], null), false, Cancel);

        AuditBreak broken = Assert.Single((await audit.VerifyAsync()).Breaks);
        Assert.Equal((7L, "it does not follow the record before it"), (broken.Seq, broken.What));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_chain_that_was_made_anew_differs_from_the_checkpoints_of_the_catalog_or_else_of_the_log(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        IReadOnlyList<ChainedRecord> run = await audit.WriteRunAsync(Run, 10);
        string log = Path.Combine(audit.Folder, "gateway.log");
        await File.WriteAllTextAsync(log,
            $$$"""
            {"Timestamp":"2026-11-24T12:00:00Z","Message":"something else"}
            {"EventId":1,"LogLevel":"Information","Message":"Audit checkpoint: stream {{{Run}}} seq 12 hash {{{Convert.ToHexStringLower(run[^1].Hash)}}} events 12","State":{}}
            """, Cancel);
        Assert.Equal(0, (await audit.RunAsync("verify", "--checkpoints", log)).Code);

        // All of it again, without what an operator did at 5.
        await audit.TamperAsync("DELETE FROM audit_events");
        AuditChain forger = new(Run);
        ChainedRecord[] forged = [.. run.Select((record, i) => forger.Append(i == 4 ? record.Record with { Outcome = AuditOutcomes.Allow } : record.Record))];
        await audit.Table.InsertAsync(new AuditBatch(forged, null), false, Cancel);

        AuditBreak broken = Assert.Single((await audit.VerifyAsync()).Breaks);
        Assert.Equal((12L, "its hash is not the one of the checkpoint"), (broken.Seq, broken.What));

        // And the checkpoints as well: only the log knows better.
        await audit.TamperAsync("DELETE FROM audit_checkpoints");
        await audit.Table.InsertAsync(new AuditBatch([], new AuditCheckpoint(Run, 12, audit.Now, forger.Position.Hash, 12)), false, Cancel);
        Assert.True((await audit.VerifyAsync()).Intact);
        (int code, string output, _) = await audit.RunAsync("verify", "--checkpoints", log);
        Assert.Equal(1, code);
        Assert.Contains($"broken: stream {Run} seq 12: the checkpoint is not the one that the log has\n", output, StringComparison.Ordinal);

        await audit.TamperAsync("DELETE FROM audit_checkpoints");
        (code, output, _) = await audit.RunAsync("verify", "--checkpoints", log);
        Assert.Equal(1, code);
        Assert.Contains($"broken: stream {Run} seq 12: the checkpoint that the log has is missing in the catalog\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Checkpoints_that_should_be_there_are_missed(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        await audit.WriteAsync(Run, [AuditRecords.Bare(AuditEvents.Startup, audit.Now), .. Enumerable.Range(0, 2500).Select(_ => AuditRecords.Bare(at: audit.Now))]);

        await audit.TamperAsync("DELETE FROM audit_checkpoints");

        AuditBreak broken = Assert.Single((await audit.VerifyAsync()).Breaks);
        Assert.Equal((2001L, "a checkpoint is missing: none between 0 and 2001"), (broken.Seq, broken.What));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_run_that_was_killed_is_told_and_one_that_is_alive_is_not_taken_for_it(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        await audit.WriteRunAsync(Run, 3, isClosed: false);

        Assert.Equal((Run, 4L), Assert.Single((await audit.VerifyAsync()).Unclosed) is { } open ? (open.Stream, open.LastSeq) : default);
        (int code, string output, _) = await audit.RunAsync("verify");
        Assert.Equal(2, code);
        Assert.StartsWith($"not closed: stream {Run} ends at seq 4: ", output, StringComparison.Ordinal);

        await audit.Database.ExecuteAsync(
            "INSERT INTO replicas (instance, name, stream, version, started_at, last_seen, keys_state, audit_spooled) VALUES (@id, 'gw-0', @Run, '1', @Now, @Now, 'Current', 0)",
            new { id = Guid.NewGuid(), Run, audit.Now },
            Cancel);
        Assert.Equal((0, $"running: stream {Run}, now at seq 4\nintact: 4 records in 1 streams, 1 checkpoints\n", ""), await audit.RunAsync("verify"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_stream_of_deletions_has_no_end_and_its_run_may_still_be_unclosed(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        await audit.WriteAsync(Deletions, AuditRecords.Bare(AuditEvents.PushDelete, audit.Now), AuditRecords.Bare(AuditEvents.PushDelete, audit.Now));

        Assert.Equal((0, "intact: 2 records in 1 streams, 1 checkpoints\n", ""), await audit.RunAsync("verify"));

        await audit.WriteRunAsync(Run, 3, isClosed: false);
        Assert.Equal(Run, Assert.Single((await audit.VerifyAsync()).Unclosed).Stream);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_stream_of_deletions_that_the_next_start_has_seen_is_missed(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        IReadOnlyList<ChainedRecord> deletions = await audit.WriteAsync(
            Deletions, AuditRecords.Bare(AuditEvents.PushDelete, audit.Now), AuditRecords.Bare(AuditEvents.PushDelete, audit.Now));
        IReadOnlyList<ChainedRecord> run = await audit.WriteRunAsync(Run, 3);
        await audit.WriteAsync(
            Next,
            AuditRecords.Bare(AuditEvents.Startup, audit.Now) with
            {
                Detail = System.Text.Json.JsonSerializer.Serialize(new { previous = Previous(run[^1]), previousDeletions = Previous(deletions[^1]) }),
            },
            AuditRecords.Bare(AuditEvents.Shutdown, audit.Now));
        Assert.True((await audit.VerifyAsync()).Intact);

        await audit.TamperAsync($"DELETE FROM audit_checkpoints WHERE stream = '{Deletions}'");
        await audit.TamperAsync($"DELETE FROM audit_events WHERE stream = '{Deletions}' AND seq = 2");

        Assert.Equal((Deletions, 2L, 2L), Assert.Single((await audit.VerifyAsync()).Gaps) is { } gap ? (gap.Stream, gap.FromSeq, gap.ToSeq) : default);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_part_is_verified_by_itself(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        await audit.WriteRunAsync(Run, 10);
        await audit.WriteRunAsync(Next, 10);
        await audit.TamperAsync($"UPDATE audit_events SET count = 9 WHERE seq = 3 AND stream = '{Run}'");

        Assert.False((await audit.VerifyAsync(new AuditVerifyScope { From = audit.Now.AddSeconds(1) })).Intact);
        AuditVerification later = await audit.VerifyAsync(new AuditVerifyScope { From = audit.Now.AddSeconds(3), To = audit.Now.AddSeconds(6) });
        Assert.True(later.Intact);
        Assert.Equal((6L, 0), (later.Records, later.Unclosed.Length));
        Assert.Equal(0, (await audit.RunAsync("verify", "--stream", Next)).Code);
        Assert.Equal(1, (await audit.RunAsync("verify", "--stream", Run)).Code);
        Assert.Equal(0, (await audit.RunAsync("verify", "--from", "2026-11-24T12:00:05Z")).Code);
        Assert.Equal(1, (await audit.RunAsync("verify", "--from", "yesterday")).Code is var code && code != 0 ? 1 : 0);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task What_retention_removed_is_exported_told_and_not_missed(string provider)
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync(provider);
        DateTimeOffset old = audit.Now.AddDays(-70);
        await audit.Table.PrepareAsync(old, Cancel);
        await audit.WriteAsync(
            Run,
            AuditRecords.Bare(AuditEvents.Startup, old),
            AuditRecords.Full(old.AddMinutes(1)),
            AuditRecords.Bare(at: audit.Now),
            AuditRecords.Bare(AuditEvents.Shutdown, audit.Now));
        string exports = Path.Combine(audit.Folder, "exports");

        (int code, string output, string error) = await audit.RunAsync("retain", "--export", exports);

        Assert.Equal((0, ""), (code, error));
        Assert.Contains(": 2 records before ", output, StringComparison.Ordinal);
        Assert.Equal(2, (await audit.Search.ExportAsync(new AuditFilter(), AuditReach.All, Cancel).ToListAsync(Cancel)).Count(record => record.Chained.Stream == Run));
        string[] lines = [.. Directory.EnumerateFiles(exports).SelectMany(File.ReadAllLines)];
        Assert.Equal(2, lines.Count(line => line.Contains(Run, StringComparison.Ordinal)));
        Assert.Contains("{\"end\":true,\"count\":2}", lines);
        ChainedRecord exported = SpoolLines.Read(System.Text.Encoding.UTF8.GetBytes(lines.Single(line => line.Contains("\"seq\":2,", StringComparison.Ordinal)))).Record!;
        Assert.Equal(exported.Hash, AuditChain.HashOf(exported));
        AuditVerification found = await audit.VerifyAsync();
        Assert.True(found.Intact);
        Assert.Equal(2, found.Retentions.Sum(one => one.Rows));
        Assert.Empty(found.Unclosed);

        // Beyond what it says nothing may be missing.
        await audit.TamperAsync($"DELETE FROM audit_events WHERE seq = 3 AND stream = '{Run}'");
        Assert.Equal((3L, 3L), Assert.Single((await audit.VerifyAsync()).Gaps) is { } gap ? (gap.FromSeq, gap.ToSeq) : default);

        (code, output, _) = await audit.RunAsync("retain", "--export", exports);
        Assert.Equal(0, code);
        Assert.StartsWith("nothing is older than ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SQLite_keeps_what_retention_does_not_allow_to_remove()
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync("Sqlite");
        await audit.WriteRunAsync(Run, 3);

        foreach (string sql in (string[])["DELETE FROM audit_events", "UPDATE audit_events SET count = 2", "DELETE FROM audit_checkpoints", "INSERT OR REPLACE INTO audit_events SELECT * FROM audit_events"])
        {
            await Assert.ThrowsAsync<Microsoft.Data.Sqlite.SqliteException>(() => audit.Database.ExecuteAsync(sql, null, Cancel));
        }

        Assert.True((await audit.VerifyAsync()).Intact);
    }

    [Fact]
    public async Task A_file_without_checkpoints_is_no_witness()
    {
        await using AuditCatalog audit = await AuditCatalog.CreateAsync("Sqlite");
        string log = Path.Combine(audit.Folder, "gateway.log");
        await File.WriteAllTextAsync(log, "nothing\n", Cancel);

        Assert.Equal((2, "", $"--checkpoints: {log} has no line with an audit checkpoint\n"), await audit.RunAsync("verify", "--checkpoints", log));
        Assert.Equal(2, (await audit.RunAsync("verify", "--checkpoints", log + ".not-there")).Code);
    }

    private static object Previous(ChainedRecord last) => new { stream = last.Stream, seq = last.Seq, hash = Convert.ToHexStringLower(last.Hash) };
}
