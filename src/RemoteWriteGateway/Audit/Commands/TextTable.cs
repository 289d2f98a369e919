namespace RemoteWriteGateway.Audit.Commands;

/// <summary>Rows as lines for people: columns one under the other.</summary>
internal static class TextTable
{
    private const int MaxWidth = 60;

    /// <param name="rows">The head first; all of the same length.</param>
    public static IEnumerable<string> Lines(IReadOnlyList<string[]> rows)
    {
        string[][] cells = [.. rows.Select(row => row.Select(Clean).ToArray())];
        int[] widths = [.. Enumerable.Range(0, cells[0].Length).Select(column => cells.Max(row => row[column].Length))];
        return cells.Select(row => string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    /// <summary>What callers sent does not steer a terminal.</summary>
    private static string Clean(string cell)
    {
        string clean = string.Concat(cell.Select(static character => char.IsControl(character) ? '\uFFFD' : character));
        return clean.Length <= MaxWidth ? clean : clean[..(MaxWidth - 1)] + "…";
    }
}
