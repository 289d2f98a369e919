using System.Data.Common;
using System.Text.Json;
using Dapper;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Audit.Storage;

namespace RemoteWriteGateway.Audit.Reading;

/// <summary>What part of the audit is verified.</summary>
internal sealed record AuditVerifyScope
{
    public DateTimeOffset? From { get; init; }

    public DateTimeOffset? To { get; init; }

    public string? Stream { get; init; }

    /// <summary>Checkpoints from a witness that cannot be rewritten with the catalog: the log.</summary>
    public IReadOnlyCollection<AuditCheckpoint> Witnessed { get; init; } = [];

    public bool IsPart => From is not null || To is not null;
}

/// <summary>
/// Walks every stream, record by record: content, order and completeness against the hashes, the checkpoints of the table and those of the
/// log, and what each start says about the replica's stream before.
/// </summary>
internal sealed class AuditVerifier(AuditTable table, TimeProvider time)
{
    private static readonly TimeSpan AliveFor = TimeSpan.FromSeconds(15);
    private static readonly string Columns = string.Join(", ", AuditColumns.Names);

    public async Task<AuditVerification> VerifyAsync(AuditVerifyScope scope, CancellationToken cancellationToken)
    {
        Findings found = new();
        ILookup<string, AuditCheckpoint> stored = (await CheckpointsAsync(scope, cancellationToken)).ToLookup(checkpoint => checkpoint.Stream, StringComparer.Ordinal);
        found.Checkpoints = stored.Sum(stream => stream.LongCount());
        Compare(scope, stored, found);
        Dictionary<string, long> removed = await RemovedAsync(found, cancellationToken);

        Dictionary<string, StreamVerifier> streams = new(StringComparer.Ordinal);
        StreamVerifier? current = null;
        string? name = null;
        await using DbConnection connection = await table.Database.OpenAsync(cancellationToken);
        (string sql, DynamicParameters parameters) = RecordsSql(scope);
        await using (DbDataReader rows = await connection.ExecuteReaderAsync(new CommandDefinition(sql, parameters, commandTimeout: 0, cancellationToken: cancellationToken)))
        {
            while (await rows.ReadAsync(cancellationToken))
            {
                ChainedRecord record = table.Read(rows);
                if (record.Stream != name)
                {
                    name = record.Stream;
                    current = New(name);
                }

                current!.Add(record); // not null: made with the first record of its stream
            }
        }

        // Streams of which only a checkpoint is left.
        foreach (string gone in stored.Select(stream => stream.Key).Concat(scope.Witnessed.Select(one => one.Stream)).Distinct(StringComparer.Ordinal).ToArray())
        {
            if (!streams.ContainsKey(gone) && (scope.Stream is null || scope.Stream == gone))
            {
                New(gone);
            }
        }

        await ConcludeAsync(scope, streams, removed, found, cancellationToken);
        return found.Result(streams.Values);

        StreamVerifier New(string stream)
        {
            Dictionary<long, AuditCheckpoint> checkpoints = [];
            foreach (AuditCheckpoint checkpoint in stored[stream].Concat(scope.Witnessed.Where(one => one.Stream == stream)))
            {
                checkpoints.TryAdd(checkpoint.Seq, checkpoint);
            }

            return streams[stream] = new StreamVerifier(stream, checkpoints, removed.GetValueOrDefault(stream), scope.IsPart);
        }
    }

    /// <summary>What the log says against what the table says.</summary>
    private static void Compare(AuditVerifyScope scope, ILookup<string, AuditCheckpoint> stored, Findings found)
    {
        foreach (AuditCheckpoint witnessed in scope.Witnessed)
        {
            AuditCheckpoint? there = stored[witnessed.Stream].FirstOrDefault(one => one.Seq == witnessed.Seq);
            if (there is null)
            {
                found.Breaks.Add(new AuditBreak(witnessed.Stream, witnessed.Seq, null, null, "the checkpoint that the log has is missing in the catalog"));
            }
            else if (!there.Hash.AsSpan().SequenceEqual(witnessed.Hash))
            {
                found.Breaks.Add(new AuditBreak(witnessed.Stream, witnessed.Seq, null, there.At, "the checkpoint is not the one that the log has"));
            }
        }
    }

    private async Task ConcludeAsync(
        AuditVerifyScope scope, Dictionary<string, StreamVerifier> streams, Dictionary<string, long> removed, Findings found, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> seen = await table.Database.QueryAsync<string>(
            "SELECT stream FROM replicas WHERE last_seen > @since", new { since = time.GetUtcNow() - AliveFor }, cancellationToken);

        // Of one that was killed and is back already only the newest run is alive; streams of a replica sort by their starts.
        HashSet<string> alive = [.. seen.GroupBy(static stream => stream.Split('/')[0]).Select(static runs => runs.Max(StringComparer.Ordinal)!)]; // not null: no group is empty
        foreach ((string stream, StreamVerifier verifier) in streams)
        {
            verifier.End();
            if (!scope.IsPart && verifier.Records > 0 && verifier.LastEvent != AuditEvents.Shutdown && !StreamNames.IsOfDeletions(stream))
            {
                (alive.Contains(stream) ? found.Running : found.Unclosed).Add(new AuditOpenStream(stream, verifier.Last?.Seq ?? 0));
            }

            foreach (StreamEnd previous in scope.IsPart || scope.Stream is not null ? [] : PreviousOf(verifier.StartDetail))
            {
                CheckPrevious(previous, streams.GetValueOrDefault(previous.Stream), removed.GetValueOrDefault(previous.Stream), found);
            }
        }
    }

