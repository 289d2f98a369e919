using System.Buffers;
using System.Globalization;
using RemoteWriteGateway.Audit.Chain;

namespace RemoteWriteGateway.Audit.Storage;

/// <summary>
/// Where records wait while the catalog is away: files of JSON lines in one folder, fsynced batch by batch, replayed from the oldest to the
/// newest. One process has the folder at a time. Appending and reading may run beside each other, one of each.
/// </summary>
internal sealed class AuditSpool : IDisposable
{
    /// <summary>A file of this size is followed by the next, so that what was replayed gives its room back.</summary>
    private const long SegmentBytes = 16 << 20;

    private const string Extension = ".jsonl";

    private readonly string _folder;
    private readonly long _maxBytes;
    private readonly FileStream _lock;
    private readonly ArrayBufferWriter<byte> _buffer = new();

    /// <summary>Guards all that follows.</summary>
    private readonly Lock _gate = new();
    private readonly List<Segment> _segments = [];
    private FileStream? _open;
    private Segment? _failed;
    private long _nextNumber = 1;

    /// <summary>Takes the folder, and what a run before has left in it.</summary>
    /// <exception cref="InvalidOperationException">The folder cannot be used; the message is for the operator.</exception>
    public AuditSpool(string folder, long maxBytes)
    {
        _folder = Path.GetFullPath(folder);
        _maxBytes = maxBytes;
        try
        {
            Directory.CreateDirectory(_folder);
            _lock = new FileStream(Path.Combine(_folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            foreach (string file in Directory.EnumerateFiles(_folder, "*" + Extension).Order(StringComparer.Ordinal))
            {
                Adopt(file);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _lock?.Dispose();
            throw new InvalidOperationException(
                $"Audit:SpoolDirectory: the folder {_folder} cannot be used, or another gateway uses it: {e.Message}", e);
        }
    }

    /// <summary>Records that wait.</summary>
    public long Records
    {
        get
        {
            lock (_gate)
            {
                return _segments.Sum(segment => segment.Records);
            }
        }
    }

    /// <summary>Bytes of the files.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _segments.Sum(segment => segment.Length);
            }
        }
    }

    public bool IsEmpty
    {
        get
        {
            lock (_gate)
            {
                return _segments.Count == 0;
            }
        }
    }

    /// <summary>Appends a batch: it is on disk when this returns.</summary>
    /// <returns>False if there is no room for it.</returns>
    /// <exception cref="IOException">It could not be written, and nothing of it is there.</exception>
    public bool TryAppend(AuditBatch batch)
    {
        _buffer.ResetWrittenCount();
        SpoolLines.Write(_buffer, batch);
        lock (_gate)
        {
            if (_segments.Sum(segment => segment.Length) + _buffer.WrittenCount > _maxBytes)
            {
                return false;
            }

            CutFailed();
            if (_open is null || _segments[^1].Length >= SegmentBytes)
            {
                Begin();
            }

            Segment segment = _segments[^1];
            try
            {
                _open!.Write(_buffer.WrittenSpan); // not null: begun above
                _open.Flush(flushToDisk: true);
            }
            catch (IOException)
            {
                GiveUp(segment);
                throw;
            }

            segment.Length += _buffer.WrittenCount;
            segment.Records += batch.Records.Count;
            return true;
        }
    }

    /// <summary>The oldest records that wait, at most <see cref="AuditBatch.MaxRecords"/> with the checkpoint behind them; null if there are none.</summary>
    /// <exception cref="SpoolDamagedException">A line cannot be read. <see cref="SetAside"/> goes on behind its file.</exception>
    public SpooledBatch? Peek()
    {
        string path;
        long from;
        long to;
        lock (_gate)
        {
            if (_segments.Count == 0)
            {
                return null;
            }

            (path, from, to) = (_segments[0].Path, _segments[0].Read, _segments[0].Length);
        }

        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using LineReader lines = new(file, from, to);
        List<ChainedRecord> records = [];
        AuditCheckpoint? checkpoint = null;
        while (records.Count < AuditBatch.MaxRecords && checkpoint is null && lines.TryRead(out ReadOnlyMemory<byte> line))
        {
            try
            {
                SpoolLine read = SpoolLines.Read(line);
                checkpoint = read.Checkpoint;
                if (read.Record is { } record)
                {
                    records.Add(record);
                }
            }
            catch (FormatException e)
            {
                throw new SpoolDamagedException(path, e);
            }
        }

        return new SpooledBatch(new AuditBatch(records, checkpoint), path, lines.Position);
    }

