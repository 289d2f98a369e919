using System.Collections.Immutable;
using YamlDotNet.Core;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>Collects what is wrong in one document, so that all of it is told at once.</summary>
internal sealed class FaultList
{
    /// <summary>The key of faults that concern the document as a whole.</summary>
    public const string WholeDocument = "document";

    private readonly List<PolicyFault> _faults = [];
    private readonly HashSet<PolicyFault> _told = [];
    private readonly HashSet<(long Line, long Column, string Key)> _settled = [];

    public bool IsEmpty => _faults.Count == 0;

    /// <summary>By line and column.</summary>
    public ImmutableArray<PolicyFault> Ordered => [.. _faults.OrderBy(fault => fault.Line).ThenBy(fault => fault.Column)];

    public void Add(Mark at, string key, string message) => Add(at.Line, at.Column, key, message);

    /// <summary>Adds a fault, once: a default that every tenant takes over is one fault.</summary>
    public void Add(long line, long column, string key, string message)
    {
        PolicyFault fault = new(line, column, Printable(key), Printable(message));
        if (!_settled.Contains((line, column, key)) && _told.Add(fault))
        {
            _faults.Add(fault);
        }
    }

    /// <summary>Adds the last fault of its place: the value is left out, and what follows from that is no news.</summary>
    public void Settle(Mark at, string key, string message)
    {
        Add(at, key, message);
        _settled.Add((at.Line, at.Column, key));
    }

    /// <summary>Escapes in a document can make any character, and faults go to terminals and logs.</summary>
    private static string Printable(string text) =>
        text.Any(char.IsControl) ? string.Concat(text.Select(one => char.IsControl(one) ? '\uFFFD' : one)) : text;
}
