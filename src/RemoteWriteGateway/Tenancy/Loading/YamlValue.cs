using System.Collections.Immutable;
using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>A value of a document, and where it stands. Each getter gives null after reporting a fault if the value is not of the kind asked for.</summary>
internal sealed class YamlValue(string path, YamlNode node, Mark keyStart, FaultList faults)
{
    /// <summary>For example <c>bindings[0].grant</c>; empty for the whole document.</summary>
    public string Path => path;

    public long Line => node.Start.Line;

    /// <summary>Where the value's key begins; for items of lists, the value itself.</summary>
    public Mark KeyStart => keyStart;

    /// <summary>The value as it stands there, or null if it is a map or list.</summary>
    public string? Raw => (node as YamlScalarNode)?.Value;

    /// <summary>Nothing stands behind the key.</summary>
    public bool IsNothing => node is YamlScalarNode { Value: "", Style: ScalarStyle.Plain };

    public bool IsList => node is YamlSequenceNode;

    public void Fault(string message) => faults.Add(node.Start, Name, message);

    public void FaultAtKey(string message) => faults.Add(keyStart, Name, message);

    /// <summary>Text that is not empty.</summary>
    public string? Text()
    {
        if (node is not YamlScalarNode { Value: { } text })
        {
            Fault($"expected text, found a {Kind}");
            return null;
        }

        if (text.Length == 0)
        {
            Fault("is empty");
            return null;
        }

        return text;
    }

    public bool? Flag()
    {
        switch (Text())
        {
            case null:
                return null;
            case "true":
                return true;
            case "false":
                return false;
            case { } other:
                Fault($"\"{other}\" is neither true nor false");
                return null;
        }
    }

    /// <summary>A GUID in its form with hyphens, as Entra shows it.</summary>
    public Guid? Id()
    {
        if (Text() is not { } text)
        {
            return null;
        }

        if (!Guid.TryParseExact(text, "D", out Guid id))
        {
            Fault($"\"{text}\" is not a GUID such as 11111111-2222-4333-8444-555555555555");
            return null;
        }

        return id;
    }

    /// <summary>A time with its offset, for example <c>2027-01-31T00:00:00Z</c>.</summary>
    public DateTimeOffset? Time()
    {
        if (Text() is not { } text)
        {
            return null;
        }

        if (!Instant.TryParse(text, out DateTimeOffset time))
        {
            Fault($"\"{text}\" is not {Instant.Example}");
            return null;
        }

        return time;
    }

    /// <summary>A time span of at least a millisecond, for example <c>30s</c>, <c>2h</c>.</summary>
    public TimeSpan? Duration()
    {
        if (Text() is not { } text)
        {
            return null;
        }

        if (!Quantity.TryParseDuration(text, out TimeSpan duration))
        {
            Fault($"\"{text}\" is not a duration such as {Quantity.DurationExamples}");
            return null;
        }

        if (duration == TimeSpan.Zero)
        {
            Fault("must be more than 0; leave the key out for no limit");
            return null;
        }

        return duration;
    }

    /// <summary>One of <paramref name="known"/>, compared ordinally.</summary>
    public string? OneOf(string what, params ReadOnlySpan<string> known)
    {
        if (Text() is not { } text || known.Contains(text))
        {
            return Raw is { Length: > 0 } one && known.Contains(one) ? one : null;
        }

        Fault($"\"{text}\" is not {what}; expected {string.Join(", ", known!)}");
        return null;
    }

    /// <summary>Whether it is a map with <paramref name="key"/> in it.</summary>
    public bool HasKey(string key) => node is YamlMappingNode map && map.Children.ContainsKey(new YamlScalarNode(key));

    public YamlMap? Map()
    {
        if (node is YamlMappingNode map)
        {
            return new YamlMap(this, map, faults);
        }

        Fault($"expected a map, found {(node is YamlScalarNode ? "text" : "a " + Kind)}");
        return null;
    }

    /// <summary>The items of a list; none after a fault.</summary>
    public ImmutableArray<YamlValue> Items(bool mayBeEmpty = false)
    {
        if (node is not YamlSequenceNode list)
        {
            Fault($"expected a list such as [a, b], found {(node is YamlScalarNode ? "text" : "a " + Kind)}");
            return [];
        }

        if (list.Children.Count == 0 && !mayBeEmpty)
        {
            Fault("is an empty list; leave the key out");
        }

        return [.. list.Children.Select((item, i) => new YamlValue(
            string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"), item, item.Start, faults))];
    }

    private string Name => path.Length == 0 ? FaultList.WholeDocument : path;

    private string Kind => node is YamlMappingNode ? "map" : "list";
}
