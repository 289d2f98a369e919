namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>Finds what somebody may have meant.</summary>
internal static class Spelling
{
    private const int MaxEdits = 2;

    // So that a document of nothing but mistakes is still told quickly.
    private const int MaxKnown = 1000;

    /// <summary><c>; did you mean "payments"?</c>, or an empty text if nothing among <paramref name="known"/> is near.</summary>
    public static string Hint(string wrong, IEnumerable<string> known)
    {
        string? nearest = null;
        int fewest = Math.Min(MaxEdits, wrong.Length / 2) + 1;
        foreach (string one in known.Take(MaxKnown).Where(one => Math.Abs(one.Length - wrong.Length) <= MaxEdits))
        {
            int edits = Edits(wrong, one);
            if (edits < fewest)
            {
                nearest = one;
                fewest = edits;
            }
        }

        return nearest is null ? "" : $"; did you mean \"{nearest}\"?";
    }

    /// <summary>How many characters must be put in, taken out or replaced; letter case is no difference.</summary>
    private static int Edits(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                bool same = char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]);
                int next = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (same ? 0 : 1));
                diagonal = row[j];
                row[j] = next;
            }
        }

        return row[b.Length];
    }
}
