using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using RemoteWriteGateway.Audit.Chain;

namespace RemoteWriteGateway.Audit.Storage;

/// <summary>
/// Records and checkpoints as JSON, one a line: the column's name and its value, nulls left out. Times are microseconds since 1970, bytes base64.
/// </summary>
internal static class SpoolLines
{
    private const string CheckpointProperty = "checkpoint";

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static void Write(IBufferWriter<byte> output, AuditBatch batch)
    {
        using Utf8JsonWriter json = new(output, Options);
        foreach (ChainedRecord record in batch.Records)
        {
            json.WriteStartObject();
            Sink sink = new(json);
            AuditColumns.Write(record, ref sink);
            json.WriteEndObject();
            EndLine(json, output);
        }

        if (batch.Checkpoint is { } checkpoint)
        {
            json.WriteStartObject();
            json.WriteString(CheckpointProperty, checkpoint.Stream);
            json.WriteNumber("seq", checkpoint.Seq);
            json.WriteNumber("ts", Micros.Of(checkpoint.At));
            json.WriteBase64String("hash", checkpoint.Hash);
            json.WriteNumber("events", checkpoint.Events);
            json.WriteEndObject();
            EndLine(json, output);
        }
    }

    /// <summary>Reads one line, without its end.</summary>
    /// <exception cref="FormatException">It is none of ours.</exception>
    public static SpoolLine Read(ReadOnlyMemory<byte> line)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(line);
            JsonElement root = json.RootElement;
            if (root.TryGetProperty(CheckpointProperty, out JsonElement stream))
            {
                return new SpoolLine(null, new AuditCheckpoint(
                    stream.GetString() ?? "",
                    root.GetProperty("seq").GetInt64(),
                    Micros.ToTime(root.GetProperty("ts").GetInt64()),
                    root.GetProperty("hash").GetBytesFromBase64(),
                    root.GetProperty("events").GetInt64()));
            }

            Source source = new(root);
            return new SpoolLine(AuditColumns.Read(ref source), null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new FormatException("The line is not a spooled record.", e);
        }
    }

    private static void EndLine(Utf8JsonWriter json, IBufferWriter<byte> output)
    {
        json.Flush();
        json.Reset();
        output.Write("\n"u8);
    }

    private readonly struct Sink(Utf8JsonWriter json) : IColumnSink
    {
        public void Text(string column, string? value)
        {
            if (value is not null)
            {
                json.WriteString(column, value);
            }
        }

        public void Uuid(string column, Guid? value)
        {
            if (value is { } uuid)
            {
                json.WriteString(column, uuid);
            }
        }

        public void Long(string column, long? value)
        {
            if (value is { } number)
            {
                json.WriteNumber(column, number);
            }
        }

        public void Short(string column, short? value) => Long(column, value);

        public void Time(string column, long? micros) => Long(column, micros);

        public void Bytes(string column, ReadOnlySpan<byte> value, bool isNull)
        {
            if (!isNull)
            {
                json.WriteBase64String(column, value);
            }
        }

        public void Boolean(string column, bool? value)
        {
            if (value is { } flag)
            {
                json.WriteBoolean(column, flag);
            }
        }

        public void Texts(string column, ImmutableArray<string> value)
        {
            if (value.IsDefault)
            {
                return;
            }

            json.WriteStartArray(column);
            foreach (string item in value)
            {
                json.WriteStringValue(item);
            }

            json.WriteEndArray();
        }

        public void Uuids(string column, ImmutableArray<Guid> value)
        {
            if (value.IsDefault)
            {
                return;
            }

            json.WriteStartArray(column);
            foreach (Guid item in value)
            {
                json.WriteStringValue(item);
            }

            json.WriteEndArray();
        }

        // As text: what was written, byte for byte, is what is hashed.
        public void Json(string column, string? value) => Text(column, value);
    }

    private readonly struct Source(JsonElement root) : IColumnSource
    {
        public string? Text(string column) => Find(column)?.GetString();

        public Guid? Uuid(string column) => Find(column)?.GetGuid();

        public long? Long(string column) => Find(column)?.GetInt64();

        public short? Short(string column) => Find(column)?.GetInt16();

        public long? Time(string column) => Long(column);

        public byte[]? Bytes(string column) => Find(column)?.GetBytesFromBase64();

        public bool? Boolean(string column) => Find(column)?.GetBoolean();

        public ImmutableArray<string> Texts(string column) =>
            Find(column) is { } array ? [.. array.EnumerateArray().Select(item => item.GetString() ?? throw new FormatException("An item is null."))] : default;

        public ImmutableArray<Guid> Uuids(string column) => Find(column) is { } array ? [.. array.EnumerateArray().Select(item => item.GetGuid())] : default;

        public string? Json(string column) => Text(column);

        private JsonElement? Find(string column) => root.TryGetProperty(column, out JsonElement value) ? value : null;
    }
}

/// <summary>One line of the spool: a record or a checkpoint.</summary>
internal readonly record struct SpoolLine(ChainedRecord? Record, AuditCheckpoint? Checkpoint);
