using System.Collections.Concurrent;

namespace RemoteWriteGateway.Query;

/// <summary>Remembers refused POSTs for five seconds: Grafana sends them again as GET, and whoever reviews access counts them once.</summary>
internal sealed class ReadRepeats(TimeProvider time)
{
    private const int MaxKept = 10_000;

    private static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<(Reader Reader, string Path, string Text), (Guid Record, DateTimeOffset Until)> _refused = [];

    /// <summary>Takes note of an answered read.</summary>
    /// <param name="reader">Who asked.</param>
    /// <param name="path">The path as it was written, a label's name in it included.</param>
    /// <param name="record">What was asked, its text sealed.</param>
    /// <param name="isPost">Whether by POST.</param>
    /// <param name="status">What was answered.</param>
    /// <returns>The record of the POST that this one repeats, or null.</returns>
    public Guid? Note(Reader reader, string path, ReadRecord record, bool isPost, int status)
    {
        if ((isPost && status is not (400 or 405)) || (!isPost && _refused.IsEmpty))
        {
            return null;
        }

        string text = record.TextHash.IsDefault ? "" : Convert.ToHexStringLower(record.TextHash.AsSpan());
        DateTimeOffset now = time.GetUtcNow();
        if (!isPost)
        {
            return _refused.TryGetValue((reader, path, text), out (Guid Record, DateTimeOffset Until) first) && now < first.Until ? first.Record : null;
        }

        if (_refused.Count >= MaxKept)
        {
            foreach (((Reader, string, string) key, (Guid, DateTimeOffset Until) value) in _refused)
            {
                if (value.Until <= now)
                {
                    _refused.TryRemove(key, out _);
                }
            }
        }

        if (_refused.Count < MaxKept)
        {
            _refused[(reader, path, text)] = (record.Id, now + KeptFor);
        }

        return null;
    }
}
