namespace RemoteWriteGateway.Audit.Reading;

/// <summary>Cells of CSV, by RFC 4180.</summary>
internal static class CsvCell
{
    private const string Formula = "=+-@\t\r";

    /// <summary>A text of somebody else: one that a spreadsheet would take for a formula begins with an apostrophe.</summary>
    public static string Harmless(string value) => value is [{ } first, ..] && Formula.Contains(first, StringComparison.Ordinal) ? "'" + value : value;

    /// <summary>The cell as it is written, in quotes where it needs them.</summary>
    public static string Quoted(string value) =>
        value.AsSpan().IndexOfAny(",\"\r\n ") < 0 ? value : $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
