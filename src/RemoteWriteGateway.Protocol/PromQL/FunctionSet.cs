using System.Collections;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>A set of functions and aggregations.</summary>
public readonly record struct FunctionSet : IEnumerable<PromQLFunction>
{
    private readonly UInt128 _bits;

    private FunctionSet(UInt128 bits) => _bits = bits;

    /// <summary>The set of some functions.</summary>
    public static FunctionSet Of(IEnumerable<PromQLFunction> functions) =>
        functions.Aggregate(default(FunctionSet), (set, function) => set.With(PromQLFunctions.All.IndexOf(function)));

    public bool IsEmpty => _bits == 0;

    public bool Contains(PromQLFunction function) => Contains(PromQLFunctions.All.IndexOf(function));

    /// <summary>What is in both sets.</summary>
    public FunctionSet Intersect(FunctionSet other) => new(_bits & other._bits);

    public IEnumerator<PromQLFunction> GetEnumerator()
    {
        for (int i = 0; i < PromQLFunctions.All.Length; i++)
        {
            if (Contains(i))
            {
                yield return PromQLFunctions.All[i];
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal bool Contains(int function) => (_bits >> function & 1) != 0;

    internal FunctionSet With(int function) => new(_bits | (UInt128.One << function));
}
