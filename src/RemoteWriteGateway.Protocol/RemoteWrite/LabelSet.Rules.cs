using System.Text.Unicode;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

// The rules that decide which labels leave; the label set itself is in LabelSet.cs.
internal sealed partial class LabelSet
{
    /// <summary>
    /// Takes the labels of a series through all rules: what is left is valid, sorted, without a label that the writer must
    /// not set, and carries the stamp (if there is to be one) once. The steps and their order are §4.1 of the write reference.
    /// </summary>
    /// <param name="stampNameRef">2.0: symbol of the tenant label's name.</param>
    /// <param name="stampValueRef">2.0: symbol of the tenant label's value.</param>
    public LabelFault SettleSeries(uint stampNameRef, uint stampValueRef)
    {
        if (RawCount > Plan.MaxRawLabels)
        {
            return new LabelFault(StampReason.TooManyLabels, -1, RawCount, Plan.Options.MaxLabelsPerSeries);
        }

        LabelFault fault = CheckUtf8();
        fault = fault.IsNone ? SortAndCheckNames() : fault;
        RemoveEmpty(fault);
        fault = fault.IsNone ? CheckMetricName() : fault;
        fault = fault.IsNone ? RemoveReserved() : fault;
        fault = fault.IsNone ? CheckLimits() : fault;
        if (fault.IsNone && Plan.Options.Stamp)
        {
            Insert(new LabelEntry
            {
                NameStart = ~Plan.NameRange.Start,
                NameLength = Plan.NameRange.Length,
                ValueStart = ~Plan.ValueRange.Start,
                ValueLength = Plan.ValueRange.Length,
                NameRef = stampNameRef,
                ValueRef = stampValueRef,
                NamePrefix = Plan.NamePrefix,
            });
        }

        return fault;
    }

    /// <summary>
    /// Takes the labels of an exemplar through the rules for them: they are the writer's own content, so that none is
    /// reserved and there is no metric name, and they have one bound on all characters together.
    /// </summary>
    public LabelFault SettleExemplar()
    {
        if (RawCount > Plan.MaxKeptLabels)
        {
            return new LabelFault(StampReason.ExemplarLabelsInvalid, -1, RawCount, Plan.MaxKeptLabels);
        }

        LabelFault fault = CheckUtf8();
        fault = fault.IsNone ? SortAndCheckNames() : fault;
        RemoveEmpty(fault);
        if (!fault.IsNone)
        {
            return fault;
        }

        const int TooMany = ItemRules.MaxExemplarCharacters + 1;
        int characters = 0;
        for (int i = 0; i < Count; i++)
        {
            if (!Plan.AllowsLabelName(Name(Entries[i])))
            {
                return new LabelFault(StampReason.LabelNameInvalid, i);
            }

            characters += Utf8Text.CountCharacters(Name(Entries[i]), TooMany) + Utf8Text.CountCharacters(Value(Entries[i]), TooMany);
            if (characters >= TooMany)
            {
                return new LabelFault(StampReason.ExemplarLabelsTooLong, -1, characters, ItemRules.MaxExemplarCharacters);
            }
        }

        return default;
    }

    private LabelFault CheckUtf8()
    {
        for (int i = 0; i < Count; i++)
        {
            ref readonly LabelEntry entry = ref Entries[i];
            if (!Utf8.IsValid(Name(entry)))
            {
                return new LabelFault(StampReason.LabelNameInvalid, i);
            }

            if (!Utf8.IsValid(Value(entry)))
            {
                return new LabelFault(IsMetricName(entry) ? StampReason.MetricNameInvalid : StampReason.LabelValueInvalid, i);
            }
        }

        return default;
    }

    private LabelFault SortAndCheckNames()
    {
        Sort();
        if (Count > 0 && Entries[0].NameLength == 0)
        {
            return new LabelFault(StampReason.LabelNameInvalid, 0);
        }

        for (int i = 1; i < Count; i++)
        {
            if (Compare(Entries[i - 1], Entries[i]) == 0)
            {
                return new LabelFault(StampReason.DuplicateLabelNames, i);
            }
        }

        return default;
    }

