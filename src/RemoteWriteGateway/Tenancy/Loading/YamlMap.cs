using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>A map of a document.</summary>
internal sealed class YamlMap
{
    private readonly YamlValue _self;
    private readonly FaultList _faults;
    private readonly OrderedDictionary<string, YamlValue> _values = new(StringComparer.Ordinal);

    public YamlMap(YamlValue self, YamlMappingNode node, FaultList faults)
    {
        _self = self;
        _faults = faults;
        foreach ((YamlNode key, YamlNode value) in node.Children)
        {
            string name = ((YamlScalarNode)key).Value ?? "";
            _values.Add(name, new YamlValue(PathOf(name), value, key.Start, faults));
        }
    }

    public string Path => _self.Path;

    /// <summary>Keys and values in the order of the document.</summary>
    public IEnumerable<KeyValuePair<string, YamlValue>> Entries => _values;

    public bool Has(string key) => _values.ContainsKey(key);

    public YamlValue? Find(string key) => _values.GetValueOrDefault(key);

    /// <summary>The value of a key that must be there.</summary>
    public YamlValue? Require(string key)
    {
        YamlValue? found = Find(key);
        if (found is null)
        {
            _faults.Add(_self.KeyStart, PathOf(key), "is missing");
        }

        return found;
    }

    /// <summary>Reports every other key.</summary>
    public void Expect(params ReadOnlySpan<string> keys)
    {
        foreach ((string key, YamlValue value) in _values)
        {
            if (!keys.Contains(key))
            {
                value.FaultAtKey(keys.IsEmpty ? "unknown key; none is expected" : $"unknown key; expected {string.Join(", ", keys!)}");
            }
        }
    }

    public void Fault(string message) => _self.Fault(message);

    /// <summary>Reports what is wrong with <paramref name="key"/>: where it stands, or at the map if it is absent.</summary>
    public void FaultAt(string key, string message)
    {
        if (Find(key) is { } value)
        {
            value.Fault(message);
        }
        else
        {
            Mark start = _self.KeyStart;
            _faults.Add(start, PathOf(key), message);
        }
    }

    private string PathOf(string key) => Path.Length == 0 ? key : $"{Path}.{key}";
}
