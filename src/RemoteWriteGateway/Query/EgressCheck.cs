using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;

namespace RemoteWriteGateway.Query;

/// <summary>What a look at a store's answer has found.</summary>
internal enum EgressVerdict
{
    Good,

    /// <summary>A set of labels without the tenant label, with it twice, or with another tenant.</summary>
    Violation,

    /// <summary>Not an answer of this API.</summary>
    Invalid,
}

/// <summary>Where the labels are in an answer.</summary>
internal enum EgressShape
{
    /// <summary><c>data</c> is a list of label sets: <c>/series</c>.</summary>
    Series,

    /// <summary><c>data</c> is a list of objects with <c>seriesLabels</c>: exemplars.</summary>
    Exemplars,

    /// <summary><c>data</c> is a list of values of the tenant label.</summary>
    TenantValues,

    /// <summary><c>data</c> is a list of anything: only the form is looked at, and the items counted.</summary>
    Any,
}

/// <summary>
/// Looks at an answer before its first byte leaves: every set of labels carries the tenant label exactly once, with one of the read's
/// tenants. A tripwire behind the fence, which is that every selector was enforced. No objects are made of what is read.
/// </summary>
internal sealed class EgressCheck(string label, ImmutableArray<string> ids)
{
    private readonly byte[] _label = Encoding.UTF8.GetBytes(label);
    private readonly ImmutableArray<byte[]> _ids = [.. ids.Select(Encoding.UTF8.GetBytes)];

    /// <summary>Looks at a whole answer.</summary>
    /// <param name="answer">JSON.</param>
    /// <param name="shape">Where the labels are.</param>
    /// <param name="items">How many items <c>data</c> has.</param>
    public EgressVerdict Look(in ReadOnlySequence<byte> answer, EgressShape shape, out long items)
    {
        items = 0;
        try
        {
            Utf8JsonReader json = new(answer, new JsonReaderOptions { MaxDepth = 32 });
            return Look(ref json, shape, ref items);
        }
        catch (JsonException)
        {
            // Not JSON, cut, or followed by more bytes.
            return EgressVerdict.Invalid;
        }
    }

    private EgressVerdict Look(ref Utf8JsonReader json, EgressShape shape, ref long items)
    {
        bool hasStatus = false;
        bool hasData = false;
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
        {
            return EgressVerdict.Invalid;
        }

        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("status"u8))
            {
                if (hasStatus || !json.Read() || json.TokenType != JsonTokenType.String || !json.ValueTextEquals("success"u8))
                {
                    return EgressVerdict.Invalid;
                }

                hasStatus = true;
            }
            else if (json.ValueTextEquals("data"u8))
            {
                EgressVerdict verdict = hasData ? EgressVerdict.Invalid : LookAtData(ref json, shape, ref items);
                if (verdict != EgressVerdict.Good)
                {
                    return verdict;
                }

                hasData = true;
            }
            else
            {
                json.Skip();
            }
        }

        // The end of the object, and nothing behind it: reading on throws if there is.
        bool isWhole = json.TokenType == JsonTokenType.EndObject && !json.Read();
        return isWhole && hasStatus && hasData ? EgressVerdict.Good : EgressVerdict.Invalid;
    }

    private EgressVerdict LookAtData(ref Utf8JsonReader json, EgressShape shape, ref long items)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.Null)
        {
            return EgressVerdict.Good;
        }

        if (json.TokenType != JsonTokenType.StartArray)
        {
            return EgressVerdict.Invalid;
        }

        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            items++;
            EgressVerdict verdict = shape switch
            {
                EgressShape.Series => LookAtLabels(ref json),
                EgressShape.Exemplars => LookAtExemplars(ref json),
                EgressShape.TenantValues => json.TokenType != JsonTokenType.String ? EgressVerdict.Invalid
                    : IsOurs(ref json) ? EgressVerdict.Good : EgressVerdict.Violation,
                _ => Pass(ref json),
            };
            if (verdict != EgressVerdict.Good)
            {
                return verdict;
            }
        }

        return EgressVerdict.Good;
    }

    private EgressVerdict LookAtExemplars(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject)
        {
            return EgressVerdict.Invalid;
        }

        int found = 0;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (!json.ValueTextEquals("seriesLabels"u8))
            {
                json.Skip();
                continue;
            }

            json.Read();
            EgressVerdict verdict = LookAtLabels(ref json);
            if (verdict != EgressVerdict.Good)
            {
                return verdict;
            }

            found++;
        }

        return found == 1 ? EgressVerdict.Good : found == 0 ? EgressVerdict.Violation : EgressVerdict.Invalid;
    }

    private EgressVerdict LookAtLabels(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject)
        {
            return EgressVerdict.Invalid;
        }

        int found = 0;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            bool isTenant = json.ValueTextEquals(_label);
            json.Read();
            if (json.TokenType != JsonTokenType.String)
            {
                return EgressVerdict.Invalid;
            }

            if (isTenant && (++found > 1 || !IsOurs(ref json)))
            {
                return EgressVerdict.Violation;
            }
        }

        return found == 1 ? EgressVerdict.Good : EgressVerdict.Violation;
    }

    private bool IsOurs(ref Utf8JsonReader json)
    {
        foreach (byte[] id in _ids)
        {
            if (json.ValueTextEquals(id))
            {
                return true;
            }
        }

        return false;
    }

    private static EgressVerdict Pass(ref Utf8JsonReader json)
    {
        json.Skip();
        return EgressVerdict.Good;
    }
}
