using System.Collections.Frozen;
using System.Collections.Immutable;
using RemoteWriteGateway.Protocol.PromQL;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Push;

/// <summary>What the policy says of groups with certain labels.</summary>
/// <param name="Match">Over the labels of the group's key.</param>
internal sealed record PushRule(LabelSelector Match)
{
    /// <summary>The mode of a push that names none; null leaves it at <see cref="PushMode.Replace"/>.</summary>
    public PushMode? Mode { get; init; }

    /// <summary>After how much time without a push the payload goes; null for never.</summary>
    public TimeSpan? Ttl { get; init; }

    /// <summary>No push may name another mode.</summary>
    public bool Pinned { get; init; }

    /// <summary>Families of gauges that are not simply replaced in mode <c>sum</c>, by name.</summary>
    public FrozenDictionary<string, GaugeRule> Gauges { get; init; } = FrozenDictionary<string, GaugeRule>.Empty;
}

/// <summary>What the policy says of one tenant's pushes.</summary>
internal sealed record PushSettings
{
    /// <summary>Names of metrics and labels may be any UTF-8.</summary>
    public required bool Utf8Names { get; init; }

    /// <summary>The first one that matches holds.</summary>
    public required ImmutableArray<PushRule> Rules { get; init; }

    public required int MaxSeriesPerPush { get; init; }

    public required int MaxFamiliesPerPush { get; init; }

    /// <summary>The job included.</summary>
    public required int MaxGroupingLabels { get; init; }

    public required int MaxGroups { get; init; }

    /// <summary>Of all groups, as stores count them.</summary>
    public required int MaxSeries { get; init; }

    public required long MaxStoredBytes { get; init; }

    /// <summary>PUT, POST and DELETE; 0 is no limit.</summary>
    public required int PushesPerSecond { get; init; }

    public required int PushesBurst { get; init; }

    /// <summary>0 is no limit.</summary>
    public required int PushesPerSecondPerCaller { get; init; }

    /// <summary>The rule for a group, or null.</summary>
    public PushRule? RuleFor(IReadOnlyList<KeyValuePair<string, string>> key)
    {
        foreach (PushRule rule in Rules)
        {
            if (rule.Match.Matches(key))
            {
                return rule;
            }
        }

        return null;
    }
}

/// <summary>Reads the key <c>push</c> of a tenant.</summary>
internal sealed class PushSettingsReader : ITenantSettingsReader
{
    private const string Key = "push";
    private const string RulesKey = "rules";
    private const long MiB = 1L << 20;

    private static readonly string[] KeysOfPush = ["utf8Names", RulesKey];

    private static readonly string[] Limits =
    [
        "maxSeriesPerPush", "maxFamiliesPerPush", "maxGroupingLabels", "maxGroups", "maxSeries", "maxStoredBytes",
        "pushesPerSecond", "pushesBurst", "pushesPerSecondPerCaller",
    ];

    /// <summary>Shortest and longest time to live of a payload.</summary>
    public static readonly TimeSpan ShortestTtl = TimeSpan.FromMinutes(1);
    public static readonly TimeSpan LongestTtl = TimeSpan.FromDays(366);

    public IReadOnlyList<string> Keys { get; } = [Key];

    public IReadOnlyList<string> LimitKeys { get; } = [];

    public object Read(ITenantSettingsSource source)
    {
        ITenantSettingsSource push = source.Section(Key, KeysOfPush, Limits);
        return new PushSettings
        {
            Utf8Names = push.Flag("utf8Names") ?? false,
            Rules = [.. push.Items(RulesKey).Select(ReadRule).OfType<PushRule>()],
            MaxSeriesPerPush = (int)push.Number("maxSeriesPerPush", 20_000, 1, 1_000_000),
            MaxFamiliesPerPush = (int)push.Number("maxFamiliesPerPush", 10_000, 1, 1_000_000),
            MaxGroupingLabels = (int)push.Number("maxGroupingLabels", 30, 1, 1000),
            MaxGroups = (int)push.Number("maxGroups", 10_000, 1, 10_000_000),
            MaxSeries = (int)push.Number("maxSeries", 200_000, 1, 1_000_000_000),
            MaxStoredBytes = push.Bytes("maxStoredBytes", 256 * MiB, 1024, 1L << 40),
            PushesPerSecond = (int)push.Number("pushesPerSecond", 100, 0, 1_000_000),
            PushesBurst = (int)push.Number("pushesBurst", 2000, 1, 10_000_000),
            PushesPerSecondPerCaller = (int)push.Number("pushesPerSecondPerCaller", 0, 0, 1_000_000),
        };
    }

    private static PushRule? ReadRule(YamlValue item)
    {
        if (item.Map() is not { } map)
        {
            return null;
        }

        map.Expect("match", "mode", "ttl", "pinned", "gauges");
        LabelSelector? match = map.Require("match") is { } selector ? ReadMatch(selector) : null;
        PushMode? mode = map.Find("mode")?.OneOf("a mode", "replace", "sum") switch
        {
            "replace" => PushMode.Replace,
            "sum" => PushMode.Sum,
            _ => null,
        };
        TimeSpan? ttl = map.Find("ttl")?.Duration();
        if (ttl is { } time && (time < ShortestTtl || time > LongestTtl))
        {
            map.FaultAt("ttl", $"{Quantity.Show(time)} is out of range, {Quantity.Show(ShortestTtl)} to {Quantity.Show(LongestTtl)}");
        }

        bool isPinned = map.Find("pinned")?.Flag() ?? false;
        if (isPinned && mode is null && !map.Has("mode"))
        {
            map.FaultAt("pinned", "a pinned rule says which mode it pins; add mode");
        }

        FrozenDictionary<string, GaugeRule> gauges = ReadGauges(map);
        if (gauges.Count > 0 && mode is PushMode.Replace)
        {
            map.FaultAt("gauges", "belongs to mode sum; in mode replace a gauge is what was pushed last");
        }

        return match is null ? null : new PushRule(match) { Mode = mode, Ttl = ttl, Pinned = isPinned, Gauges = gauges };
    }

    private static LabelSelector? ReadMatch(YamlValue value)
    {
        if (value.Text() is not { } text)
        {
            return null;
        }

        if (!LabelSelector.TryRead(text, out LabelSelector? selector, out string fault))
        {
            value.Fault($"is no selector over the labels of groups, such as {{job=\"nightly\"}}: {fault}");
        }

        return selector;
    }

    private static FrozenDictionary<string, GaugeRule> ReadGauges(YamlMap map)
    {
        Dictionary<string, GaugeRule> gauges = new(StringComparer.Ordinal);
        foreach ((string name, YamlValue value) in map.Find("gauges")?.Map()?.Entries ?? [])
        {
            switch (value.OneOf("a way to join gauges", "last", "sum", "max", "min"))
            {
                case "last":
                    gauges[name] = GaugeRule.Last;
                    break;
                case "sum":
                    gauges[name] = GaugeRule.Sum;
                    break;
                case "max":
                    gauges[name] = GaugeRule.Max;
                    break;
                case "min":
                    gauges[name] = GaugeRule.Min;
                    break;
                default:
                    break;
            }
        }

        return gauges.ToFrozenDictionary(StringComparer.Ordinal);
    }
}
