using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>What is wrong with one member of an operator's input.</summary>
/// <param name="Key">The member.</param>
/// <param name="Message">What is expected, and the limit; never what was given.</param>
internal sealed record InputFault(string Key, string Message);

/// <summary>Reads a revocation as an operator gives it, and the reason of a lift. All faults are told at once.</summary>
internal static class RevocationInput
{
    /// <summary>The longest reason, in characters.</summary>
    public const int MaxReasonLength = 1000;

    /// <summary>The longest id of a token or a key, in characters.</summary>
    public const int MaxValueLength = 256;

    private const string GuidExample = "11111111-2222-4333-8444-555555555555";

    /// <param name="kind"><c>subject</c>, <c>client</c>, <c>token</c> or <c>key</c>.</param>
    /// <param name="value">What it names: a GUID for subjects and clients.</param>
    /// <param name="issuedBefore">Any time, or null.</param>
    /// <param name="until">Later than <paramref name="now"/>, or null.</param>
    /// <param name="reason">Why, for operators.</param>
    /// <param name="now">When it is made.</param>
    /// <param name="revocation">What was read, if nothing is wrong.</param>
    /// <param name="faults">What is wrong, else.</param>
    public static bool TryRead(
        string? kind,
        string? value,
        DateTimeOffset? issuedBefore,
        DateTimeOffset? until,
        string? reason,
        DateTimeOffset now,
        [NotNullWhen(true)] out Revocation? revocation,
        out ImmutableArray<InputFault> faults)
    {
        List<InputFault> found = [];
        RevocationKind? namedBy = KindOf(kind, found);
        string? name = ValueOf(namedBy, value, found);
        if (until <= now)
        {
            found.Add(new InputFault("until", "is in the past: the revocation would refuse nobody"));
        }

        string? why = ReasonOf(reason, found);
        faults = [.. found];
        revocation = faults.IsEmpty && namedBy is { } one && name is not null && why is not null
            ? new Revocation(one, name, issuedBefore?.ToUniversalTime(), until?.ToUniversalTime(), why)
            : null;
        return revocation is not null;
    }

    /// <summary>Reads the reason of a revocation or of its lift, or adds to <paramref name="faults"/>.</summary>
    public static string? ReasonOf(string? reason, ICollection<InputFault> faults)
    {
        string text = reason?.Trim() ?? "";
        if (text.Length == 0)
        {
            faults.Add(new InputFault("reason", "is missing; say why, for whoever reads the audit"));
        }
        else if (text.Length > MaxReasonLength)
        {
            faults.Add(new InputFault("reason", $"has {text.Length} characters, limit {MaxReasonLength}"));
        }
        else if (text.Any(char.IsControl))
        {
            faults.Add(new InputFault("reason", "has control characters; write one line"));
        }
        else
        {
            return text;
        }

        return null;
    }

    private static RevocationKind? KindOf(string? kind, List<InputFault> faults)
    {
        if (kind is not null && RevocationsReader.Names.Contains(kind))
        {
            return RevocationsReader.KindOf(kind);
        }

        faults.Add(new InputFault("kind", $"{(kind is null ? "is missing; " : "")}expected {string.Join(", ", RevocationsReader.Names)}"));
        return null;
    }

    private static string? ValueOf(RevocationKind? kind, string? value, List<InputFault> faults)
    {
        switch (kind)
        {
            case null:
                return null;
            case RevocationKind.Subject or RevocationKind.Client:
                if (Guid.TryParseExact(value, "D", out Guid id) && id != Guid.Empty)
                {
                    return id.ToString("D");
                }

                faults.Add(new InputFault("value", $"expected the {(kind is RevocationKind.Subject ? "object id" : "client id")}, a GUID such as {GuidExample}"));
                return null;
            default:
                if (value is { Length: > 0 and <= MaxValueLength } && value.All(one => char.IsAscii(one) && !char.IsControl(one) && one != ' '))
                {
                    return value;
                }

                string claim = kind is RevocationKind.Token ? "uti" : "kid";
                faults.Add(new InputFault("value", $"expected the token's {claim}: 1 to {MaxValueLength} printable ASCII characters without spaces"));
                return null;
        }
    }
}
