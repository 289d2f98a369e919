using System.Globalization;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>
/// One tenant's keys: its own, else those of <c>tenantDefaults</c>; the map <c>limits</c> key by key. What is wrong with a key that is
/// absent has the place of the tenant's declaration.
/// </summary>
internal sealed class TenantSettingsSource(
    string name, YamlValue declaration, YamlMap? own, YamlMap? defaults, YamlMap? ownLimits, YamlMap? defaultLimits, FaultList faults)
    : ITenantSettingsSource
{
    private const string LimitPrefix = "limits.";

    public string TenantName => name;

    /// <summary>What stands before the keys of a section, for example <c>push.</c>.</summary>
    private string Prefix { get; init; } = "";

    public YamlValue Declaration => declaration;

    public string? Text(string key) => Find(key)?.Text();

    public bool? Flag(string key) => Find(key)?.Flag();

    public string? OneOf(string key, params ReadOnlySpan<string> values) => Find(key)?.OneOf("known here", values);

    public long Number(string limit, long absent, long min, long max)
    {
        if (FindLimit(limit) is not { } value || value.Text() is not { } text)
        {
            return absent;
        }

        return Quantity.TryParseNumber(text, out long number)
            ? InRange(value, number, min, max, Show) ? number : absent
            : NotA("whole number such as 50000");

        long NotA(string what)
        {
            value.Fault($"\"{text}\" is not a {what}");
            return absent;
        }
    }

    public long Bytes(string limit, long absent, long min, long max)
    {
        if (FindLimit(limit) is not { } value || value.Text() is not { } text)
        {
            return absent;
        }

        if (!Quantity.TryParseSize(text, out long bytes))
        {
            value.Fault($"\"{text}\" is not a size such as {Quantity.SizeExamples}");
            return absent;
        }

        return InRange(value, bytes, min, max, Show) ? bytes : absent;
    }

    public TimeSpan Duration(string limit, TimeSpan absent, TimeSpan min, TimeSpan max)
    {
        if (FindLimit(limit) is not { } value || value.Text() is not { } text)
        {
            return absent;
        }

        TimeSpan duration = TimeSpan.Zero;
        if (text != "off" && !Quantity.TryParseDuration(text, out duration))
        {
            value.Fault($"\"{text}\" is not a duration such as {Quantity.DurationExamples}");
            return absent;
        }

        return InRange(value, duration, min, max, Quantity.Show) ? duration : absent;
    }

    public IReadOnlyList<string> Texts(string limit) =>
        FindLimit(limit) is { } value ? [.. value.Items(mayBeEmpty: true).Select(item => item.Text()).OfType<string>()] : [];

    public IReadOnlyList<YamlValue> Items(string key) => Find(key)?.Items(mayBeEmpty: true) ?? [];

    public ITenantSettingsSource Section(string key, string[] keys, string[] limits)
    {
        YamlMap? ownMap = Expected(own?.Find(key));
        YamlMap? defaultMap = Expected(defaults?.Find(key));
        return new TenantSettingsSource(name, declaration, ownMap, defaultMap, LimitsOf(ownMap), LimitsOf(defaultMap), faults) { Prefix = $"{Prefix}{key}." };

        YamlMap? Expected(YamlValue? value)
        {
            YamlMap? map = value is null or { IsNothing: true } ? null : value.Map();
            map?.Expect([.. keys, "limits"]);
            return map;
        }

        YamlMap? LimitsOf(YamlMap? map)
        {
            YamlMap? found = map?.Find("limits")?.Map();
            found?.Expect(limits);
            return found;
        }
    }

    public void Fault(string key, string message)
    {
        YamlValue? value = key.StartsWith(LimitPrefix, StringComparison.Ordinal) ? FindLimit(key[LimitPrefix.Length..]) : Find(key);
        if (value is not null)
        {
            value.Fault(message);
        }
        else
        {
            faults.Add(declaration.KeyStart, $"{declaration.Path}.{Prefix}{key}", message);
        }
    }

    private YamlValue? Find(string key) => own?.Find(key) ?? defaults?.Find(key);

    private YamlValue? FindLimit(string limit) => ownLimits?.Find(limit) ?? defaultLimits?.Find(limit);

    private static string Show(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static bool InRange<T>(YamlValue value, T actual, T min, T max, Func<T, string> show)
        where T : IComparable<T>
    {
        bool isIn = actual.CompareTo(min) >= 0 && actual.CompareTo(max) <= 0;
        if (!isIn)
        {
            value.Fault($"{show(actual)} is out of range, {show(min)} to {show(max)}");
        }

        return isIn;
    }
}
