using System.Collections.Immutable;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Protocol.PromQL;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Query;

/// <summary>What the policy allows reads of one tenant; of several the strictest of each.</summary>
internal sealed record ReadLimits
{
    public required int MaxQueryBytes { get; init; }

    /// <summary>Of one text as it is sent to the store.</summary>
    public required int MaxRewrittenBytes { get; init; }

    public required int MaxQueryDepth { get; init; }

    public required int MaxSelectors { get; init; }

    /// <summary>Values of <c>match[]</c>.</summary>
    public required int MaxMatchSelectors { get; init; }

    /// <summary>Zero is no limit.</summary>
    public required TimeSpan MaxRange { get; init; }

    /// <summary>Zero is no limit.</summary>
    public required TimeSpan MinStep { get; init; }

    public required int MaxPoints { get; init; }

    public required TimeSpan QueryTimeout { get; init; }

    public required int MaxInflightQueries { get; init; }

    /// <summary>0 is no limit.</summary>
    public required int QueriesPerSecond { get; init; }

    public required int QueriesBurst { get; init; }

    public required long MaxBufferedBytes { get; init; }

    /// <summary>Of a remote read's answer, decompressed.</summary>
    public required long MaxReadBytes { get; init; }

    /// <summary>0 is no limit.</summary>
    public required long MaxResponseBytes { get; init; }

    public FunctionSet ForbiddenFunctions { get; init; }

    /// <summary>SHA-256 of canonical texts without tenants, in lower-case hexadecimal digits.</summary>
    public ImmutableHashSet<string> BlockedQueries { get; init; } = [];

    /// <summary>The strictest value of each.</summary>
    public static ReadLimits Strictest(IEnumerable<ReadLimits> limits) => limits.Aggregate(static (a, b) => new ReadLimits
    {
        MaxQueryBytes = Math.Min(a.MaxQueryBytes, b.MaxQueryBytes),
        MaxRewrittenBytes = Math.Min(a.MaxRewrittenBytes, b.MaxRewrittenBytes),
        MaxQueryDepth = Math.Min(a.MaxQueryDepth, b.MaxQueryDepth),
        MaxSelectors = Math.Min(a.MaxSelectors, b.MaxSelectors),
        MaxMatchSelectors = Math.Min(a.MaxMatchSelectors, b.MaxMatchSelectors),
        MaxRange = LeastSet(a.MaxRange, b.MaxRange),
        MinStep = a.MinStep > b.MinStep ? a.MinStep : b.MinStep,
        MaxPoints = Math.Min(a.MaxPoints, b.MaxPoints),
        QueryTimeout = a.QueryTimeout < b.QueryTimeout ? a.QueryTimeout : b.QueryTimeout,
        MaxInflightQueries = Math.Min(a.MaxInflightQueries, b.MaxInflightQueries),

        // Each tenant is charged for itself: QueryGate.
        QueriesPerSecond = 0,
        QueriesBurst = 0,
        MaxBufferedBytes = Math.Min(a.MaxBufferedBytes, b.MaxBufferedBytes),
        MaxReadBytes = Math.Min(a.MaxReadBytes, b.MaxReadBytes),
        MaxResponseBytes = a.MaxResponseBytes == 0 ? b.MaxResponseBytes
            : b.MaxResponseBytes == 0 ? a.MaxResponseBytes : Math.Min(a.MaxResponseBytes, b.MaxResponseBytes),
        ForbiddenFunctions = FunctionSet.Of(a.ForbiddenFunctions.Concat(b.ForbiddenFunctions).Distinct()),
        BlockedQueries = a.BlockedQueries.Union(b.BlockedQueries),
    });

    /// <summary>The smaller one of two limits of which zero is none.</summary>
    public static TimeSpan LeastSet(TimeSpan a, TimeSpan b) => a == TimeSpan.Zero ? b : b == TimeSpan.Zero ? a : a < b ? a : b;
}

/// <summary>Reads the keys of a tenant that concern its reads.</summary>
/// <param name="stores">The configured stores, or null where a document is read without a configuration (the command line).</param>
internal sealed class ReadLimitsReader(StoreDirectory? stores) : ITenantSettingsReader
{
    private const int MiB = 1 << 20;
    private const long GiB = 1L << 30;
    private const int HashDigits = 64;