    /// <summary>An empty value means that the label is absent.</summary>
    private void RemoveEmpty(LabelFault fault)
    {
        if (!fault.IsNone)
        {
            // The labels stay as they were sent, for the answer's text.
            return;
        }

        LabelEntry[] entries = _scratch.Items;
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            if (entries[i].ValueLength > 0)
            {
                entries[kept++] = entries[i];
            }
        }

        _removedEmpty = Count - kept;
        Count = kept;
    }

    private LabelFault CheckMetricName()
    {
        int index = IndexOf("__name__"u8);
        if (index < 0)
        {
            return new LabelFault(StampReason.MissingMetricName);
        }

        return Plan.AllowsMetricName(Value(Entries[index])) ? default : new LabelFault(StampReason.MetricNameInvalid, index);
    }

    private LabelFault RemoveReserved()
    {
        LabelEntry[] entries = _scratch.Items;
        LabelEntry? writerTenant = null;
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            bool mayBeSpecial = Plan.Filter.MayHold(entries[i].NamePrefix);
            if (mayBeSpecial && Plan.IsTenantLabel(Name(entries[i])))
            {
                writerTenant = entries[i];
                _removedTenant++;
            }
            else if (mayBeSpecial && Plan.IsReserved(Name(entries[i])))
            {
                if (Plan.Options.RefuseReservedLabels)
                {
                    return new LabelFault(StampReason.ReservedLabel, i);
                }

                _removedReserved++;
            }
            else
            {
                entries[kept++] = entries[i];
            }
        }

        Count = kept;
        return writerTenant is { } tenant && Plan.Options.KeepWriterTenant ? KeepAsExported(tenant) : default;
    }

    private LabelFault KeepAsExported(LabelEntry writerTenant)
    {
        for (int depth = 0; depth < Plan.ExportedNameCount; depth++)
        {
            WireRange name = Plan.ExportedName(depth);
            ReadOnlySpan<byte> bytes = Plan.Texts.AsSpan(name.Start, name.Length);
            if (IndexOf(bytes) >= 0)
            {
                continue;
            }

            Insert(writerTenant with
            {
                NameStart = ~name.Start,
                NameLength = name.Length,
                NameRef = LabelEntry.ExportedFlag | (uint)depth,
                NamePrefix = NameOrder.Prefix(bytes),
            });
            return default;
        }

        // All names within the limit are taken, and so is the first one beyond it.
        int longest = Plan.ExportedName(Plan.ExportedNameCount - 1).Length;
        return new LabelFault(StampReason.LabelNameTooLong, -1, longest, Plan.Options.MaxLabelNameBytes);
    }

    private LabelFault CheckLimits()
    {
        StampOptions options = Plan.Options;
        if (Count > options.MaxLabelsPerSeries)
        {
            return new LabelFault(StampReason.TooManyLabels, -1, Count, options.MaxLabelsPerSeries);
        }

        for (int i = 0; i < Count; i++)
        {
            ref readonly LabelEntry entry = ref Entries[i];
            if (IsMetricName(entry))
            {
                // Its own name is not the writer's choice, so no limit is on it.
                if (entry.ValueLength > options.MaxMetricNameBytes)
                {
                    return new LabelFault(StampReason.MetricNameTooLong, i, entry.ValueLength, options.MaxMetricNameBytes);
                }
            }
            else if (entry.NameLength > options.MaxLabelNameBytes)
            {
                return new LabelFault(StampReason.LabelNameTooLong, i, entry.NameLength, options.MaxLabelNameBytes);
            }
            else if (entry.ValueLength > options.MaxLabelValueBytes)
            {
                return new LabelFault(StampReason.LabelValueTooLong, i, entry.ValueLength, options.MaxLabelValueBytes);
            }

            if (!Plan.AllowsLabelName(Name(entry)))
            {
                return new LabelFault(StampReason.LabelNameInvalid, i);
            }
        }

        return default;
    }

    private bool IsMetricName(in LabelEntry entry) => Name(entry).SequenceEqual("__name__"u8);
}
