using System.Text;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Storage;

namespace RemoteWriteGateway.Tests.Audit;

public sealed class AuditSpoolTests : IDisposable
{
    private const long Room = 1 << 30;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rwgateway-spool-");
    private readonly AuditChain _chain = new("gw-0/run");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void What_is_appended_is_read_back_with_its_hash_in_order_over_a_restart()
    {
        AuditBatch first = Batch(AuditRecords.Full(), AuditRecords.Bare());
        AuditBatch second = Batch(AuditRecords.Full()) with { Checkpoint = new AuditCheckpoint("gw-0/run", 3, AuditRecords.Start, _chain.Position.Hash, 17) };
        using (AuditSpool before = new(_folder.FullName, Room))
        {
            Assert.True(before.TryAppend(first));
            Assert.True(before.TryAppend(second));
        }

        using AuditSpool spool = new(_folder.FullName, Room);

        Assert.Equal(3, spool.Records);
        SpooledBatch read = spool.Peek()!;
        Assert.Equal(Hashes(first).Concat(Hashes(second)), Hashes(read.Batch));
        Assert.All(read.Batch.Records, record => Assert.Equal(record.Hash, AuditChain.HashOf(record)));
        Assert.Equal((3L, 17L), (read.Batch.Checkpoint!.Seq, read.Batch.Checkpoint.Events));
        spool.Remove(read);
        Assert.True(spool.IsEmpty);
        Assert.Empty(_folder.EnumerateFiles("*.jsonl"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    [InlineData(int.MaxValue)]
    public void A_torn_last_line_is_cut_and_nothing_else(int tornBytes)
    {
        using (AuditSpool before = new(_folder.FullName, Room))
        {
            Assert.True(before.TryAppend(Batch(AuditRecords.Bare(), AuditRecords.Full())));
        }

        FileInfo file = _folder.EnumerateFiles("*.jsonl").Single();
        byte[] whole = File.ReadAllBytes(file.FullName);
        byte[] line = whole[(whole.AsSpan().IndexOf((byte)'\n') + 1)..^1];
        File.WriteAllBytes(file.FullName, [.. whole, .. line[..Math.Min(tornBytes, line.Length)]]);

        using AuditSpool spool = new(_folder.FullName, Room);

        Assert.Equal(2, spool.Records);
        Assert.Equal([1L, 2L], spool.Peek()!.Batch.Records.Select(record => record.Seq));
        Assert.Equal(whole.Length, new FileInfo(file.FullName).Length);
        Assert.True(spool.TryAppend(Batch(AuditRecords.Bare())));
        Assert.Equal([1L, 2L, 3L], Drain(spool));
    }

    [Fact]
    public void Batches_come_out_in_order_while_others_come_in()
    {
        using AuditSpool spool = new(_folder.FullName, Room);
        List<long> read = [];
        for (int i = 0; i < 50; i++)
        {
            Assert.True(spool.TryAppend(Batch([.. Enumerable.Range(0, 70).Select(_ => AuditRecords.Bare())])));
            if (i % 3 == 2)
            {
                SpooledBatch batch = spool.Peek()!;
                read.AddRange(batch.Batch.Records.Select(record => record.Seq));
                spool.Remove(batch);
            }
        }

        read.AddRange(Drain(spool));

        Assert.Equal(Enumerable.Range(1, 3500).Select(seq => (long)seq), read);
        Assert.Equal((0L, 0L), (spool.Records, spool.Bytes));
    }

    [Fact]
    public void A_batch_is_read_in_pieces_of_a_thousand()
    {
        using AuditSpool spool = new(_folder.FullName, Room);
        Assert.True(spool.TryAppend(Batch([.. Enumerable.Range(0, 1500).Select(_ => AuditRecords.Bare())])));

        SpooledBatch first = spool.Peek()!;
        spool.Remove(first);

        Assert.Equal((1000, 500), (first.Batch.Records.Count, spool.Peek()!.Batch.Records.Count));
        Assert.Equal(500, spool.Records);
    }

    [Fact]
    public void A_full_spool_takes_nothing_and_has_room_again_when_files_are_replayed()
    {
        using AuditSpool spool = new(_folder.FullName, 20_000);
        int taken = 0;
        while (spool.TryAppend(Batch(AuditRecords.Bare())))
        {
            taken++;
        }

        Assert.InRange(spool.Bytes, 19_000, 20_000);
        Assert.Equal(taken, spool.Records);
        Assert.Equal(taken, Drain(spool).Count);
        Assert.True(spool.TryAppend(Batch(AuditRecords.Bare())));
    }

    [Fact]
    public void A_file_with_a_line_that_is_no_record_is_set_aside_whole_and_the_others_are_read()
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "000000000001.jsonl"), "{\"ts\":1}\n");
        using AuditSpool spool = new(_folder.FullName, Room);
        Assert.True(spool.TryAppend(Batch(AuditRecords.Bare())));

        Assert.Throws<SpoolDamagedException>(spool.Peek);
        string aside = spool.SetAside();

        Assert.Equal("{\"ts\":1}\n", File.ReadAllText(aside));
        Assert.Equal([1L], Drain(spool));
    }

    [Fact]
    public void A_second_gateway_on_the_same_folder_does_not_start()
    {
        using AuditSpool spool = new(_folder.FullName, Room);

        InvalidOperationException fault = Assert.Throws<InvalidOperationException>(() => new AuditSpool(_folder.FullName, Room));

        Assert.StartsWith($"Audit:SpoolDirectory: the folder {_folder.FullName} cannot be used, or another gateway uses it: ", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_named()
    {
        string file = Path.Combine(_folder.FullName, "file");
        File.WriteAllText(file, "");

        InvalidOperationException fault = Assert.Throws<InvalidOperationException>(() => new AuditSpool(Path.Combine(file, "spool"), Room));

        Assert.StartsWith("Audit:SpoolDirectory: the folder ", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_is_readable_by_whoever_has_to()
    {
        using AuditSpool spool = new(_folder.FullName, Room);
        Assert.True(spool.TryAppend(Batch(AuditRecords.Full() with { UserAgent = "a\nb" })));

        string[] lines = Encoding.UTF8.GetString(File.ReadAllBytes(_folder.EnumerateFiles("*.jsonl").Single().FullName)).Split('\n');

        Assert.Equal(2, lines.Length);
        Assert.Contains("\"event\":\"query\",\"outcome\":\"deny\"", lines[0], StringComparison.Ordinal);
        Assert.Contains("\"user_agent\":\"a\\nb\"", lines[0], StringComparison.Ordinal);
    }

    private AuditBatch Batch(params AuditRecord[] records) => new([.. records.Select(_chain.Append)], null);

    private static IEnumerable<string> Hashes(AuditBatch batch) => batch.Records.Select(record => Convert.ToHexString(record.Hash));

    private static List<long> Drain(AuditSpool spool)
    {
        List<long> seqs = [];
        while (spool.Peek() is { } batch)
        {
            seqs.AddRange(batch.Batch.Records.Select(record => record.Seq));
            spool.Remove(batch);
        }

        return seqs;
    }
}
