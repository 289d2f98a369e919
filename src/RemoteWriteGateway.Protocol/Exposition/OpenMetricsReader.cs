namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Reads OpenMetrics 1.0 in one pass. What it refuses, the specification forbids.</summary>
/// <remarks>
/// Families and metrics come in one piece each, so only the current ones are held. They become what the stored model has: a counter
/// <c>x</c> is a counter family <c>x_total</c>, info a gauge <c>x_info</c>, a state set a gauge.
/// </remarks>
internal ref partial struct OpenMetricsReader(ReadOnlySpan<byte> body, ExpositionOptions options, MetricFamilies families)
{
    private readonly FamilyBuilder _builder = families.Builder;
    private LineScanner _scan = new(body, isOpenMetrics: true, options, families);

    // The current family: its declared name, which its samples' names begin with.
    private int _family = -1;
    private TextRange _declared;
    private OpenMetricsType _type;

    // The current metric, of a counter, summary or histogram.
    private int _metric = -1;

    public ExpositionFault Read()
    {
        while (_scan.NextLine())
        {
            if (_scan.Rest.SequenceEqual("# EOF"u8))
            {
                _ = CloseMetric() && (!_scan.HasMore || (_scan.NextLine() && FailWithoutEnd()));
                return _scan.Fault;
            }

            if (!(_scan.Next == '#' ? ReadMetadata() : ReadSample()))
            {
                return _scan.Fault;
            }
        }

        FailWithoutEnd();
        return _scan.Fault;
    }

    private bool FailWithoutEnd() => _scan.Fail("the text does not end with # EOF");

    private bool ReadMetadata()
    {
        FamilyMarks kind = _scan.TrySkip("# TYPE "u8) ? FamilyMarks.Type
            : _scan.TrySkip("# HELP "u8) ? FamilyMarks.Help
            : _scan.TrySkip("# UNIT "u8) ? FamilyMarks.Unit
            : FamilyMarks.None;
        if (kind == FamilyMarks.None)
        {
            return _scan.Fail("# TYPE, # HELP, # UNIT or # EOF expected, with one blank between words");
        }

        if (!_scan.TryReadName(isMetric: true, out TextRange name))
        {
            return false;
        }

        if (!_scan.TrySkip(" "u8))
        {
            return _scan.IsAtEnd ? _scan.FailAtEnd("one blank and a text") : _scan.Fail($"one blank expected, found {_scan.Found()}");
        }

        if (!IsDeclared(name) && !OpenFamily(name))
        {
            return false;
        }

        FamilyMarks marks = families.FamilyList[_family].Marks;
        if ((marks & (kind | FamilyMarks.Samples)) != 0)
        {
            string what = $"{kind.ToString().ToUpperInvariant()} for {Excerpt(name)}";
            return _scan.Fail((marks & kind) != 0 ? $"second {what}" : $"{what} after its samples");
        }

        families.FamilyList[_family].Marks |= kind;
        return kind switch
        {
            FamilyMarks.Type => ReadType(),
            FamilyMarks.Help => ReadHelp(),
            _ => ReadUnit(),
        };
    }

    private bool ReadType()
    {
        ReadOnlySpan<byte> word = _scan.Text(_scan.ReadRest());
        if (!OpenMetricsTypes.TryParse(word, out _type))
        {
            return _scan.Fail($"unknown type {ExpositionText.Quoted(word)}; one of {OpenMetricsTypes.Names}");
        }

        families.FamilyList[_family].Type = OpenMetricsTypes.Stored(_type);
        return CheckUnit();
    }

    private bool ReadHelp()
    {
        if (!_scan.TryReadHelp(out TextRange help))
        {
            return false;
        }

        families.FamilyList[_family].Help = help;
        return true;
    }

    private bool ReadUnit()
    {
        families.FamilyList[_family].Unit = _scan.ReadRest();
        return CheckUnit();
    }

    /// <summary>A unit is the last word of the family's name. Asked after TYPE and after UNIT, which come in either order.</summary>
    private bool CheckUnit()
    {
        ReadOnlySpan<byte> unit = _scan.Text(families.FamilyList[_family].Unit);
        if (unit.IsEmpty)
        {
            return true;
        }

        ReadOnlySpan<byte> name = _scan.Text(_declared);
        if (_type is OpenMetricsType.Info or OpenMetricsType.StateSet)
        {
            return _scan.Fail($"{Excerpt(_declared)} can have no unit: it is an info or a state set");
        }

        return (name.Length > unit.Length + 1 && name.EndsWith(unit) && name[^(unit.Length + 1)] == '_')
            || _scan.Fail($"the name of {Excerpt(_declared)} must end with its unit, _{ExpositionText.Excerpt(unit)}");
    }

    private readonly bool IsDeclared(TextRange name) => _family >= 0 && _scan.Text(name).SequenceEqual(_scan.Text(_declared));

    private bool OpenFamily(TextRange name)
    {
        if (!CloseMetric())
        {
            return false;
        }

        if (_builder.FindFamily(_scan.Text(name)) >= 0)
        {
            return _scan.Fail($"family {Excerpt(name)} is not in one piece, or two families have samples of this name");
        }

        if (families.FamilyList.Count >= options.MaxFamiliesPerPush)
        {
            return _scan.Fail(ExpositionText.TooManyFamilies(options));
        }

        _family = _builder.AddFamily(name, FamilyType.Untyped, _scan.Line);
        _declared = name;
        _type = OpenMetricsType.Unknown;
        return true;
    }

    private bool ReadSample()
    {
        if (_scan.IsAtEnd)
        {
            return _scan.Fail("empty line");
        }

        if (!_scan.TryReadName(isMetric: true, out TextRange name))
        {
            return false;
        }

        if (!TryGetRole(name, out SampleRole role))
        {
            if (!OpenFamily(name))
            {
                return false;
            }

            role = SampleRole.Value;
        }

        int firstLabel = families.LabelList.Count;
        double bound = double.NaN;
        if (_scan.TrySkip("{"u8)
            && !_scan.TryReadLabels(SampleRoles.BoundOf(families.FamilyList[_family].Type), afterName: false, out bound))
        {
            return false;
        }

        if (!_scan.TrySkip(" "u8))
        {
            return _scan.IsAtEnd ? _scan.FailAtEnd("one blank and a number") : _scan.Fail($"one blank expected, found {_scan.Found()}");
        }

        int labels = families.LabelList.Count - firstLabel;
        bool isGathered = FamilyBuilder.IsWhole(families.FamilyList[_family].Type) || _type == OpenMetricsType.Counter;
        if (isGathered && !TryGatherMetric(firstLabel, labels))
        {
            return false;
        }

        if (!_scan.TryReadNumber(out ulong bits) || !TryReadRest(out bool hasTimestamp, out int exemplar))
        {
            return false;
        }

        if (exemplar >= 0 && !CheckExemplar(role))
        {
            return false;
        }

        families.FamilyList[_family].Marks |= FamilyMarks.Samples;
        var sample = new SampleFields(name, bound, bits, hasTimestamp);
        return CheckBound(sample, role) && CheckValue(sample, role)
            && (isGathered ? AddPart(sample, role, exemplar) : AddSingle(sample, firstLabel, labels))
            && (families.Series <= options.MaxSeriesPerPush || _scan.Fail(ExpositionText.TooManySeries(options)));
    }

    /// <summary>What may stand behind the number: a time, an exemplar.</summary>
    private bool TryReadRest(out bool hasTimestamp, out int exemplar)
    {
        hasTimestamp = false;
        exemplar = -1;
        if (_scan.IsAtEnd)
        {
            return true;
        }

        if (!_scan.Rest.StartsWith(" # "u8))
        {
            if (!_scan.TrySkip(" "u8))
            {
                return _scan.Fail($"one blank expected, found {_scan.Found()}");
            }

            hasTimestamp = true;
            if (!_scan.TryReadSeconds(out _))
            {
                return false;
            }
        }

        return _scan.IsAtEnd || TryReadExemplar(out exemplar);
    }

    private bool TryReadExemplar(out int exemplar)
    {
        exemplar = -1;
        if (!_scan.TrySkip(" # {"u8))
        {
            return _scan.Fail($"unexpected {ExpositionText.Quoted(_scan.Rest)} at the end of the line");
        }

        int firstLabel = families.LabelList.Count;
        if (!_scan.TryReadLabels(default, afterName: false, out _))
        {
            return false;
        }

        int labels = families.LabelList.Count - firstLabel;
        if (!ExemplarRules.IsShort(families, families.LabelList.Span[firstLabel..]))
        {
            return _scan.Fail($"the labels of an exemplar have more than {ExemplarRules.MaxCharacters} characters");
        }

        if (!_scan.TrySkip(" "u8))
        {
            return _scan.IsAtEnd ? _scan.FailAtEnd("one blank and a number") : _scan.Fail($"one blank expected, found {_scan.Found()}");
        }

        if (!_scan.TryReadNumber(out ulong bits))
        {
            return false;
        }

        long timestamp = 0;
        bool hasTimestamp = _scan.TrySkip(" "u8);
        if (hasTimestamp && !_scan.TryReadSeconds(out timestamp))
        {
            return false;
        }

        exemplar = families.ExemplarList.Add(new ExemplarEntry
        {
            FirstLabel = firstLabel,
            Labels = labels,
            ValueBits = bits,
            HasTimestamp = hasTimestamp,
            TimestampMs = timestamp,
        });
        return _scan.IsAtEnd || _scan.Fail($"unexpected {ExpositionText.Quoted(_scan.Rest)} at the end of the line");
    }

    private bool CheckExemplar(SampleRole role) =>
        role == SampleRole.Bucket || (role == SampleRole.Value && _type == OpenMetricsType.Counter)
        || _scan.Fail("only buckets and the _total of counters can have an exemplar");

    private readonly string Excerpt(TextRange name) => ExpositionText.Excerpt(_scan.Text(name));
}