    /// <summary>A stream cannot end before the record that its successor has seen.</summary>
    private static void CheckPrevious(StreamEnd previous, StreamVerifier? there, long removedTo, Findings found)
    {
        long last = Math.Max(there?.Last?.Seq ?? 0, removedTo);
        if (last < previous.Position.Seq)
        {
            found.Gaps.Add(new AuditGap(previous.Stream, last + 1, previous.Position.Seq));
        }
        else if (there?.Last is { } end && end.Seq == previous.Position.Seq && !end.Hash.AsSpan().SequenceEqual(previous.Position.Hash))
        {
            found.Breaks.Add(new AuditBreak(previous.Stream, end.Seq, null, null, "it is not the record that the replica's next start has seen"));
        }
    }

    /// <summary>What a start has seen of the replica's streams: that of the writer, and that of deletions.</summary>
    private static List<StreamEnd> PreviousOf(string? detail)
    {
        List<StreamEnd> seen = [];
        if (detail is null)
        {
            return seen;
        }

        using JsonDocument json = JsonDocument.Parse(detail);
        foreach (string property in (ReadOnlySpan<string>)["previous", "previousDeletions"])
        {
            if (json.RootElement.TryGetProperty(property, out JsonElement previous) && previous.ValueKind == JsonValueKind.Object)
            {
                seen.Add(new StreamEnd(
                    previous.GetProperty("stream").GetString() ?? "",
                    new ChainPosition(previous.GetProperty("seq").GetInt64(), Convert.FromHexString(previous.GetProperty("hash").GetString() ?? ""))));
            }
        }

        return seen;
    }

    private static (string Sql, DynamicParameters Parameters) RecordsSql(AuditVerifyScope scope)
    {
        List<string> conditions = ["TRUE"];
        DynamicParameters parameters = new();
        Add("ts >= @from", "from", scope.From);
        Add("ts < @to", "to", scope.To);
        Add("stream = @stream", "stream", scope.Stream);
        return ($"SELECT {Columns} FROM audit_events WHERE {string.Join(" AND ", conditions)} ORDER BY stream, seq, ts", parameters);

        void Add<T>(string condition, string parameter, T? value)
        {
            if (value is not null)
            {
                conditions.Add(condition);
                parameters.Add(parameter, value);
            }
        }
    }

    private async Task<IEnumerable<AuditCheckpoint>> CheckpointsAsync(AuditVerifyScope scope, CancellationToken cancellationToken)
    {
        IReadOnlyList<CheckpointRow> rows = await table.Database.QueryAsync<CheckpointRow>(
            $"SELECT stream, seq, ts, hash, events FROM audit_checkpoints {(scope.Stream is null ? "" : "WHERE stream = @Stream")}", new { scope.Stream }, cancellationToken);
        return rows.Select(static row => row.ToCheckpoint());
    }

    /// <summary>What retention has removed, by the records that it left: the last number of each stream.</summary>
    private async Task<Dictionary<string, long>> RemovedAsync(Findings found, CancellationToken cancellationToken)
    {
        Dictionary<string, long> removed = new(StringComparer.Ordinal);
        foreach (RetentionRow row in await table.Database.QueryAsync<RetentionRow>(
            "SELECT ts, stream, CAST(detail AS text) AS detail FROM audit_events WHERE event = 'retention' AND detail IS NOT NULL", null, cancellationToken))
        {
            RetentionDetail detail = RetentionDetail.Parse(row.Detail);
            found.Retentions.Add(new AuditRemoval(row.Ts, row.Stream, detail.Before, detail.Rows));
            foreach (RemovedStream stream in detail.Streams)
            {
                removed[stream.Stream] = Math.Max(removed.GetValueOrDefault(stream.Stream), stream.LastSeq);
            }
        }

        return removed;
    }

    private sealed class RetentionRow
    {
        public DateTimeOffset Ts { get; init; }

        public string Stream { get; init; } = "";

        public string Detail { get; init; } = "";
    }

    private sealed class Findings
    {
        public long Checkpoints { get; set; }

        public List<AuditRemoval> Retentions { get; } = [];

        public List<AuditBreak> Breaks { get; } = [];

        public List<AuditGap> Gaps { get; } = [];

        public List<AuditOpenStream> Unclosed { get; } = [];

        public List<AuditOpenStream> Running { get; } = [];

        public AuditVerification Result(Dictionary<string, StreamVerifier>.ValueCollection streams) => new()
        {
            Streams = streams.Count,
            Records = streams.Sum(stream => stream.Records),
            Checkpoints = Checkpoints,
            Breaks = [.. Breaks, .. streams.Select(stream => stream.Break).OfType<AuditBreak>()],
            Gaps = [.. Gaps, .. streams.SelectMany(stream => stream.Gaps)],
            Unclosed = [.. Unclosed],
            Running = [.. Running],
            Retentions = [.. Retentions],
        };
    }
}
