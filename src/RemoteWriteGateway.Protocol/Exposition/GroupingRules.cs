using System.Text;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>
/// The labels of a push's path as the store will see them: what <see cref="SeriesStamper"/> does with the labels of a series is done with them
/// before the group is named, so that no two groups become one there.
/// </summary>
public static class GroupingRules
{
    /// <summary>Drops, renames or refuses the tenant label and the reserved ones, as the options say.</summary>
    /// <param name="path">Each name once, valid UTF-8, not empty. Values may be empty: such a label takes away a body's own.</param>
    /// <param name="options">The tenant's, as for its writes.</param>
    /// <param name="labels">What is left, by ascending bytes of the names, empty values included.</param>
    /// <returns>Null, or why the group cannot be: id of the reason and text.</returns>
    public static (string Reason, string Text)? Apply(
        IEnumerable<KeyValuePair<string, string>> path, StampOptions options, out KeyValuePair<string, string>[] labels)
    {
        StampPlan plan = options.Plan;
        List<KeyValuePair<string, string>> kept = [];
        KeyValuePair<string, string>? writerTenant = null;
        foreach (KeyValuePair<string, string> label in path)
        {
            byte[] name = Encoding.UTF8.GetBytes(label.Key);
            bool isTenant = plan.IsTenantLabel(name);
            if (!isTenant && !plan.IsReserved(name))
            {
                kept.Add(label);
            }
            else if (options.RefuseReservedLabels && label.Value.Length > 0)
            {
                labels = [];
                return (ExpositionReason.ReservedLabel.Id(), $"the label {label.Key} of the path is set by the gateway; leave it out");
            }
            else if (isTenant)
            {
                writerTenant = label;
            }
        }

        if (writerTenant is { Value.Length: > 0 } tenant && options.KeepWriterTenant)
        {
            string name = $"exported_{tenant.Key}";
            while (kept.Exists(label => label.Key == name && label.Value.Length > 0))
            {
                name = $"exported_{name}";
            }

            kept.RemoveAll(label => label.Key == name);
            kept.Add(KeyValuePair.Create(name, tenant.Value));
        }

        kept.Sort(static (a, b) => Encoding.UTF8.GetBytes(a.Key).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b.Key)));
        labels = [.. kept];
        return Limits(kept, options);
    }

    private static (string Reason, string Text)? Limits(List<KeyValuePair<string, string>> labels, StampOptions options)
    {
        foreach ((string name, string value) in labels)
        {
            int bytes = Encoding.UTF8.GetByteCount(name);
            if (bytes > options.MaxLabelNameBytes)
            {
                return (ExpositionReason.LabelNameTooLong.Id(), $"a label name of the path has {bytes} bytes, limit {options.MaxLabelNameBytes} (maxLabelNameBytes)");
            }

            bytes = Encoding.UTF8.GetByteCount(value);
            if (bytes > options.MaxLabelValueBytes)
            {
                return (ExpositionReason.LabelValueTooLong.Id(), $"the value of the path's label {name} has {bytes} bytes, limit {options.MaxLabelValueBytes} (maxLabelValueBytes)");
            }

            if (options.NameScheme == NameScheme.Legacy && !NameRules.IsLegacy(Encoding.UTF8.GetBytes(name), isMetric: false))
            {
                return (ExpositionReason.LabelNameInvalid.Id(), $"the label name {name} of the path is not [a-zA-Z_][a-zA-Z0-9_]* (nameScheme legacy)");
            }
        }

        return null;
    }
}
