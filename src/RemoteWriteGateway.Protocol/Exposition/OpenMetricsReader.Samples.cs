namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Samples into metrics, and what the specification asks of each type.</summary>
internal ref partial struct OpenMetricsReader
{
    private readonly bool TryGetRole(TextRange name, out SampleRole role)
    {
        role = default;
        if (_family < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> text = _scan.Text(name);
        return text.StartsWith(_scan.Text(_declared)) && OpenMetricsTypes.TryGetRole(_type, text[_declared.Length..], out role);
    }

    private bool AddPart(in SampleFields sample, SampleRole role, int exemplar)
    {
        ref MetricEntry metric = ref families.MetricList[_metric];
        metric.Parts |= sample.HasTimestamp ? MetricParts.Timestamp : 0;
        metric.Parts |= _type switch
        {
            OpenMetricsType.Counter => 0,
            OpenMetricsType.Summary => MetricParts.Value,
            _ => MetricParts.Value | MetricParts.TextCounts,
        };

        return role switch
        {
            SampleRole.Created => SetStart(ref metric, sample),
            SampleRole.Value => SetValue(ref metric, sample, exemplar),
            SampleRole.Sum or SampleRole.GaugeSum => SetSum(ref metric, sample),
            SampleRole.Count or SampleRole.GaugeCount => SetCount(ref metric, sample),
            _ => AddPoint(ref metric, sample, role, exemplar),
        };
    }

    private bool AddSingle(in SampleFields sample, int firstLabel, int labels)
    {
        if (!SetStoredName(sample.Name))
        {
            return false;
        }

        ref MetricEntry metric = ref families.MetricList[_builder.AddMetric(_family, firstLabel, _scan.Line)];
        metric.Labels = labels;
        metric.ValueBits = sample.Bits;
        metric.Parts = MetricParts.Value | (sample.HasTimestamp ? MetricParts.Timestamp : 0);
        return _type != OpenMetricsType.StateSet || CheckState(metric);
    }

    /// <summary>The metric with the labels that were just read: the current one, or a new one. An earlier one may not go on.</summary>
    private bool TryGatherMetric(int firstLabel, int labels)
    {
        ReadOnlySpan<LabelRange> read = families.LabelList.Span.Slice(firstLabel, labels);
        if (_metric >= 0 && _builder.HasLabels(families.MetricList[_metric], read))
        {
            families.LabelList.Truncate(firstLabel);
            return true;
        }

        if (!CloseMetric())
        {
            return false;
        }

        if (_builder.FindMetric(_family, firstLabel, labels, out uint hash) >= 0)
        {
            return _scan.Fail($"a metric of {Excerpt(_declared)} is not in one piece: other labels stand between its samples");
        }

        _metric = _builder.AddFoundMetric(_family, firstLabel, hash, _scan.Line);
        return true;
    }

    private bool CheckBound(in SampleFields sample, SampleRole role)
    {
        bool isBounded = role is SampleRole.Bucket or SampleRole.Bare;
        if (isBounded == sample.HasBound)
        {
            return role != SampleRole.Bare || sample.Bound is >= 0 and <= 1 || _scan.Fail("a quantile must be between 0 and 1");
        }

        string bound = ExpositionText.Excerpt(SampleRoles.BoundOf(families.FamilyList[_family].Type));
        return _scan.Fail(isBounded ? $"label {bound} is missing" : $"{Excerpt(sample.Name)} can have no label {bound}");
    }

    private bool CheckValue(in SampleFields sample, SampleRole role)
    {
        double value = sample.Value;
        bool isFine = _type switch
        {
            OpenMetricsType.Counter when role == SampleRole.Value => value >= 0,
            OpenMetricsType.Info => value == 1,
            OpenMetricsType.StateSet => value is 0 or 1,
            OpenMetricsType.Summary when role == SampleRole.Sum => value >= 0,
            OpenMetricsType.Summary when role == SampleRole.Bare => !(value < 0),
            OpenMetricsType.Histogram when role == SampleRole.Sum => !double.IsNaN(value),
            _ => true,
        };
        string need = _type switch
        {
            OpenMetricsType.Info => "must be 1",
            OpenMetricsType.StateSet => "must be 0 or 1",
            OpenMetricsType.Histogram => "must be a number",
            _ => "must be a number and not negative",
        };
        return isFine || _scan.Fail($"the value of {Excerpt(sample.Name)} {need}");
    }

    private bool CheckState(in MetricEntry metric)
    {
        foreach (ref readonly LabelRange label in families.LabelsOf(metric))
        {
            if (_scan.Text(label.Name).SequenceEqual(_scan.Text(_declared)))
            {
                return true;
            }
        }

        return _scan.Fail($"a state of {Excerpt(_declared)} needs the label {Excerpt(_declared)}");
    }

    /// <summary>Counters and infos are stored by the names of their samples. No other family may have it.</summary>
    private bool SetStoredName(TextRange name)
    {
        ref FamilyEntry family = ref families.FamilyList[_family];
        if (family.Name.Length == name.Length)
        {
            return true;
        }

        if (_builder.FindFamily(_scan.Text(name)) >= 0)
        {
            return _scan.Fail($"two families have samples of the name {Excerpt(name)}");
        }

        family.Name = name;
        _builder.NameFamily(name, _family);
        return true;
    }

    private bool SetValue(ref MetricEntry metric, in SampleFields sample, int exemplar)
    {
        if (metric.Has(MetricParts.Value))
        {
            return Twice(sample);
        }

        metric.ValueBits = sample.Bits;
        metric.Parts |= MetricParts.Value;
        metric.FirstExemplar = Math.Max(exemplar, 0);
        metric.Exemplars = exemplar >= 0 ? 1 : 0;
        return SetStoredName(sample.Name);
    }

    private bool SetStart(ref MetricEntry metric, in SampleFields sample)
    {
        if (metric.Has(MetricParts.Start))
        {
            return Twice(sample);
        }

        metric.Parts |= MetricParts.Start;
        if (!LineScanner.TryGetMilliseconds(sample.Value, out long milliseconds))
        {
            return _scan.Fail($"the value of {Excerpt(sample.Name)} is not a time in seconds");
        }

        metric.StartMs = milliseconds;
        return true;
    }

    private bool SetSum(ref MetricEntry metric, in SampleFields sample)
    {
        if (metric.Has(MetricParts.Sum))
        {
            return Twice(sample);
        }

        metric.ValueBits = sample.Bits;
        metric.Parts |= MetricParts.Sum;
        return true;
    }

    private bool SetCount(ref MetricEntry metric, in SampleFields sample)
    {
        if (metric.Has(MetricParts.Count))
        {
            return Twice(sample);
        }

        bool isWhole = _type == OpenMetricsType.Summary;
        if (!SampleRoles.TryGetCount(sample, isWhole, ref _scan, families, _family, out ulong count))
        {
            return false;
        }

        metric.CountBits = count;
        metric.Parts |= MetricParts.Count;
        families.FamilyList[_family].HasGaugeSuffixes |= _type == OpenMetricsType.GaugeHistogram;
        return true;
    }

    private bool AddPoint(ref MetricEntry metric, in SampleFields sample, SampleRole role, int exemplar)
    {
        ulong bits = sample.Bits;
        if (role == SampleRole.Bucket && !SampleRoles.TryGetCount(sample, isWhole: false, ref _scan, families, _family, out bits))
        {
            return false;
        }

        // Until the end its points are counted under the metric's number; here only for the checks of CloseMetric.
        metric.FirstPoint = metric.Points == 0 ? families.PointList.Count : metric.FirstPoint;
        metric.Points++;
        if (role == SampleRole.Bucket && metric.Points > 1)
        {
            PointEntry before = families.PointList[^1];
            if (!(sample.Bound > before.Bound))
            {
                return _scan.Fail($"the buckets of {Excerpt(_declared)} must ascend");
            }

            if (sample.Value < BitConverter.UInt64BitsToDouble(before.Bits))
            {
                return _scan.Fail($"a bucket of {Excerpt(_declared)} holds less than the one before it");
            }
        }

        if (exemplar >= 0 && metric.Exemplars++ >= ExpositionOptions.MaxExemplarsPerMetric)
        {
            families.DroppedExemplars++;
            exemplar = -1;
        }

        _builder.AddPoint(_metric, sample.Bound, bits, exemplar);
        return true;
    }

    private bool Twice(in SampleFields sample) => _scan.Fail(new ExpositionFault(
        ExpositionReason.SeriesDuplicate, $"line {_scan.Line}: {Excerpt(sample.Name)} is given twice with the same labels"));

    /// <summary>What a metric must have when it is whole.</summary>
    private bool CloseMetric()
    {
        if (_metric < 0)
        {
            return true;
        }

        ref MetricEntry metric = ref families.MetricList[_metric];
        ReadOnlySpan<PointEntry> points = families.PointList.Span.Slice(metric.FirstPoint, metric.Points);
        string? fault = _type switch
        {
            OpenMetricsType.Counter => metric.Has(MetricParts.Value) ? null : "has no _total",
            OpenMetricsType.Histogram or OpenMetricsType.GaugeHistogram => BucketFault(metric, points),
            _ => null,
        };
        _metric = -1;
        // What was counted for these checks is counted anew at the end, by all formats alike.
        metric.Points = 0;
        metric.FirstPoint = 0;
        if (_type != OpenMetricsType.Counter)
        {
            metric.Exemplars = 0;
        }

        return fault is null || _scan.Fail(
            new ExpositionFault(ExpositionReason.MalformedOpenMetrics, $"line {metric.Line}: a metric of {Excerpt(_declared)} {fault}"));
    }

    private readonly string? BucketFault(in MetricEntry metric, ReadOnlySpan<PointEntry> points)
    {
        if (points is not [.., { Bound: double.PositiveInfinity }])
        {
            return "has no bucket with le=\"+Inf\"";
        }

        if (metric.Has(MetricParts.Count) && metric.CountBits != points[^1].Bits)
        {
            return "has another count than its bucket with le=\"+Inf\"";
        }

        bool isGauge = _type == OpenMetricsType.GaugeHistogram;
        bool hasNegative = points[0].Bound < 0;
        if (metric.Has(MetricParts.Sum) && hasNegative && !isGauge)
        {
            return "has negative bounds and so can have no _sum";
        }

        if (metric.Has(MetricParts.Sum) && !hasNegative && metric.Value < 0)
        {
            return "has a negative sum and no negative bounds";
        }

        return metric.Has(MetricParts.Count) != metric.Has(MetricParts.Sum) && !(hasNegative && !isGauge)
            ? "must have both its sum and its count, or neither"
            : null;
    }
}
