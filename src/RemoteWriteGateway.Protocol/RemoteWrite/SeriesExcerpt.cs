using System.Buffers;
using System.Text;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Quotes a series for an answer as a selector, <c>name{a="b"}</c>, cut to a bound. For answers only, never for logs.</summary>
internal ref struct SeriesExcerpt
{
    /// <summary>Most bytes of a quoted series.</summary>
    private const int MaxBytes = 200;

    /// <summary>Most bytes of a quoted label name, so that it leaves room for the series.</summary>
    private const int MaxNameBytes = 64;

    private static readonly SearchValues<byte> PlainMetricBytes =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:"u8);

    private readonly Span<byte> _text;
    private int _length;
    private bool _isCut;

    private SeriesExcerpt(Span<byte> text) => _text = text;

    /// <summary>The series with <paramref name="labels"/>, in their order, without the stamp; at most 200 bytes.</summary>
    public static string Of(LabelSet labels)
    {
        var excerpt = new SeriesExcerpt(stackalloc byte[MaxBytes]);
        ReadOnlySpan<byte> metric = labels.MetricName();
        bool isPlain = metric.Length > 0 && !metric.ContainsAnyExcept(PlainMetricBytes);
        if (isPlain)
        {
            excerpt.Add(metric);
        }

        excerpt.Add("{"u8);
        bool isFirst = true;
        foreach (ref readonly LabelEntry label in labels.Entries)
        {
            if (label.ValueStart < 0 || (isPlain && labels.Name(label).SequenceEqual("__name__"u8)))
            {
                continue;
            }

            excerpt.Add(isFirst ? default : ","u8);
            excerpt.AddName(labels.Name(label));
            excerpt.Add("=\""u8);
            excerpt.AddEscaped(labels.Value(label));
            excerpt.Add("\""u8);
            isFirst = false;
        }

        excerpt.Add("}"u8);
        return excerpt.Finish();
    }

    /// <summary>The name of one label, at most 64 bytes.</summary>
    public static string OfName(LabelSet labels, int entry)
    {
        var excerpt = new SeriesExcerpt(stackalloc byte[MaxNameBytes]);
        excerpt.Add("\""u8);
        excerpt.AddEscaped(labels.Name(labels.Entries[entry]));
        excerpt.Add("\""u8);
        return excerpt.Finish();
    }

    private void AddName(ReadOnlySpan<byte> name)
    {
        // Names that are not plain are quoted, as PromQL of Prometheus 3 has it.
        bool isPlain = !name.IsEmpty && !name.ContainsAnyExcept(PlainMetricBytes);
        Add(isPlain ? default : "\""u8);
        AddEscaped(name);
        Add(isPlain ? default : "\""u8);
    }

    private void AddEscaped(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && !_isCut)
        {
            bool isCharacter = Rune.DecodeFromUtf8(bytes, out Rune rune, out int consumed) == OperationStatus.Done;
            if (!isCharacter || Rune.IsControl(rune))
            {
                foreach (byte next in bytes[..consumed])
                {
                    AddHex(next);
                }
            }
            else if (rune.Value is '"' or '\\')
            {
                Add([(byte)'\\', bytes[0]]);
            }
            else
            {
                Add(bytes[..consumed]);
            }

            bytes = bytes[consumed..];
        }
    }

    private void AddHex(byte value) =>
        Add([(byte)'\\', (byte)'x', "0123456789abcdef"u8[value >> 4], "0123456789abcdef"u8[value & 15]]);

    /// <summary>Adds all of <paramref name="bytes"/>, or what fits of them and nothing after that.</summary>
    private void Add(scoped ReadOnlySpan<byte> bytes)
    {
        if (_isCut)
        {
            return;
        }

        int fits = Math.Min(bytes.Length, _text.Length - _length);
        bytes[..fits].CopyTo(_text[_length..]);
        _length += fits;
        _isCut = fits < bytes.Length;
    }

    private string Finish()
    {
        if (!_isCut)
        {
            return Encoding.UTF8.GetString(_text[.._length]);
        }

        // Valid as far as it goes: only its last character may be in two, and the cut for the mark goes before that one.
        return Encoding.UTF8.GetString(Utf8Text.Cut(_text, _text.Length - "...".Length)) + "...";
    }
}
