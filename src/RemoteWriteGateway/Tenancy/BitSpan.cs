using System.Numerics;

namespace RemoteWriteGateway.Tenancy;

/// <summary>A set of small numbers over memory of the caller's, which is zero at first: ordinals of tenants, or of rules.</summary>
internal readonly ref struct BitSpan(Span<ulong> words)
{
    private readonly Span<ulong> _words = words;

    /// <summary>How many words hold <paramref name="bits"/> bits.</summary>
    public static int Words(int bits) => (bits + 63) / 64;

    public bool this[int bit] => (_words[bit >> 6] & (1UL << bit)) != 0;

    public bool IsEmpty => !_words.ContainsAnyExcept(0UL);

    public int Count
    {
        get
        {
            int count = 0;
            foreach (ulong word in _words)
            {
                count += BitOperations.PopCount(word);
            }

            return count;
        }
    }

    public void Set(int bit) => _words[bit >> 6] |= 1UL << bit;

    public void Unset(int bit) => _words[bit >> 6] &= ~(1UL << bit);

    public void Clear() => _words.Clear();

    /// <summary>Sets the first <paramref name="count"/> bits.</summary>
    public void SetAll(int count)
    {
        _words[..(count >> 6)].Fill(ulong.MaxValue);
        if ((count & 63) != 0)
        {
            _words[count >> 6] |= (1UL << count) - 1;
        }
    }

    public void IntersectWith(BitSpan other)
    {
        for (int i = 0; i < _words.Length; i++)
        {
            _words[i] &= other._words[i];
        }
    }

    public void Subtract(BitSpan other)
    {
        for (int i = 0; i < _words.Length; i++)
        {
            _words[i] &= ~other._words[i];
        }
    }

    /// <summary>The smallest set bit at or after <paramref name="from"/>, or -1: <c>for (int i = bits.Next(0); i >= 0; i = bits.Next(i + 1))</c>.</summary>
    public int Next(int from)
    {
        for (int i = from >> 6; i < _words.Length; i++)
        {
            ulong word = i == from >> 6 ? _words[i] & (ulong.MaxValue << from) : _words[i];
            if (word != 0)
            {
                return (i << 6) + BitOperations.TrailingZeroCount(word);
            }
        }

        return -1;
    }
}
