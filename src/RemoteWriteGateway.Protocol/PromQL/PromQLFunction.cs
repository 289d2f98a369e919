using System.Collections.Immutable;
using System.Text;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>A function or an aggregation: what it takes and what it gives.</summary>
public sealed class PromQLFunction
{
    private readonly byte[] _utf8Name;

    internal PromQLFunction(string name, PromQLType result, ImmutableArray<PromQLType> arguments, int minArguments, int maxArguments)
    {
        Name = name;
        Result = result;
        Arguments = arguments;
        MinArguments = minArguments;
        MaxArguments = maxArguments;
        _utf8Name = Encoding.ASCII.GetBytes(name);
    }

    /// <summary>For example <c>rate</c>. Functions are written in this case; aggregations may be written in any.</summary>
    public string Name { get; }

    /// <summary>The name's bytes.</summary>
    public ReadOnlySpan<byte> Utf8Name => _utf8Name;

    /// <summary>Type of the value.</summary>
    public PromQLType Result { get; }

    /// <summary>Types of the arguments in order. Arguments past the last one are of the last one's type.</summary>
    public ImmutableArray<PromQLType> Arguments { get; }

    public int MinArguments { get; }

    /// <summary>−1 if there may be any number.</summary>
    public int MaxArguments { get; }

    /// <summary>Whether Prometheus 3.14 knows it only with the flag for experimental functions.</summary>
    public bool IsExperimental { get; internal init; }

    /// <summary>Whether it is an aggregation.</summary>
    public bool IsAggregation { get; internal init; }

    /// <summary>Whether only a store older than Prometheus 3 knows it.</summary>
    public bool IsLegacy { get; internal init; }

    /// <summary>Type of the argument with this index, for any index.</summary>
    internal PromQLType ArgumentType(int index) => Arguments[Math.Min(index, Arguments.Length - 1)];

    public override string ToString() => Name;
}
