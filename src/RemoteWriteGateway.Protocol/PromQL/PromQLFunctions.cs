using System.Collections.Frozen;
using System.Collections.Immutable;
using static RemoteWriteGateway.Protocol.PromQL.PromQLType;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>The functions and aggregations of Prometheus 3.14.</summary>
public static class PromQLFunctions
{
    private const int Any = -1;

    /// <summary>All of them. An index in here is what <see cref="Token.Function"/> holds.</summary>
    public static ImmutableArray<PromQLFunction> All { get; } =
    [
        .. Functions(Vector, [Vector],
            "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count histogram_stddev "
            + "histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt start_timestamp* tan tanh timestamp"),
        .. Functions(Scalar, [Vector], "scalar"),
        .. Functions(Vector, [Vector], "day_of_month day_of_week day_of_year days_in_month hour minute month year", min: 0),
        .. Functions(Vector, [Matrix],
            "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate last_over_time "
            + "mad_over_time* max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time "
            + "ts_of_first_over_time* ts_of_last_over_time* ts_of_max_over_time* ts_of_min_over_time*"),
        .. Functions(Scalar, [], "end* pi range* start* step* time"),
        .. Functions(Vector, [Scalar], "vector"),
        .. Functions(Scalar, [Scalar, Scalar], "max_of* min_of*"),
        .. Functions(Vector, [Vector, Scalar], "clamp_max clamp_min"),
        .. Functions(Vector, [Vector, Scalar], "round", min: 1),
        .. Functions(Vector, [Vector, Scalar, Scalar], "clamp"),
        .. Functions(Vector, [Scalar, Vector], "histogram_quantile"),
        .. Functions(Vector, [Scalar, Scalar, Vector], "histogram_fraction"),
        .. Functions(Vector, [Vector, PromQLType.String, Scalar, Scalar], "histogram_quantiles*", min: 3, max: 12),
        .. Functions(Vector, [Matrix, Scalar], "predict_linear"),
        .. Functions(Vector, [Matrix, Scalar, Scalar], "double_exponential_smoothing*"),
        .. Functions(Vector, [Scalar, Matrix], "quantile_over_time"),
        .. Functions(Vector, [Vector, PromQLType.String, PromQLType.String, PromQLType.String, PromQLType.String], "label_replace"),
        .. Functions(Vector, [Vector, PromQLType.String, PromQLType.String, PromQLType.String], "label_join", min: 3, max: Any),
        .. Functions(Vector, [Vector, PromQLType.String], "sort_by_label* sort_by_label_desc*", min: 1, max: Any),
        .. Functions(Vector, [Vector, Vector], "info*", min: 1),
        new PromQLFunction("holt_winters", Vector, [Matrix, Scalar, Scalar], 3, 3) { IsLegacy = true },
        .. Aggregations([Vector], "sum avg count min max group stddev stdvar"),
        .. Aggregations([Scalar, Vector], "topk bottomk quantile limitk* limit_ratio*"),
        .. Aggregations([PromQLType.String, Vector], "count_values"),
    ];

    private static readonly FrozenDictionary<string, int> Indices =
        All.Select((function, index) => KeyValuePair.Create(function.Name, index)).ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly Utf8Lookup ByName = new(All);

    /// <summary>The function or aggregation with this name, in the case in which it is written here; null if there is none.</summary>
    public static PromQLFunction? Find(string name) => Indices.TryGetValue(name, out int index) ? All[index] : null;

    /// <summary>Index in <see cref="All"/> of a name, or −1.</summary>
    /// <param name="name">In the case in which it is written here.</param>
    /// <param name="legacy">Whether names that Prometheus 3 has no more are found.</param>
    internal static int IndexOf(ReadOnlySpan<byte> name, bool legacy)
    {
        int index = ByName.Find(name);
        return index >= 0 && All[index].IsLegacy && !legacy ? -1 : index;
    }

    private static IEnumerable<PromQLFunction> Functions(
        PromQLType result, ImmutableArray<PromQLType> arguments, string names, int? min = null, int? max = null) =>
        names.Split(' ').Select(name => new PromQLFunction(name.TrimEnd('*'), result, arguments, min ?? arguments.Length, max ?? arguments.Length)
        {
            IsExperimental = name[^1] == '*',
        });

    private static IEnumerable<PromQLFunction> Aggregations(ImmutableArray<PromQLType> arguments, string names) =>
        names.Split(' ').Select(name => new PromQLFunction(name.TrimEnd('*'), Vector, arguments, arguments.Length, arguments.Length)
        {
            IsExperimental = name[^1] == '*',
            IsAggregation = true,
        });

    /// <summary>Finds names by their bytes, so that no string is made for a look-up.</summary>
    private sealed class Utf8Lookup
    {
        private const int Slots = 512;

        private readonly ImmutableArray<PromQLFunction> _functions;
        private readonly short[] _slots = new short[Slots];

        public Utf8Lookup(ImmutableArray<PromQLFunction> functions)
        {
            _functions = functions;
            for (int i = 0; i < functions.Length; i++)
            {
                int slot = Slot(functions[i].Utf8Name);
                while (_slots[slot] != 0)
                {
                    slot = (slot + 1) & (Slots - 1);
                }

                _slots[slot] = (short)(i + 1);
            }
        }

        public int Find(ReadOnlySpan<byte> name)
        {
            for (int slot = Slot(name); _slots[slot] != 0; slot = (slot + 1) & (Slots - 1))
            {
                if (name.SequenceEqual(_functions[_slots[slot] - 1].Utf8Name))
                {
                    return _slots[slot] - 1;
                }
            }

            return -1;
        }

        private static int Slot(ReadOnlySpan<byte> name) =>
            ((name[0] * 31) + (name[name.Length / 2] * 17) + (name[^1] * 7) + (name.Length * 5)) & (Slots - 1);
    }
}
