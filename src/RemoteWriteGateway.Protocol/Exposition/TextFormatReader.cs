namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Reads Prometheus' text format 0.0.4 in one pass. Kind to spelling (blanks, CRLF, no last line feed), strict on content.</summary>
internal ref struct TextFormatReader(ReadOnlySpan<byte> body, ExpositionOptions options, MetricFamilies families)
{
    private readonly FamilyBuilder _builder = families.Builder;
    private readonly ReadOnlySpan<byte> _body = body;
    private LineScanner _scan = new(body, isOpenMetrics: false, options, families);

    // The sample before: most lines go on with its name, and in histograms with its labels.
    private TextRange _lastName = new(0, 0);
    private int _lastFamily = -1;
    private SampleRole _lastRole;
    private int _lastMetric = -1;

    public ExpositionFault Read()
    {
        while (_scan.NextLine())
        {
            if (!ReadLine())
            {
                return WithHint(_scan.Fault);
            }
        }

        return default;
    }

    private bool ReadLine()
    {
        _scan.SkipBlanks();
        if (_scan.IsAtEnd)
        {
            return true;
        }

        return _scan.Next == '#' ? ReadComment() : ReadSample();
    }

    private bool ReadComment()
    {
        _scan.Position++;
        _scan.SkipBlanks();
        ReadOnlySpan<byte> keyword = _scan.Text(_scan.ReadToken());
        bool isType = keyword.SequenceEqual("TYPE"u8);
        if (!isType && !keyword.SequenceEqual("HELP"u8))
        {
            return true;
        }

        _scan.SkipBlanks();
        if (_scan.IsAtEnd)
        {
            return true;
        }

        TextRange name;
        if (!(_scan.Next == '"' ? _scan.TryReadQuotedName(isMetric: true, out name) : _scan.TryReadName(isMetric: true, out name)))
        {
            return false;
        }

        if (!_scan.IsAtEnd && _scan.Next is not ((byte)' ' or (byte)'\t'))
        {
            return _scan.Fail($"blank expected after the metric name {ExpositionText.Excerpt(_scan.Text(name))}, found {_scan.Found()}");
        }

        _scan.SkipBlanks();
        if (_scan.IsAtEnd)
        {
            return true;
        }

        if (!TryResolve(name, out int family, out _))
        {
            return false;
        }

        return isType ? ReadType(family, name) : ReadHelp(family, name);
    }

    private bool ReadType(int family, TextRange name)
    {
        ReadOnlySpan<byte> word = _scan.Text(_scan.ReadRest()).TrimEnd(" \t"u8);
        ref FamilyEntry entry = ref families.FamilyList[family];
        if ((entry.Marks & FamilyMarks.Type) != 0)
        {
            return _scan.Fail($"second TYPE for {ExpositionText.Excerpt(_scan.Text(name))}");
        }

        if ((entry.Marks & FamilyMarks.Samples) != 0)
        {
            return _scan.Fail($"TYPE for {ExpositionText.Excerpt(_scan.Text(name))} after its samples");
        }

        if (!TypeNames.TryParseText(word, out FamilyType type))
        {
            return _scan.Fail($"unknown type {ExpositionText.Quoted(word)}; one of {ExpositionText.TypeNames}");
        }

        entry.Type = type;
        entry.Marks |= FamilyMarks.Type;
        // What the name before stood for may be another family from here on.
        _lastFamily = -1;
        return true;
    }

    private bool ReadHelp(int family, TextRange name)
    {
        if ((families.FamilyList[family].Marks & FamilyMarks.Help) != 0)
        {
            return _scan.Fail($"second HELP for {ExpositionText.Excerpt(_scan.Text(name))}");
        }

        if (!_scan.TryReadHelp(out TextRange help))
        {
            return false;
        }

        ref FamilyEntry entry = ref families.FamilyList[family];
        entry.Help = help;
        entry.Marks |= FamilyMarks.Help;
        return true;
    }

    private bool ReadSample()
    {
        bool isNameInBraces = _scan.Next == '{';
        if (isNameInBraces)
        {
            _scan.Position++;
            _scan.SkipBlanks();
            if (_scan.Next != '"')
            {
                return _scan.IsAtEnd ? _scan.FailAtEnd("a metric name in quotes") : _scan.Fail("no metric name");
            }
        }

        TextRange name;
        if (!(isNameInBraces ? _scan.TryReadQuotedName(isMetric: true, out name) : _scan.TryReadName(isMetric: true, out name))
            || !TryResolve(name, out int family, out SampleRole role))
        {
            return false;
        }

        int firstLabel = families.LabelList.Count;
        double bound = double.NaN;
        if (!isNameInBraces)
        {
            _scan.SkipBlanks();
        }

        bool hasLabels = isNameInBraces || _scan.Next == '{';
        if (hasLabels)
        {
            _scan.Position += isNameInBraces ? 0 : 1;
            if (!_scan.TryReadLabels(SampleRoles.BoundOf(families.FamilyList[family].Type), isNameInBraces, out bound))
            {
                return false;
            }
        }

        _scan.SkipBlanks();
        if (!_scan.TryReadNumber(out ulong bits) || !TryReadTimestamp(out bool hasTimestamp))
        {
            return false;
        }

        families.FamilyList[family].Marks |= FamilyMarks.Samples;
        var sample = new SampleFields(name, bound, bits, hasTimestamp);
        bool isTaken = role == SampleRole.Value ? AddValue(family, firstLabel, sample) : AddPart(family, role, firstLabel, sample);
        return isTaken && (families.Series <= options.MaxSeriesPerPush || _scan.Fail(ExpositionText.TooManySeries(options)));
    }

    private bool TryReadTimestamp(out bool hasTimestamp)
    {
        _scan.SkipBlanks();
        hasTimestamp = !_scan.IsAtEnd;
        if (!hasTimestamp)
        {
            return true;
        }

        if (!_scan.TryReadMilliseconds(out _))
        {
            return false;
        }

        _scan.SkipBlanks();
        return _scan.IsAtEnd || _scan.Fail($"unexpected {ExpositionText.Quoted(_scan.Rest)} after the timestamp");
    }

    /// <summary>The family that a name belongs to, and as what. Names of no family begin one without a type.</summary>
    private bool TryResolve(TextRange name, out int family, out SampleRole role)
    {
        ReadOnlySpan<byte> text = _scan.Text(name);
        if (_lastFamily >= 0 && name.Length == _lastName.Length && text.SequenceEqual(_scan.Text(_lastName)))
        {
            family = _lastFamily;
            role = _lastRole;
            return true;
        }

        family = _builder.FindFamily(text);
        role = SampleRole.Value;
        if (family >= 0)
        {
            role = FamilyBuilder.IsWhole(families.FamilyList[family].Type) ? SampleRole.Bare : SampleRole.Value;
        }
        else if (SampleRoles.TrySplit(text, out int baseLength, out SampleRole part)
            && _builder.FindFamily(text[..baseLength]) is >= 0 and var whole && SampleRoles.Belongs(part, families.FamilyList[whole].Type))
        {
            family = whole;
            role = part;
        }
        else
        {
            if (families.FamilyList.Count >= options.MaxFamiliesPerPush)
            {
                role = default;
                return _scan.Fail(ExpositionText.TooManyFamilies(options));
            }

            family = _builder.AddFamily(name, FamilyType.Untyped, _scan.Line);
        }

        _lastName = name;
        _lastFamily = family;
        _lastRole = role;
        return true;
    }

    private bool AddValue(int family, int firstLabel, in SampleFields sample)
    {
        ref MetricEntry metric = ref families.MetricList[_builder.AddMetric(family, firstLabel, _scan.Line)];
        metric.ValueBits = sample.Bits;
        metric.Parts = MetricParts.Value | (sample.HasTimestamp ? MetricParts.Timestamp : 0);
        return true;
    }

    private bool AddPart(int family, SampleRole role, int firstLabel, in SampleFields sample)
    {
        bool isSummary = families.FamilyList[family].Type == FamilyType.Summary;
        int found = FindOrAddMetric(family, firstLabel);
        ref MetricEntry metric = ref families.MetricList[found];
        metric.Parts |= MetricParts.Value | (sample.HasTimestamp ? MetricParts.Timestamp : 0);
        if (!isSummary)
        {
            metric.Parts |= MetricParts.TextCounts;
        }

        switch (role)
        {
            case SampleRole.Sum:
                if (metric.Has(MetricParts.Sum))
                {
                    return Twice(sample.Name);
                }

                metric.ValueBits = sample.Bits;
                metric.Parts |= MetricParts.Sum;
                return true;
            case SampleRole.Count:
                if (metric.Has(MetricParts.Count))
                {
                    return Twice(sample.Name);
                }

                metric.Parts |= MetricParts.Count;
                return SampleRoles.TryGetCount(sample, isSummary, ref _scan, families, family, out ulong count) && SetCount(ref metric, count);
            case SampleRole.Bucket when sample.HasBound:
                if (!SampleRoles.TryGetCount(sample, isWhole: false, ref _scan, families, family, out ulong inBucket))
                {
                    return false;
                }

                _builder.AddPoint(found, sample.Bound, inBucket, exemplar: -1);
                return true;
            case SampleRole.Bare when isSummary && sample.HasBound:
                _builder.AddPoint(found, sample.Bound, sample.Bits, exemplar: -1);
                return true;
            default:
                families.IgnoredSamples++;
                return true;
        }
    }

    private static bool SetCount(ref MetricEntry metric, ulong count)
    {
        metric.CountBits = count;
        return true;
    }

    private int FindOrAddMetric(int family, int firstLabel)
    {
        ReadOnlySpan<LabelRange> labels = families.LabelList.Span[firstLabel..];
        bool isLast = _lastMetric >= 0 && families.MetricList[_lastMetric].Family == family
            && _builder.HasLabels(families.MetricList[_lastMetric], labels);
        uint hash = 0;
        int metric = isLast ? _lastMetric : _builder.FindMetric(family, firstLabel, labels.Length, out hash);
        if (metric >= 0)
        {
            families.LabelList.Truncate(firstLabel);
        }
        else
        {
            metric = _builder.AddFoundMetric(family, firstLabel, hash, _scan.Line);
        }

        _lastMetric = metric;
        return metric;
    }

    private bool Twice(TextRange name) => _scan.Fail(new ExpositionFault(
        ExpositionReason.SeriesDuplicate,
        $"line {_scan.Line}: {ExpositionText.Excerpt(_scan.Text(name))} is given twice with the same labels"));

    private readonly ExpositionFault WithHint(ExpositionFault fault)
    {
        // curl --data joins the lines of a file.
        ReadOnlySpan<byte> first = _body;
        int type = first.IndexOf("# TYPE"u8);
        bool isJoined = !_body.TrimEnd("\n"u8).Contains((byte)'\n') && type >= 0 && first[(type + 1)..].IndexOf("# TYPE"u8) >= 0;
        if (isJoined)
        {
            return fault with { Text = fault.Text + "; sent with curl --data? use --data-binary" };
        }

        return fault;
    }
}
