namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Counts the bytes that buffers hold, and refuses growth past a bound. Thread-safe.</summary>
public abstract class ByteBudget
{
    /// <summary>No bound: for tests, benchmarks and tools.</summary>
    public static ByteBudget Unlimited { get; } = new UnlimitedBudget();

    /// <summary>Takes <paramref name="bytes"/> before they are allocated.</summary>
    /// <exception cref="ByteBudgetExceededException">The bound would be passed; nothing was taken.</exception>
    public abstract void Take(long bytes);

    /// <summary>Gives back what <see cref="Take"/> took.</summary>
    public abstract void GiveBack(long bytes);

    private sealed class UnlimitedBudget : ByteBudget
    {
        public override void Take(long bytes)
        {
        }

        public override void GiveBack(long bytes)
        {
        }
    }
}

/// <summary>A buffer would have grown past the bytes that all requests together may hold. The request can be repeated later.</summary>
public sealed class ByteBudgetExceededException : Exception
{
    public ByteBudgetExceededException()
        : base("The bytes that requests in flight may hold are used up.")
    {
    }

    public ByteBudgetExceededException(string message)
        : base(message)
    {
    }

    public ByteBudgetExceededException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
