using System.Globalization;
using System.Text.Json;

namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>
/// What a Pushgateway and the gateway show, in one form: a line each, sorted. An empty label is none, which is one of the differences, but for
/// <c>instance</c>, which both show; times are only told from never.
/// </summary>
internal static class PushedContent
{
    private static readonly string[] OwnMetrics = ["go_", "process_", "promhttp_", "pushgateway_"];

    /// <summary>Whether a Pushgateway tells a metric of this name about itself.</summary>
    public static bool IsOwn(string name) => OwnMetrics.Any(own => name.StartsWith(own, StringComparison.Ordinal));

    /// <summary>Of an answer of <c>/api/v1/metrics</c>.</summary>
    public static IReadOnlyList<string> OfGroups(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        List<string> lines = [];
        foreach (JsonElement group in document.RootElement.GetProperty("data").EnumerateArray())
        {
            string key = Labels(group.GetProperty("labels"), withEmpty: false);
            foreach (JsonProperty one in group.EnumerateObject())
            {
                switch (one.Name)
                {
                    case "labels":
                        break;
                    case "last_push_successful":
                        lines.Add($"{key} last_push_successful {one.Value.GetBoolean()}");
                        break;
                    default:
                        AddFamily(lines, key, one);
                        break;
                }
            }
        }

        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    /// <summary>
    /// Of an answer of <c>/metrics</c>, a Pushgateway's own metrics left out. HELP is compared with the groups: of texts that differ between
    /// groups a Pushgateway shows any.
    /// </summary>
    public static IReadOnlyList<string> OfSeries(string text) =>
    [
        .. text.Split('\n')
            .Where(line => line.Length > 0 && !line.StartsWith("# HELP", StringComparison.Ordinal) && !line.Split(' ').Any(IsOwn))
            .Select(Series)
            .Order(StringComparer.Ordinal),
    ];

    private static void AddFamily(List<string> lines, string key, JsonProperty family)
    {
        bool isTime = family.Name is "push_time_seconds" or "push_failure_time_seconds";
        string help = family.Value.TryGetProperty("help", out JsonElement text) ? text.GetString() ?? "" : "";
        Assert.True(DateTimeOffset.TryParse(family.Value.GetProperty("time_stamp").GetString(), CultureInfo.InvariantCulture, out _));
        lines.Add($"{key} {family.Name} {family.Value.GetProperty("type").GetString()} {help}");
        foreach (JsonElement metric in family.Value.GetProperty("metrics").EnumerateArray())
        {
            string values = string.Join(' ', metric.EnumerateObject().Where(one => one.Name != "labels").OrderBy(one => one.Name, StringComparer.Ordinal).Select(one => $"{one.Name}={Value(one.Value, isTime)}"));
            lines.Add($"{key} {family.Name} {Labels(metric.GetProperty("labels"), withEmpty: true)} {values}");
        }
    }

    private static string Value(JsonElement value, bool isTime) => value.ValueKind switch
    {
        JsonValueKind.String => isTime && value.GetString() != "0" ? "a time" : value.GetString() ?? "",
        JsonValueKind.Object => $"[{string.Join(' ', value.EnumerateObject().OrderBy(one => one.Name, StringComparer.Ordinal).Select(one => $"{one.Name}:{one.Value.GetString()}"))}]",
        JsonValueKind.Array => $"[{string.Join(' ', value.EnumerateArray().Select(bucket => string.Join(':', bucket.EnumerateArray().Select(one => Rounded(one.ToString())))))}]",
        _ => value.GetRawText(),
    };

    /// <summary>Bounds of native buckets are powers of two with fractions: a Pushgateway's table of them is up to two units of the last place off.</summary>
    private static string Rounded(string number) => double.Parse(number, CultureInfo.InvariantCulture).ToString("G14", CultureInfo.InvariantCulture);

    private static string Labels(JsonElement labels, bool withEmpty) => "{" + string.Join(',', labels.EnumerateObject()
        .Where(label => label.Value.GetString() != "" || (withEmpty && label.Name == "instance"))
        .OrderBy(label => label.Name, StringComparer.Ordinal)
        .Select(label => $"{label.Name}={label.Value.GetString()}")) + "}";

    private static string Series(string line)
    {
        if (line[0] == '#')
        {
            return line;
        }

        int value = line.LastIndexOf(' ');
        int brace = line.IndexOf('{', StringComparison.Ordinal);
        string name = brace < 0 ? line[..value] : line[..brace];
        string number = name is "push_time_seconds" or "push_failure_time_seconds" && line[(value + 1)..] != "0" ? "a time" : line[(value + 1)..];
        return brace < 0 ? $"{name} {number}" : $"{name} {{{string.Join(',', Split(line[(brace + 1)..(value - 1)]).Where(label => !label.EndsWith("=\"\"", StringComparison.Ordinal) || label == "instance=\"\"").Order(StringComparer.Ordinal))}}} {number}";
    }

    /// <summary>The labels between the braces, each as it stands.</summary>
    private static IEnumerable<string> Split(string labels)
    {
        int start = 0;
        bool isQuoted = false;
        for (int i = 0; i < labels.Length; i++)
        {
            switch (labels[i])
            {
                case '\\':
                    i++;
                    break;
                case '"':
                    isQuoted = !isQuoted;
                    break;
                case ',' when !isQuoted:
                    yield return labels[start..i];
                    start = i + 1;
                    break;
                default:
                    break;
            }
        }

        if (start < labels.Length)
        {
            yield return labels[start..];
        }
    }
}
