using System.Buffers;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Query;

/// <summary>What is to be on record about one read: filled on its way, written to its <see cref="AuditScope"/> when all is over.</summary>
internal sealed class ReadRecord
{
    /// <summary>Bytes of a text that are kept; the hash is of the whole.</summary>
    private const int MaxTextBytes = 8 * 1024;

    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly ArrayBufferWriter<byte> _text = new(256);
    private IncrementalHash? _asked;
    private IncrementalHash? _sent;

    public Guid Id { get; } = Guid.CreateVersion7();

    public string? Store { get; set; }

    public long? StartMs { get; set; }

    public long? EndMs { get; set; }

    public long? StepMs { get; set; }

    public int Selectors { get; private set; }

    public int DroppedParameters { get; set; }

    public int? StoreStatus { get; set; }

    public long? FirstByteUs { get; set; }

    public long? StoreUs { get; set; }

    public long ResultBytes { get; set; }

    public long? ResultSeries { get; set; }

    public int FilteredRules { get; set; }

    public int FilteredAlerts { get; set; }

    public bool IsAborted { get; set; }

    public Guid? RepeatOf { get; set; }

    public FunctionSet Functions { get; private set; }

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

    /// <summary>Hash of the caller's texts; default if there was none.</summary>
    public ImmutableArray<byte> TextHash { get; private set; }

    /// <summary>Puts down a text of the caller's; several are joined by line feeds.</summary>
    public void AddText(ReadOnlySpan<byte> text)
    {
        if (_asked is null)
        {
            _asked = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        }
        else
        {
            Append("\n"u8);
        }

        Append(text);
    }

    /// <summary>Puts down what was made of a text and is sent to the store.</summary>
    public void AddSent(EnforcedQuery query)
    {
        if (_sent is null)
        {
            _sent = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        }
        else
        {
            _sent.AppendData("\n"u8);
        }

        _sent.AppendData(query.Span);
        Selectors += query.Parsed.Selectors.Length;
        Functions = FunctionSet.Of(Functions.Concat(query.Parsed.Functions.Where(function => function.IsExperimental)).Distinct());
    }

    /// <summary>Puts down the functions that a refused text may not use.</summary>
    public void AddForbidden(FunctionSet functions) => Functions = FunctionSet.Of(Functions.Concat(functions).Distinct());

    public void NoteFirstByte() => FirstByteUs ??= (long)Elapsed.TotalMicroseconds;

    /// <summary>Ends the caller's text; its hash is known from then on.</summary>
    public void SealText()
    {
        if (_asked is not null && TextHash.IsDefault)
        {
            TextHash = ImmutableCollectionsMarshal.AsImmutableArray(_asked.GetHashAndReset());
        }
    }

    /// <summary>Hands everything to the request's scope.</summary>
    public void WriteTo(AuditScope audit, bool withText)
    {
        SealText();
        audit.RecordId = Id;
        audit.Query = new AuditQuery
        {
            Text = withText && _text.WrittenCount > 0 ? Text() : null,
            Sha256 = TextHash,
            Start = StartMs is { } start ? ParameterValues.ToTime(start) : null,
            End = EndMs is { } end ? ParameterValues.ToTime(end) : null,
            StepMs = StepMs,
            ResultBytes = ResultBytes,
            ResultSeries = ResultSeries,
        };
        audit.Detail = Detail();
        _asked?.Dispose();
        _sent?.Dispose();
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        _asked!.AppendData(bytes); // made by the caller
        int room = MaxTextBytes - _text.WrittenCount;
        _text.Write(bytes[..Math.Min(bytes.Length, room)]);
    }

    // Cut at a character.
    private string Text()
    {
        ReadOnlySpan<byte> text = _text.WrittenSpan;
        if (text.Length == MaxTextBytes)
        {
            int end = text.Length;
            while (end > 0 && (text[end - 1] & 0xC0) == 0x80)
            {
                end--;
            }

            // The last character's first byte, and whether all of the character is there.
            bool isWhole = end > 0 && Rune.DecodeFromUtf8(text[(end - 1)..], out _, out _) == OperationStatus.Done;
            text = isWhole ? text : text[..Math.Max(0, end - 1)];
        }

        return Encoding.UTF8.GetString(text);
    }

    private string Detail()
    {
        ArrayBufferWriter<byte> output = new(256);
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            if (Store is not null)
            {
                json.WriteString("store", Store);
            }

            if (_sent is not null)
            {
                json.WriteString("sentSha256", Convert.ToHexStringLower(_sent.GetHashAndReset()));
                json.WriteNumber("selectors", Selectors);
            }

            if (!Functions.IsEmpty)
            {
                json.WriteStartArray("functions");
                foreach (PromQLFunction function in Functions)
                {
                    json.WriteStringValue(function.Name);
                }

                json.WriteEndArray();
            }

            WriteNumber(json, "droppedParameters", DroppedParameters == 0 ? null : DroppedParameters);
            WriteNumber(json, "storeStatus", StoreStatus);
            WriteNumber(json, "firstByteUs", FirstByteUs);
            WriteNumber(json, "storeUs", StoreUs);
            if (FilteredRules + FilteredAlerts > 0)
            {
                json.WriteStartObject("filtered");
                json.WriteNumber("rules", FilteredRules);
                json.WriteNumber("alerts", FilteredAlerts);
                json.WriteEndObject();
            }

            if (RepeatOf is { } first)
            {
                json.WriteString("repeatOf", first);
            }

            if (IsAborted)
            {
                json.WriteBoolean("aborted", true);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
    }
}
