using System.Globalization;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Why a text is refused. <see cref="PromQLFaults.Id"/> gives the id used in answers, metrics and audit.</summary>
public enum PromQLFault
{
    None = 0,

    /// <summary>It is no PromQL, or not of the right types.</summary>
    Invalid,
    QueryTooLong,
    QueryTooDeep,
    TooManySelectors,

    // By policy.
    FunctionForbidden,
    InfoNotAllowed,
    LabelForbidden,
    SelectorNamesOtherTenant,

    // Of what we have written.
    RewrittenQueryTooLong,
    EnforcementMismatch,
}

/// <summary>The ids of <see cref="PromQLFault"/>.</summary>
public static class PromQLFaults
{
    /// <summary>The fault's id, for example <c>query-too-deep</c>.</summary>
    public static string Id(this PromQLFault fault, PromQLEntry entry) => fault switch
    {
        PromQLFault.None => "",
        PromQLFault.Invalid => entry == PromQLEntry.Query ? "query-invalid" : "selector-invalid",
        PromQLFault.QueryTooLong => "query-too-long",
        PromQLFault.QueryTooDeep => "query-too-deep",
        PromQLFault.TooManySelectors => "too-many-selectors",
        PromQLFault.FunctionForbidden => "function-forbidden",
        PromQLFault.InfoNotAllowed => "info-not-allowed",
        PromQLFault.LabelForbidden => "label-forbidden",
        PromQLFault.SelectorNamesOtherTenant => "selector-names-other-tenant",
        PromQLFault.RewrittenQueryTooLong => "rewritten-query-too-long",
        PromQLFault.EnforcementMismatch => "enforcement-mismatch",
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, "a fault without an id"),
    };
}

/// <summary>A refusal, with its place in the caller's text.</summary>
/// <param name="Fault">The reason; <see cref="PromQLFault.None"/> if there is none.</param>
/// <param name="Position">Bytes before the fault; −1 if it has no place.</param>
/// <param name="Line">From 1; 0 if it has no place.</param>
/// <param name="Column">Bytes from the line's beginning, from 1; 0 if it has no place.</param>
/// <param name="Text">What was found, what was expected, and what to do; at most 300 bytes.</param>
public readonly record struct PromQLError(PromQLFault Fault, int Position, int Line, int Column, string Text)
{
    /// <summary>As it stands in an answer: <c>1:6: parse error: …</c>.</summary>
    public override string ToString()
    {
        string kind = Fault == PromQLFault.Invalid ? "parse error: " : "";
        return Position < 0
            ? Fault == PromQLFault.Invalid ? $"unknown position: {kind}{Text}" : Text
            : string.Create(CultureInfo.InvariantCulture, $"{Line}:{Column}: {kind}{Text}");
    }

    internal static PromQLError At(PromQLFault fault, ReadOnlySpan<byte> text, int position, string message)
    {
        ReadOnlySpan<byte> before = text[..position];
        int line = 1 + before.Count((byte)'\n');
        return new PromQLError(fault, position, line, position - before.LastIndexOf((byte)'\n'), ErrorText.Cut(message));
    }

    internal static PromQLError WithoutPlace(PromQLFault fault, string message) => new(fault, -1, 0, 0, ErrorText.Cut(message));
}
