namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>A 1.0 message out of a 1.0 request: labels and items are copied as bytes.</summary>
internal sealed class CopiedMessage(WriteWork work) : OutgoingMessage(work, V1Tags.Series)
{
    public override void AppendLabels(in StampedSeries series) => Part.Append(Slice(series.Labels));

    public override void AppendItem(ItemKind kind, WireRange contents)
    {
        byte tag = kind switch
        {
            ItemKind.Sample => V1Tags.Samples,
            ItemKind.Histogram => V1Tags.Histograms,
            _ => V1Tags.Exemplars,
        };
        Part.AppendBytes(tag, Slice(contents));
        Count(kind);
    }

    public override bool TryReadLabel(ref WireReader reader, out WireRange name, out WireRange value)
    {
        name = default;
        value = default;
        if (!reader.TryReadTag(out WireTag tag))
        {
            return false;
        }

        int outerEnd = reader.Enter(tag);
        while (reader.TryReadTag(out WireTag part))
        {
            if (part.Raw == V1Tags.LabelName)
            {
                name = reader.ReadBytes(part);
            }
            else
            {
                value = reader.ReadBytes(part);
            }
        }

        reader.Leave(outerEnd);
        StampedSeries.ThrowIfFaulty(reader);
        return true;
    }
}
