using System.Collections.Immutable;
using System.Globalization;
using Microsoft.AspNetCore.WebUtilities;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Admin;

/// <summary>
/// The query of a request: each parameter is one that the route takes, and occurs once. Names are compared as they are written. Values
/// are never sent back.
/// </summary>
internal sealed class AdminQuery
{
    /// <summary>Longest value, in characters.</summary>
    private const int MaxValueLength = 2048;

    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly ImmutableArray<RefusalError>.Builder _errors = ImmutableArray.CreateBuilder<RefusalError>();

    /// <summary>Everything that was wrong, or null. Readers of values add to it.</summary>
    public Refusal? Refusal => _errors.Count == 0 ? null : AdminProblems.BadRequest(_errors.ToImmutable());

    /// <summary>What is given, sorted by name, without the parameters of paging: what a cursor belongs to.</summary>
    public IEnumerable<KeyValuePair<string, string>> Filters => _values
        .Where(one => one.Key is not (Paging.LimitName or Paging.CursorName))
        .OrderBy(one => one.Key, StringComparer.Ordinal);

    /// <param name="query">As it stands in the request, with its question mark.</param>
    /// <param name="known">The parameters that the route takes.</param>
    public static AdminQuery Read(QueryString query, ImmutableArray<QueryParameter> known)
    {
        AdminQuery read = new();
        bool isUnknownTold = false;
        foreach (QueryStringEnumerable.EncodedNameValuePair pair in new QueryStringEnumerable(query.Value))
        {
            string name = pair.DecodeName().ToString();
            QueryParameter? parameter = known.FirstOrDefault(one => one.Name == name);
            if (parameter is null)
            {
                if (!isUnknownTold)
                {
                    isUnknownTold = true;
                    read.Fault("query", known.IsEmpty
                        ? "there is an unknown parameter; this route takes none"
                        : $"there is an unknown parameter; this route takes {string.Join(", ", known.Select(one => one.Name))}");
                }

                continue;
            }

            read.Take(parameter, pair.DecodeValue().ToString());
        }

        foreach (QueryParameter parameter in known.Where(one => one.IsRequired && !read._values.ContainsKey(one.Name)))
        {
            read.Fault(parameter.Name, "is required");
        }

        return read;
    }

    /// <summary>The value, or null if it is not given.</summary>
    public string? Text(string name) => _values.GetValueOrDefault(name);

    public Guid? Id(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (Guid.TryParseExact(text, "D", out Guid id))
        {
            return id;
        }

        Fault(name, "is not an id such as 0199a1b2-0000-7000-8000-000000000000");
        return null;
    }

    public DateTimeOffset? Time(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (Instant.TryParse(text, out DateTimeOffset time))
        {
            return time;
        }

        Fault(name, $"is not {Instant.Example} (a + must be written %2B)");
        return null;
    }

    /// <summary>A length of time, such as <c>30d</c>.</summary>
    public TimeSpan? Duration(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (Quantity.TryParseDuration(text, out TimeSpan duration))
        {
            return duration;
        }

        Fault(name, $"is not a duration such as {Quantity.DurationExamples}");
        return null;
    }

    public int? Number(string name, int min, int max)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= min && number <= max)
        {
            return number;
        }

        Fault(name, string.Create(CultureInfo.InvariantCulture, $"is not a whole number from {min} to {max}"));
        return null;
    }

    public void Fault(string name, string message) => _errors.Add(new RefusalError(name, message));

    private void Take(QueryParameter parameter, string value)
    {
        if (!_values.TryAdd(parameter.Name, value))
        {
            Fault(parameter.Name, "is given more than once");
        }
        else if (value.Length == 0)
        {
            Fault(parameter.Name, "is empty; leave it out");
        }
        else if (value.Length > MaxValueLength)
        {
            Fault(parameter.Name, string.Create(CultureInfo.InvariantCulture, $"has {value.Length} characters, limit {MaxValueLength}"));
        }
        else if (value.Any(char.IsControl))
        {
            Fault(parameter.Name, "has a control character");
        }
        else if (!parameter.Values.IsEmpty && !parameter.Values.Contains(value))
        {
            Fault(parameter.Name, $"is none of {string.Join(", ", parameter.Values)}");
        }
    }
}
