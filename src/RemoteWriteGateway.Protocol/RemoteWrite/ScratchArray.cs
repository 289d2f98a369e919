namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Working memory of a request that is kept from request to request and counted like the buffers. Contents are never cleared: what is read was written in the same request.</summary>
internal sealed class ScratchArray<T>
    where T : unmanaged
{
    private readonly int _elementBytes = System.Runtime.CompilerServices.Unsafe.SizeOf<T>();

    /// <summary>Who counts the memory; set as <see cref="WriteBuffer.Budget"/> is.</summary>
    public ByteBudget Budget { get; set; } = ByteBudget.Unlimited;

    public T[] Items { get; private set; } = [];

    public long HeldBytes => (long)Items.Length * _elementBytes;

    /// <summary>Makes room for <paramref name="count"/> elements in all; those that are there stay.</summary>
    /// <exception cref="ByteBudgetExceededException">The budget of all requests is used up.</exception>
    public T[] Ensure(int count)
    {
        if (count > Items.Length)
        {
            int grown = Math.Max(count, Items.Length + (Items.Length / 4));
            Budget.Take((long)(grown - Items.Length) * _elementBytes);
            T[] items = GC.AllocateUninitializedArray<T>(grown);
            Items.CopyTo(items, 0);
            Items = items;
        }

        return Items;
    }

    /// <summary>Lets go of the array if it holds more than <paramref name="maxBytes"/>.</summary>
    public void Trim(int maxBytes)
    {
        if (HeldBytes > maxBytes)
        {
            Budget.GiveBack(HeldBytes);
            Items = [];
        }
    }
}
