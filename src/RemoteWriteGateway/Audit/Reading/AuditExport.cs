using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using RemoteWriteGateway.Audit.Chain;

namespace RemoteWriteGateway.Audit.Reading;

/// <summary>The forms of an export.</summary>
internal enum AuditExportFormat
{
    /// <summary>One JSON object a line; the last line is <c>{"end":true,"count":n}</c>.</summary>
    Ndjson,

    /// <summary>Columns of <c>audit_events</c> with a head; the last line is <c>end,n</c>.</summary>
    Csv,
}

/// <summary>
/// Writes records as they come. The line at the end says how many there were: an export without it was cut off.
/// </summary>
internal static class AuditExport
{
    private const int FlushBytes = 64 * 1024;

    /// <summary>The media type of a format.</summary>
    public static string MediaTypeOf(AuditExportFormat format) => format == AuditExportFormat.Csv ? "text/csv; charset=utf-8" : "application/x-ndjson";

    /// <returns>How many records were written.</returns>
    public static async Task<long> WriteAsync(
        IAsyncEnumerable<SeenRecord> records, AuditExportFormat format, Stream output, CancellationToken cancellationToken)
    {
        ArrayBufferWriter<byte> buffer = new(FlushBytes * 2);
        long count = 0;
        if (format == AuditExportFormat.Csv)
        {
            Append(buffer, string.Join(',', AuditColumns.Names) + "\r\n");
        }

        await foreach (SeenRecord record in records.WithCancellation(cancellationToken))
        {
            if (format == AuditExportFormat.Csv)
            {
                CsvSink csv = new(buffer);
                AuditColumns.Write(record.Chained, ref csv);
                Append(buffer, "\r\n");
            }
            else
            {
                buffer.Write(JsonSerializer.SerializeToUtf8Bytes(AuditItem.Of(record, withChain: true), AuditJson.Default.AuditItem));
                Append(buffer, "\n");
            }

            count++;
            if (buffer.WrittenCount >= FlushBytes)
            {
                await output.WriteAsync(buffer.WrittenMemory, cancellationToken);
                buffer.ResetWrittenCount();
            }
        }

        string number = count.ToString(CultureInfo.InvariantCulture);
        Append(buffer, format == AuditExportFormat.Csv ? $"end,{number}\r\n" : $"{{\"end\":true,\"count\":{number}}}\n");
        await output.WriteAsync(buffer.WrittenMemory, cancellationToken);
        await output.FlushAsync(cancellationToken);
        return count;
    }

    private static void Append(ArrayBufferWriter<byte> buffer, string text) => Encoding.UTF8.GetBytes(text, buffer);

    /// <summary>
    /// Cells by RFC 4180. One that a spreadsheet would take for a formula begins with an apostrophe: what callers send stands in here.
    /// </summary>
    private struct CsvSink(ArrayBufferWriter<byte> buffer) : IColumnSink
    {
        private const string Formula = "=+-@\t\r";

        private bool _isBehindFirst;

        public void Text(string column, string? value) =>
            Cell(value is [{ } first, ..] && Formula.Contains(first, StringComparison.Ordinal) ? "'" + value : value);

        public void Uuid(string column, Guid? value) => Cell(value?.ToString("D"));

        public void Long(string column, long? value) => Cell(value?.ToString(CultureInfo.InvariantCulture));

        public void Short(string column, short? value) => Cell(value?.ToString(CultureInfo.InvariantCulture));

        public void Time(string column, long? micros) =>
            Cell(Micros.ToTime(micros)?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));

        public void Bytes(string column, ReadOnlySpan<byte> value, bool isNull) => Cell(isNull ? null : Convert.ToHexStringLower(value));

        public void Boolean(string column, bool? value) => Cell(value switch { null => null, true => "true", false => "false" });

        public void Texts(string column, ImmutableArray<string> value) => Text(column, value.IsDefault ? null : string.Join(' ', value));

        public void Uuids(string column, ImmutableArray<Guid> value) => Cell(value.IsDefault ? null : string.Join(' ', value));

        public void Json(string column, string? value) => Text(column, value);

        private void Cell(string? value)
        {
            if (_isBehindFirst)
            {
                Append(buffer, ",");
            }

            _isBehindFirst = true;
            if (value is null)
            {
                return;
            }

            Append(buffer, value.AsSpan().IndexOfAny(",\"\r\n ") < 0 ? value : $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"");
        }
    }
}