    private static readonly TimeSpan Longest = TimeSpan.FromDays(3650);

    public IReadOnlyList<string> Keys { get; } = [];

    public IReadOnlyList<string> LimitKeys { get; } =
    [
        "maxQueryBytes", "maxRewrittenBytes", "maxQueryDepth", "maxSelectors", "maxMatchSelectors", "maxRange", "minStep", "maxPoints", "queryTimeout",
        "maxInflightQueries", "queriesPerSecond", "queriesBurst", "maxBufferedBytes", "maxReadBytes", "maxResponseBytes", "forbiddenFunctions",
        "blockedQueries",
    ];

    public object Read(ITenantSettingsSource source)
    {
        Store? store = source.Text("store") is { } name ? stores?.Find(name) : stores?.Only;
        int rate = (int)source.Number("queriesPerSecond", 0, 0, 1_000_000);
        return new ReadLimits
        {
            MaxQueryBytes = (int)source.Bytes("maxQueryBytes", 65_536, 1, MiB),
            MaxRewrittenBytes = (int)source.Bytes("maxRewrittenBytes", store?.Read?.MaxRewrittenBytes ?? 262_144, 1, 16 * MiB),
            MaxQueryDepth = (int)source.Number("maxQueryDepth", 200, 1, ParseOptions.DeepestDepth),
            MaxSelectors = (int)source.Number("maxSelectors", 500, 1, 100_000),
            MaxMatchSelectors = (int)source.Number("maxMatchSelectors", 100, 1, 1000),
            MaxRange = source.Duration("maxRange", TimeSpan.Zero, TimeSpan.Zero, Longest),
            MinStep = source.Duration("minStep", TimeSpan.Zero, TimeSpan.Zero, Longest),
            MaxPoints = (int)source.Number("maxPoints", 11_000, 1, 1_000_000),
            QueryTimeout = source.Duration("queryTimeout", TimeSpan.FromMinutes(2), TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
            MaxInflightQueries = (int)source.Number("maxInflightQueries", 100, 1, 100_000),
            QueriesPerSecond = rate,
            QueriesBurst = (int)source.Number("queriesBurst", Math.Min(10L * Math.Max(rate, 1), 10_000_000), 1, 10_000_000),
            MaxBufferedBytes = source.Bytes("maxBufferedBytes", 64 * MiB, 1024, 2 * GiB),
            MaxReadBytes = source.Bytes("maxReadBytes", 256 * MiB, 1024, GiB),
            MaxResponseBytes = source.Bytes("maxResponseBytes", 0, 0, 1024 * GiB),
            ForbiddenFunctions = Functions(source),
            BlockedQueries = Hashes(source),
        };
    }

    private static FunctionSet Functions(ITenantSettingsSource source)
    {
        List<PromQLFunction> functions = [];
        foreach (string name in source.Texts("forbiddenFunctions"))
        {
            if (PromQLFunctions.All.FirstOrDefault(one => one.Name == name) is { } function)
            {
                functions.Add(function);
            }
            else
            {
                source.Fault("limits.forbiddenFunctions", $"there is no function or aggregation \"{name}\"");
            }
        }

        return FunctionSet.Of(functions);
    }

    // "<hash>" or "<hash> a note of why".
    private static ImmutableHashSet<string> Hashes(ITenantSettingsSource source)
    {
        ImmutableHashSet<string>.Builder hashes = ImmutableHashSet.CreateBuilder<string>(StringComparer.Ordinal);
        foreach (string text in source.Texts("blockedQueries"))
        {
            string hash = text.Split(' ', 2)[0];
            if (hash.Length == HashDigits && hash.All(char.IsAsciiHexDigitLower))
            {
                hashes.Add(hash);
            }
            else
            {
                source.Fault("limits.blockedQueries", $"\"{hash}\" is no SHA-256 in {HashDigits} lower-case hexadecimal digits; a note may follow behind a blank");
            }
        }

        return hashes.ToImmutable();
    }
}