    /// <summary>Says that a batch that was peeked at is in the catalog. A file that was read to its end is deleted.</summary>
    public void Remove(SpooledBatch batch)
    {
        lock (_gate)
        {
            Segment segment = _segments[0];
            segment.Read = batch.End;
            segment.Records -= batch.Batch.Records.Count;
            if (segment.Read < segment.Length)
            {
                return;
            }

            _segments.RemoveAt(0);
            if (_segments.Count == 0)
            {
                Close();
            }

            File.Delete(segment.Path);
        }
    }

    /// <summary>Renames the oldest file, which cannot be read, so that the others are replayed.</summary>
    /// <returns>Where it is now.</returns>
    public string SetAside()
    {
        lock (_gate)
        {
            Segment segment = _segments[0];
            if (_segments.Count == 1)
            {
                Close();
            }

            string aside = segment.Path + ".damaged";
            File.Move(segment.Path, aside, overwrite: true);
            _segments.RemoveAt(0);
            return aside;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            Close();
        }

        _lock.Dispose();
    }

    private void Adopt(string path)
    {
        Segment segment = new(path);
        using (FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite))
        {
            // The last line may be torn: it was never acknowledged.
            using LineReader lines = new(file, 0, file.Length);
            while (lines.TryRead(out ReadOnlyMemory<byte> line))
            {
                segment.Records += line.Span.StartsWith("{\"checkpoint\""u8) ? 0 : 1;
            }

            segment.Length = lines.Position;
            if (file.Length > segment.Length)
            {
                file.SetLength(segment.Length);
                file.Flush(flushToDisk: true);
            }
        }

        if (long.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            _nextNumber = Math.Max(_nextNumber, number + 1);
        }

        if (segment.Length == 0)
        {
            File.Delete(path);
        }
        else
        {
            _segments.Add(segment);
        }
    }

    private void Begin()
    {
        Close();
        string path = Path.Combine(_folder, _nextNumber.ToString("d12", CultureInfo.InvariantCulture) + Extension);
        _open = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read | FileShare.Delete, bufferSize: 0);
        _nextNumber++;
        _segments.Add(new Segment(path));
    }

    /// <summary>After a failed append: the file goes as far as it did before.</summary>
    private void GiveUp(Segment segment)
    {
        Close();
        _failed = segment;
        try
        {
            CutFailed();
        }
        catch (IOException)
        {
            // Tried again before the next append: lines that nobody was told of must not stand before those that take their numbers.
        }
    }

    private void CutFailed()
    {
        if (_failed is not { } segment)
        {
            return;
        }

        using (FileStream file = new(segment.Path, FileMode.Open, FileAccess.Write, FileShare.Read | FileShare.Delete))
        {
            file.SetLength(segment.Length);
            file.Flush(flushToDisk: true);
        }

        _failed = null;
        if (segment.Length == 0)
        {
            _segments.Remove(segment);
            File.Delete(segment.Path);
        }
    }

    private void Close()
    {
        _open?.Dispose();
        _open = null;
    }

    private sealed class Segment(string path)
    {
        public string Path => path;

        /// <summary>Whole lines.</summary>
        public long Length { get; set; }

        /// <summary>Bytes that are in the catalog.</summary>
        public long Read { get; set; }

        public long Records { get; set; }
    }
}

/// <summary>What was read from the spool and is removed when it is in the catalog.</summary>
internal sealed record SpooledBatch(AuditBatch Batch, string Path, long End);

/// <summary>A file of the spool has a line that is none of ours.</summary>
internal sealed class SpoolDamagedException(string path, Exception inner) : Exception($"{path} has a line that is no record.", inner)
{
    public string Path => path;
}
