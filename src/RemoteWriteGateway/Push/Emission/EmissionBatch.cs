namespace RemoteWriteGateway.Push.Emission;

/// <summary>Deliveries of one tenant that go to its store together.</summary>
internal sealed record EmissionBatch(EmissionTarget Target, IReadOnlyList<Delivery> Deliveries)
{
    /// <summary>Most groups of a batch.</summary>
    public const int MaxGroups = 500;

    /// <summary>Puts what was claimed into batches: by tenant, as much as one request may hold; a group that was refused last time goes alone.</summary>
    /// <param name="deliveries">In the order in which they are due.</param>
    /// <param name="targets">By tenant; whoever has none is left out.</param>
    /// <param name="bounds">A larger group is a batch of its own and takes several requests.</param>
    public static IEnumerable<EmissionBatch> Of(
        IEnumerable<Delivery> deliveries, IReadOnlyDictionary<string, EmissionTarget> targets, RequestBounds bounds)
    {
        foreach (IGrouping<string, Delivery> tenant in deliveries.GroupBy(static one => one.Row.Tenant, StringComparer.Ordinal))
        {
            if (!targets.TryGetValue(tenant.Key, out EmissionTarget? target))
            {
                continue;
            }

            List<Delivery> batch = [];
            long items = 0;
            long bytes = 0;
            foreach (Delivery delivery in tenant)
            {
                if (delivery.Row.LastWriteError is not null)
                {
                    yield return new EmissionBatch(target, [delivery]);
                    continue;
                }

                long more = delivery.Series + (delivery.Written?.Series ?? 0);
                long moreBytes = delivery.Payload.Length + (delivery.Written?.Length ?? 0);
                if (batch.Count > 0 && (batch.Count == MaxGroups || items + more > bounds.MaxItems || bytes + moreBytes > bounds.MaxBytes))
                {
                    yield return new EmissionBatch(target, batch);
                    batch = [];
                    items = bytes = 0;
                }

                batch.Add(delivery);
                items += more;
                bytes += moreBytes;
            }

            if (batch.Count > 0)
            {
                yield return new EmissionBatch(target, batch);
            }
        }
    }

    /// <summary>Both halves.</summary>
    public (EmissionBatch First, EmissionBatch Second) Halve()
    {
        int middle = Deliveries.Count / 2;
        return (this with { Deliveries = [.. Deliveries.Take(middle)] }, this with { Deliveries = [.. Deliveries.Skip(middle)] });
    }
}
