namespace RemoteWriteGateway.Identity;

/// <summary>Key ids that the directory was found not to have: remembered for a minute, the latest 1,024 of them, by fingerprint.</summary>
internal sealed class UnknownKeys(TimeProvider time)
{
    public const int MaxEntries = 1024;

    private static readonly TimeSpan RememberedFor = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private readonly Dictionary<TokenFingerprint, long> _foundAt = new(MaxEntries);
    private readonly Queue<(TokenFingerprint KeyId, long FoundAt)> _oldestFirst = new(MaxEntries);

    public bool Contains(in TokenFingerprint keyId)
    {
        lock (_gate)
        {
            return _foundAt.TryGetValue(keyId, out long foundAt) && time.GetElapsedTime(foundAt) < RememberedFor;
        }
    }

    public void Add(in TokenFingerprint keyId)
    {
        lock (_gate)
        {
            while (_oldestFirst.Count >= MaxEntries)
            {
                // It may have been found again since; then a later place in the queue stands for it.
                (TokenFingerprint oldest, long foundAt) = _oldestFirst.Dequeue();
                if (_foundAt.TryGetValue(oldest, out long latest) && latest == foundAt)
                {
                    _foundAt.Remove(oldest);
                }
            }

            long now = time.GetTimestamp();
            _foundAt[keyId] = now;
            _oldestFirst.Enqueue((keyId, now));
        }
    }

    /// <summary>Forgets all: for an operator who says that the keys have changed.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _foundAt.Clear();
            _oldestFirst.Clear();
        }
    }
}
