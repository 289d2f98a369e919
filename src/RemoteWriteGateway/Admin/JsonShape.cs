using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Admin;

/// <summary>
/// Compares a JSON text with the type that it is to be read as, and tells everything that does not fit, by key, line and column: unknown,
/// repeated and missing members, and values of another type. Nothing of the text is told but members that the type has.
/// </summary>
internal ref struct JsonShape
{
    /// <summary>The key of faults of the body as a whole.</summary>
    public const string WholeBody = "body";

    private readonly ReadOnlySpan<byte> _json;
    private readonly JsonSerializerOptions _options;
    private readonly FaultList _faults;
    private readonly Dictionary<string, (long Line, long Column)> _places;
    private Utf8JsonReader _reader;
    private int _placedAt;
    private long _line = 1;
    private int _lineStart;
    private bool _isTooDeep;

    private JsonShape(ReadOnlySpan<byte> json, JsonSerializerOptions options, FaultList faults, Dictionary<string, (long Line, long Column)> places)
    {
        _json = json;
        _options = options;
        _faults = faults;
        _places = places;
        _reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = int.MaxValue });
    }

    /// <summary>Compares them.</summary>
    /// <param name="json">UTF-8.</param>
    /// <param name="type">What it is to be read as.</param>
    /// <param name="options">Those of the reading.</param>
    /// <param name="faults">Receives what does not fit.</param>
    /// <param name="places">Receives where each member of the type stands, by its key.</param>
    public static void Check(
        ReadOnlySpan<byte> json, Type type, JsonSerializerOptions options, FaultList faults, Dictionary<string, (long Line, long Column)> places)
    {
        JsonShape shape = new(json, options, faults, places);
        try
        {
            shape.Read();
            shape.Value(options.GetTypeInfo(type), isNullable: false, "");
            shape.Read();
        }
        catch (JsonException fault)
        {
            if (shape._isTooDeep)
            {
                shape.Fault("", $"is nested more than {AdminJson.MaxDepth} deep");
                return;
            }

            // The parser counts from 0, and its text quotes what it found.
            long line = fault.LineNumber ?? 0;
            faults.Add(line + 1, shape.ColumnOf(line, fault.BytePositionInLine ?? 0), WholeBody, "is not JSON from here on");
        }
    }

    private void Value(JsonTypeInfo type, bool isNullable, string key)
    {
        Place(key);
        bool isAny = (Nullable.GetUnderlyingType(type.Type) ?? type.Type) == typeof(JsonElement);
        if (_reader.TokenType is JsonTokenType.Null && !isNullable && !isAny)
        {
            Fault(key, "must not be null");
            return;
        }

        if (_reader.TokenType is JsonTokenType.Null || isAny)
        {
            Skip();
            return;
        }

        switch (type.Kind)
        {
            case JsonTypeInfoKind.Object when _reader.TokenType is JsonTokenType.StartObject:
                Members(type, key);
                break;
            case JsonTypeInfoKind.Enumerable when _reader.TokenType is JsonTokenType.StartArray:
                Items(_options.GetTypeInfo(type.ElementType!), key); // a list has a type of its elements
                break;
            case JsonTypeInfoKind.None when Fits(type.Type):
                break;
            default:
                Fault(key, $"must be {NameOf(type)}");
                Skip();
                break;
        }
    }

    private void Members(JsonTypeInfo type, string key)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        (long Line, long Column) start = Here();
        while (Read() && _reader.TokenType is JsonTokenType.PropertyName)
        {
            JsonPropertyInfo? member = null;
            foreach (JsonPropertyInfo one in type.Properties)
            {
                if (_reader.ValueTextEquals(one.Name))
                {
                    member = one;
                }
            }

            if (member is null)
            {
                Fault(key, $"has an unknown member; expected {string.Join(", ", type.Properties.Select(one => one.Name))}");
                Read();
                Skip();
                continue;
            }

            string path = key.Length == 0 ? member.Name : $"{key}.{member.Name}";
            if (!seen.Add(member.Name))
            {
                Fault(path, "is given twice");
            }

            Read();
            Value(_options.GetTypeInfo(member.PropertyType), member.IsSetNullable, path);
        }

        foreach (JsonPropertyInfo member in type.Properties.Where(one => one.IsRequired && !seen.Contains(one.Name)))
        {
            _faults.Add(start.Line, start.Column, key.Length == 0 ? member.Name : $"{key}.{member.Name}", "is required");
        }
    }

    private void Items(JsonTypeInfo type, string key)
    {
        for (int i = 0; Read() && _reader.TokenType is not JsonTokenType.EndArray; i++)
        {
            Value(type, isNullable: false, $"{key}[{i}]");
        }
    }

    /// <summary>The next token. The parser's own limit of depth would not tell itself from other faults.</summary>
    private bool Read()
    {
        bool isRead = _reader.Read();
        if (_reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && _reader.CurrentDepth >= AdminJson.MaxDepth)
        {
            _isTooDeep = true;
            throw new JsonException();
        }

        return isRead;
    }

    private void Skip()
    {
        int depth = _reader.CurrentDepth;
        if (_reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
        {
            do
            {
                Read();
            }
            while (_reader.CurrentDepth > depth);
        }
    }

    private readonly bool Fits(Type declared)
    {
        Type type = Nullable.GetUnderlyingType(declared) ?? declared;
        return type == typeof(bool) ? _reader.TokenType is JsonTokenType.True or JsonTokenType.False
            : type == typeof(int) ? _reader.TokenType is JsonTokenType.Number && _reader.TryGetInt32(out _)
            : type == typeof(string) ? TextOf() is not null
            : type == typeof(Guid) ? TextOf() is { } id && Guid.TryParseExact(id, "D", out _)
            : type == typeof(DateTimeOffset) ? TextOf() is { } time && Instant.TryParse(time, out _)
            : throw new InvalidOperationException($"Bodies have no members of type {type}: a bug of ours.");
    }

    /// <summary>The text, or null if it is none, or has half of a surrogate pair.</summary>
    private readonly string? TextOf()
    {
        try
        {
            return _reader.TokenType is JsonTokenType.String ? _reader.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string NameOf(JsonTypeInfo info)
    {
        Type type = Nullable.GetUnderlyingType(info.Type) ?? info.Type;
        return info.Kind is JsonTypeInfoKind.Object ? "an object"
            : info.Kind is JsonTypeInfoKind.Enumerable ? "a list"
            : type == typeof(bool) ? "true or false"
            : type == typeof(int) ? "a whole number"
            : type == typeof(Guid) ? "an id such as 0199a1b2-0000-7000-8000-000000000000"
            : type == typeof(DateTimeOffset) ? Instant.Example
            : "a text";
    }

    private void Fault(string key, string message)
    {
        (long line, long column) = Here();
        _faults.Add(line, column, key.Length == 0 ? WholeBody : key, message);
    }

    private void Place(string key) => _places[key.Length == 0 ? WholeBody : key] = Here();

    /// <summary>Where the token begins. Tokens are asked for in their order, so lines are counted once.</summary>
    private (long Line, long Column) Here()
    {
        int at = (int)_reader.TokenStartIndex;
        for (; _placedAt < at; _placedAt++)
        {
            if (_json[_placedAt] == (byte)'\n')
            {
                _line++;
                _lineStart = _placedAt + 1;
            }
        }

        return (_line, Encoding.UTF8.GetCharCount(_json[_lineStart..at]) + 1);
    }

    private readonly long ColumnOf(long line, long byteInLine)
    {
        ReadOnlySpan<byte> rest = _json;
        for (; line > 0 && rest.IndexOf((byte)'\n') is >= 0 and var end; line--)
        {
            rest = rest[(end + 1)..];
        }

        return Encoding.UTF8.GetCharCount(rest[..(int)Math.Min(byteInLine, rest.Length)]) + 1;
    }
}
