using System.Text;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Query;

/// <summary>
/// The parameters of one read, decoded, those of URL and body united. Names that the route does not know are dropped and counted. Getters
/// set <see cref="Fault"/> on the first value that is wrong and go on, so that it is looked at once, behind them.
/// </summary>
internal sealed class ReadParameters
{
    private const int MaxPairs = 1000;

    private readonly List<(int Parameter, int Start, int Length)> _values = [];
    private byte[] _decoded = new byte[1024];
    private int _length;
    private int _pairs;
    private ReadRoute _route = ReadRoute.Of(ReadApi.Query);

    /// <summary>The first fault, or null.</summary>
    public Refusal? Fault { get; private set; }

    /// <summary>How many names the route does not know.</summary>
    public int Dropped { get; private set; }

    /// <summary>Forgets the request before.</summary>
    public void Reset(ReadRoute route)
    {
        _route = route;
        _values.Clear();
        _length = 0;
        _pairs = 0;
        Fault = null;
        Dropped = 0;
        if (_decoded.Length > 256 << 10)
        {
            _decoded = new byte[1024];
        }
    }

    /// <summary>Reads a query string or a form.</summary>
    public void Add(ReadOnlySpan<byte> text)
    {
        Reserve(text.Length);
        RawPairs pairs = new(text);
        while (Fault is null && pairs.TryNext(out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value))
        {
            if (++_pairs > MaxPairs)
            {
                Refuse(ReadRefusals.Bad("parameter-encoding", $"the request has more than {MaxPairs} parameters"));
                return;
            }

            AddPair(name, value);
        }
    }

    /// <summary>The value of a parameter that occurs once; empty if it is absent.</summary>
    public ReadOnlyMemory<byte> One(string name)
    {
        int parameter = IndexOf(name);
        foreach ((int at, int start, int length) in _values)
        {
            if (at == parameter)
            {
                return _decoded.AsMemory(start, length);
            }
        }

        return default;
    }

    /// <summary>All values of a repeatable parameter, URL first, in their order.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> All(string name)
    {
        int parameter = IndexOf(name);
        return _values.Where(value => value.Parameter == parameter).Select(value => (ReadOnlyMemory<byte>)_decoded.AsMemory(value.Start, value.Length));
    }

    public int Count(string name)
    {
        int parameter = IndexOf(name);
        return _values.Count(value => value.Parameter == parameter);
    }

    /// <summary>A time in milliseconds since 1970; null if it is absent, or a fault.</summary>
    public long? Time(string name)
    {
        ReadOnlyMemory<byte> text = One(name);
        return text.IsEmpty ? null
            : ParameterValues.TryTime(text.Span, out long ms) ? ms
            : Invalid(name, "expected seconds since 1970 such as 1767225600.5, or a time such as 2026-01-01T00:00:00Z");
    }

    /// <summary>A duration in milliseconds, at least <paramref name="least"/>; null if it is absent, or a fault.</summary>
    public long? Duration(string name, long least = 1)
    {
        ReadOnlyMemory<byte> text = One(name);
        return text.IsEmpty ? null
            : ParameterValues.TryDuration(text.Span, out long ms) && ms >= least ? ms
            : Invalid(name, $"expected {least} ms or more, as seconds such as 0.5 or a duration such as 1m30s");
    }

    /// <summary>A whole number from 0 to 2³¹−1; null if it is absent, or a fault.</summary>
    public long? Number(string name)
    {
        ReadOnlyMemory<byte> text = One(name);
        return text.IsEmpty ? null
            : ParameterValues.TryNumber(text.Span, out int number) ? number
            : Invalid(name, "expected a whole number from 0 to 2147483647");
    }

    /// <summary>A truth value as Prometheus reads it; false if it is absent, or a fault.</summary>
    public bool Flag(string name)
    {
        string text = Encoding.UTF8.GetString(One(name).Span);
        switch (text.ToUpperInvariant())
        {
            case "1" or "T" or "TRUE":
                return true;
            case "" or "0" or "F" or "FALSE":
                return false;
            default:
                Invalid(name, "expected true or false");
                return false;
        }
    }

    public void Refuse(Refusal refusal) => Fault ??= refusal;

    private long? Invalid(string name, string fault)
    {
        Refuse(ReadRefusals.Invalid(name, fault));
        return null;
    }

    private void AddPair(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (!RawPairs.TryDecode(name, _decoded.AsSpan(_length), out int nameLength))
        {
            Refuse(ReadRefusals.Bad("parameter-encoding", "the name of a parameter has a bad escape, a raw semicolon, a NUL or bytes that are not UTF-8"));
            return;
        }

        int parameter = Find(_decoded.AsSpan(_length, nameLength));
        int start = _length;
        if (!RawPairs.TryDecode(value, _decoded.AsSpan(start), out int length))
        {
            string which = parameter < 0 ? "a parameter" : $"parameter \"{_route.Parameters[parameter].Name}\"";
            Refuse(ReadRefusals.Bad("parameter-encoding", $"the value of {which} has a bad escape, a raw semicolon, a NUL or bytes that are not UTF-8"));
            return;
        }

        if (parameter < 0)
        {
            Dropped++;
            return;
        }

        ReadParameter known = _route.Parameters[parameter];
        if (!known.IsRepeatable && _values.Exists(one => one.Parameter == parameter))
        {
            Refuse(ReadRefusals.Bad("parameter-repeated", $"parameter \"{known.Name}\" occurs more than once, in URL and body together; send it once"));
            return;
        }

        _length += length;
        _values.Add((parameter, start, length));
    }

    private int Find(ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < _route.Parameters.Length; i++)
        {
            if (Ascii.Equals(_route.Parameters[i].Name, name))
            {
                return i;
            }
        }

        return -1;
    }

    private int IndexOf(string name)
    {
        for (int i = 0; i < _route.Parameters.Length; i++)
        {
            if (_route.Parameters[i].Name == name)
            {
                return i;
            }
        }

        throw new ArgumentException($"Route {_route.Path} has no parameter {name}.", nameof(name));
    }

    private void Reserve(int bytes)
    {
        if (_decoded.Length < _length + bytes)
        {
            Array.Resize(ref _decoded, Math.Max(_decoded.Length * 2, _length + bytes));
        }
    }
}
