namespace RemoteWriteGateway.Audit;

/// <summary>What the writer has collected and not stored yet, in order, with those who wait for it.</summary>
internal sealed class PendingBatch
{
    private readonly Lock _gate = new();
    private readonly List<AuditEntry> _entries = [];

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>Somebody waits.</summary>
    public bool IsUrgent { get; private set; }

    /// <summary>Somebody waits for folds as well.</summary>
    public bool WantsFolds { get; private set; }

    /// <summary>When the first of it happened.</summary>
    public DateTimeOffset? OldestAt
    {
        get
        {
            lock (_gate)
            {
                return _entries.Find(static entry => entry.Record is not null).Record?.At;
            }
        }
    }

    public void Add(AuditRecord record) => Add(new AuditEntry(record, null));

    public void Add(AuditEntry entry)
    {
        IsUrgent |= entry.Durable is not null;
        WantsFolds |= entry.WantsFolds;
        if (entry.Record is not null || entry.Durable is not null)
        {
            lock (_gate)
            {
                _entries.Add(entry);
            }
        }
    }

    /// <summary>Takes down what the table counts. Who waits for it waits behind it.</summary>
    public void AddFolds(FoldTable folds, DateTimeOffset now)
    {
        lock (_gate)
        {
            List<AuditEntry> waiting = _entries.FindAll(static entry => entry.Record is null);
            _entries.RemoveAll(static entry => entry.Record is null);
            _entries.AddRange(folds.Take(now).Select(static record => new AuditEntry(record, null)));
            _entries.AddRange(waiting);
        }
    }

    /// <summary>The records, in order, in lists of at most <paramref name="size"/>.</summary>
    public IEnumerable<IReadOnlyList<AuditRecord>> Chunks(int size)
    {
        AuditRecord[] records;
        lock (_gate)
        {
            records = [.. _entries.Select(static entry => entry.Record).OfType<AuditRecord>()];
        }

        return records.Chunk(size);
    }

    /// <summary>The first records are durable: they go, and who waits for them is told.</summary>
    public void Written(int records)
    {
        lock (_gate)
        {
            int end = 0;
            for (int left = records; left > 0; end++)
            {
                left -= _entries[end].Record is null ? 0 : 1;
                _entries[end].Durable?.TrySetResult();
            }

            _entries.RemoveRange(0, end);
        }
    }

    /// <summary>All records are durable.</summary>
    public void Complete()
    {
        lock (_gate)
        {
            _entries.ForEach(static entry => entry.Durable?.TrySetResult());
            _entries.Clear();
        }

        IsUrgent = false;
        WantsFolds = false;
    }

    /// <summary>
    /// Refuses those who wait. What they brought will not be done, and is forgotten; but among the first <paramref name="numbered"/> records,
    /// which may be in the catalog, it stays, and a second record says that it was not done.
    /// </summary>
    public void Refuse(int numbered, DateTimeOffset now)
    {
        lock (_gate)
        {
            List<AuditEntry> corrections = [];
            int records = 0;
            for (int i = 0; i < _entries.Count; i++)
            {
                AuditEntry entry = _entries[i];
                records += entry.Record is null ? 0 : 1;
                if (entry.Durable is null || !entry.Durable.TrySetException(AuditUnavailableException.NotWritten()))
                {
                    continue;
                }

                if (records <= numbered && entry.Record is { } record)
                {
                    AuditRecord notDone = record with
                    {
                        Id = Guid.CreateVersion7(now), At = now, Outcome = AuditOutcomes.Error, Reason = AuditRefusals.Unavailable.Reason,
                    };
                    corrections.Add(new AuditEntry(notDone, null));
                    _entries[i] = new AuditEntry(record, null);
                }
            }

            _entries.RemoveAll(static entry => entry.Durable is not null);
            _entries.AddRange(corrections);
        }

        IsUrgent = false;
        WantsFolds = false;
    }
}
