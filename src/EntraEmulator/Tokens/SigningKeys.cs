namespace EntraEmulator.Tokens;

/// <summary>Which of the emulator's keys.</summary>
internal enum SigningKeyName
{
    /// <summary>The one that signs tokens.</summary>
    Current,

    /// <summary>The one that did before the last rotation, published still or not.</summary>
    Previous,

    /// <summary>One that was never published: a forger's.</summary>
    Foreign,
}

/// <summary>The keys that sign tokens, shared by all directories. They live as long as the process.</summary>
internal sealed class SigningKeys : IDisposable
{
    private readonly EmulatorClock _clock;
    private readonly RsaKeySource _source;
    private readonly Lock _rotation = new();
    private readonly Lazy<SigningKey> _foreign;

    // Rotated out and perhaps still used by a mint on another thread: disposed with the rest, at the end.
    private readonly List<SigningKey> _all = [];
    private volatile Ring _ring;

    /// <summary>Makes the first key.</summary>
    public SigningKeys(EmulatorClock clock, RsaKeySource source)
    {
        _clock = clock;
        _source = source;
        SigningKey first = Create();
        _ring = new Ring(first, Previous: null, [first]);
        _foreign = new Lazy<SigningKey>(Create);
    }

    /// <summary>The key that signs tokens.</summary>
    public SigningKey Current => _ring.Current;

    /// <summary>The key that was current before the last rotation; null before the first.</summary>
    public SigningKey? Previous => _ring.Previous;

    /// <summary>A key that is never published, made when it is first asked for.</summary>
    public SigningKey Foreign => _foreign.Value;

    /// <summary>The keys of the key documents, newest first.</summary>
    public IReadOnlyList<SigningKey> Published => _ring.Published;

    /// <summary>The key of a name; null for <see cref="SigningKeyName.Previous"/> before the first rotation.</summary>
    public SigningKey? Find(SigningKeyName name) => name switch
    {
        SigningKeyName.Current => Current,
        SigningKeyName.Previous => Previous,
        SigningKeyName.Foreign => Foreign,
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };

    /// <summary>Makes a new current key.</summary>
    /// <param name="keepPublished">Whether the keys published so far stay so: a rollover; without, a withdrawal.</param>
    /// <returns>The new key.</returns>
    public SigningKey Rotate(bool keepPublished)
    {
        SigningKey next = Create();
        lock (_rotation)
        {
            Ring last = _ring;
            _ring = new Ring(next, last.Current, keepPublished ? [next, .. last.Published] : [next]);
        }

        return next;
    }

    /// <summary>As if the current key had been the only one ever.</summary>
    public void Forget()
    {
        lock (_rotation)
        {
            _ring = new Ring(_ring.Current, Previous: null, [_ring.Current]);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_all)
        {
            _all.ForEach(key => key.Dispose());
        }
    }

    private SigningKey Create()
    {
        SigningKey key = SigningKey.Create(_source(), _clock.UtcNow);
        lock (_all)
        {
            _all.Add(key);
        }

        return key;
    }

    private sealed record Ring(SigningKey Current, SigningKey? Previous, IReadOnlyList<SigningKey> Published);
}
