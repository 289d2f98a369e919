namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>How large a text may be, and what older stores know besides.</summary>
public sealed record ParseOptions
{
    /// <summary>The deepest <see cref="MaxDepth"/>: the parser calls itself, and a thread's stack is finite.</summary>
    public const int DeepestDepth = 500;

    /// <summary>The limits that hold where nothing else is said.</summary>
    public static ParseOptions Default { get; } = new();

    /// <summary>Most bytes of a text.</summary>
    public int MaxBytes { get; init; } = 65_536;

    /// <summary>Most levels of parentheses, calls, signs and operands of operands, 1 to <see cref="DeepestDepth"/>.</summary>
    public int MaxDepth
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, DeepestDepth);
            field = value;
        }
    }
    = 200;

    /// <summary>Most selectors of a text.</summary>
    public int MaxSelectors { get; init; } = 500;

    /// <summary>Whether <c>holt_winters</c>, the name of <c>double_exponential_smoothing</c> before Prometheus 3, is a function.</summary>
    public bool LegacyFunctions { get; init; }
}

/// <summary>What a text must be.</summary>
public enum PromQLEntry : byte
{
    /// <summary>An expression, as of the parameter <c>query</c>.</summary>
    Query,

    /// <summary>One selector, as of the parameter <c>match[]</c>.</summary>
    Selector,
}
