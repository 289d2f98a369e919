namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Where a selector stands: indices into <see cref="ParsedQuery.Tokens"/>, −1 for what is not there.</summary>
/// <param name="Name">The metric name outside braces.</param>
/// <param name="LeftBrace">The <c>{</c>; −1 if the selector is a name alone.</param>
/// <param name="RightBrace">The <c>}</c>.</param>
/// <remarks>At least one of <paramref name="Name"/> and <paramref name="LeftBrace"/> is there.</remarks>
public readonly record struct SelectorMark(int Name, int LeftBrace, int RightBrace)
{
    /// <summary>Index of the first token.</summary>
    public int First => Name >= 0 ? Name : LeftBrace;

    /// <summary>Index of the last token.</summary>
    public int Last => RightBrace >= 0 ? RightBrace : Name;
}
