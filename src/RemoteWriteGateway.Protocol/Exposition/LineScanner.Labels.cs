using System.Globalization;
using System.Text.Unicode;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>The parts of a sample's line: labels, number, time.</summary>
internal ref partial struct LineScanner
{
    private const double MaxMilliseconds = 9.2e18;

    /// <summary>Labels up to and with the closing brace, added to the list of labels; reading stands behind the opening one or behind the name in quotes.</summary>
    /// <param name="boundName">The label that is a number and not added, as <c>le</c>; empty if the family has none.</param>
    /// <param name="afterName">A metric name in quotes stands before.</param>
    /// <param name="bound">What <paramref name="boundName"/> says; NaN if it is not there.</param>
    public bool TryReadLabels(scoped ReadOnlySpan<byte> boundName, bool afterName, out double bound)
    {
        bound = double.NaN;
        int first = _families.LabelList.Count;
        bool mustSeparate = afterName;
        while (true)
        {
            SkipLabelBlanks();
            if (mustSeparate && Next == ',')
            {
                Position++;
                mustSeparate = false;
                SkipLabelBlanks();
                // A comma behind the last label is allowed in text, not in OpenMetrics.
                if (isOpenMetrics && Next == '}')
                {
                    return Fail("label name expected, found \"}\"");
                }
            }

            if (Next == '}')
            {
                Position++;
                return true;
            }

            if (mustSeparate)
            {
                return IsAtEnd && IsCut ? FailAtEnd(", or }") : Fail(LabelSeparator(first));
            }

            if (IsAtEnd)
            {
                return FailAtEnd("label name or }");
            }

            if (!TryReadLabel(boundName, first, ref bound))
            {
                return false;
            }

            mustSeparate = true;
        }
    }

    /// <summary>The number that a sample has as its value.</summary>
    public bool TryReadNumber(out ulong bits)
    {
        bits = 0;
        if (IsAtEnd)
        {
            return FailAtEnd("a number");
        }

        ReadOnlySpan<byte> token = Text(ReadToken());
        return NumberText.TryParse(token, out bits) || Fail($"{ExpositionText.Quoted(token)} is not a number");
    }

    /// <summary>Milliseconds as a whole number, of text 0.0.4.</summary>
    public bool TryReadMilliseconds(out long milliseconds)
    {
        ReadOnlySpan<byte> token = Text(ReadToken());
        return long.TryParse(token, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out milliseconds)
            && token[^1] != 0
            ? true
            : Fail($"{ExpositionText.Quoted(token)} is not a whole number of milliseconds");
    }

    /// <summary>Seconds with a fraction, of OpenMetrics, rounded down to milliseconds.</summary>
    public bool TryReadSeconds(out long milliseconds)
    {
        milliseconds = 0;
        if (IsAtEnd)
        {
            return FailAtEnd("a time in seconds");
        }

        ReadOnlySpan<byte> token = Text(ReadToken());
        if (!NumberText.TryParse(token, out ulong bits)
            || !TryGetMilliseconds(BitConverter.UInt64BitsToDouble(bits), out milliseconds))
        {
            return Fail($"{ExpositionText.Quoted(token)} is not a time in seconds");
        }

        return true;
    }

    /// <summary>Seconds as milliseconds, rounded down. False for what is no time.</summary>
    public static bool TryGetMilliseconds(double seconds, out long milliseconds)
    {
        // Decimal where it has room: 1.005 · 1000 in doubles is 1004.9999.
        milliseconds = 0;
        if (Math.Abs(seconds) < 1e15)
        {
            milliseconds = (long)Math.Floor((decimal)seconds * 1000);
            return true;
        }

        double product = seconds * 1000;
        if (!(Math.Abs(product) < MaxMilliseconds))
        {
            return false;
        }

        milliseconds = (long)Math.Floor(product);
        return true;
    }

    private bool TryReadLabel(scoped ReadOnlySpan<byte> boundName, int first, ref double bound)
    {
        bool isQuoted = Next == '"' && !isOpenMetrics;
        if (!(isQuoted ? TryReadQuotedName(isMetric: false, out TextRange name) : TryReadName(isMetric: false, out name)))
        {
            return false;
        }

        SkipLabelBlanks();
        if (Next != '=')
        {
            if (isQuoted && Next is (byte)',' or (byte)'}')
            {
                return Fail("two metric names");
            }

            return IsAtEnd ? FailAtEnd($"= after label {Label(name)}") : Fail($"expected = after label {Label(name)}, found {Found()}");
        }

        Position++;
        SkipLabelBlanks();
        if (Next != '"')
        {
            return IsAtEnd ? FailAtEnd($"the value of label {Label(name)}") : Fail($"the value of label {Label(name)} must be in double quotes");
        }

        if (!TryReadQuoted(out TextRange value))
        {
            return false;
        }

        ReadOnlySpan<byte> text = Text(value);
        if (!Utf8.IsValid(text) || text.Contains((byte)0))
        {
            return Fail($"the value of label {Label(name)} is not UTF-8{(text.Contains((byte)0) ? " without U+0000" : "")}");
        }

        return TryAddLabel(name, value, boundName, first, ref bound);
    }

    private bool TryAddLabel(TextRange name, TextRange value, scoped ReadOnlySpan<byte> boundName, int first, ref double bound)
    {
        ReadOnlySpan<byte> label = Text(name);
        if (!boundName.IsEmpty && label.SequenceEqual(boundName))
        {
            if (!double.IsNaN(bound))
            {
                return Fail($"label {Label(name)} is given twice");
            }

            bound = NumberText.TryParse(Text(value), out ulong bits) ? BitConverter.UInt64BitsToDouble(bits) : double.NaN;
            return !double.IsNaN(bound) || Fail($"{Label(name)} must be a number, found {ExpositionText.Quoted(Text(value))}");
        }

        if (label.SequenceEqual("__name__"u8))
        {
            return Fail("__name__ cannot be a label");
        }

        ReadOnlySpan<LabelRange> before = _families.LabelList.Span[first..];
        if (before.Length >= _options.MaxRawLabels)
        {
            return Fail(ExpositionText.TooManyRawLabels(_options, $"line {Line}"));
        }

        foreach (ref readonly LabelRange other in before)
        {
            if (other.Name.Length == name.Length && Text(other.Name).SequenceEqual(label))
            {
                return Fail($"label {ExpositionText.Excerpt(label)} is given twice");
            }
        }

        _families.LabelList.Add(new LabelRange(name, value));
        return true;
    }

    private readonly string Label(TextRange name) => ExpositionText.Excerpt(Text(name));

    private readonly string LabelSeparator(int first)
    {
        ReadOnlySpan<LabelRange> labels = _families.LabelList.Span[first..];
        string before = labels.IsEmpty ? "the metric name" : $"label {ExpositionText.Excerpt(Text(labels[^1].Name))}";
        return $"expected , or }} after {before}, found {Found()}";
    }

    private void SkipLabelBlanks()
    {
        if (!isOpenMetrics)
        {
            SkipBlanks();
        }
    }
}
