namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>What a regular expression is found to be.</summary>
/// <param name="Fault">What is wrong with it; empty if it is valid.</param>
/// <param name="MatchesEmpty">Whether the anchored expression matches the empty text.</param>
/// <param name="IsTooDeep">Whether the fault is its depth.</param>
public readonly record struct RegexVerdict(string Fault, bool MatchesEmpty, bool IsTooDeep = false)
{
    public bool IsValid => Fault.Length == 0;
}

/// <summary>
/// Checks the syntax of RE2, as Go reads it and stores use it in matchers. Nothing is compiled or run: the store does that, and the
/// engine of .NET has another syntax and backtracks.
/// </summary>
/// <remarks>
/// Names in <c>\p{…}</c> and the size of the compiled expression are left to the store. Groups may nest 200 deep; Go allows 1000.
/// </remarks>
public static class RegexSyntax
{
    /// <summary>Most groups that may be open at once.</summary>
    public const int MaxDepth = 200;

    /// <summary>Most repetitions of one thing, by one count or by counts within counts.</summary>
    public const int MaxRepeats = 1000;

    /// <summary>Checks a regular expression.</summary>
    /// <param name="pattern">Valid UTF-8, without the anchors that a store adds.</param>
    public static RegexVerdict Check(ReadOnlySpan<byte> pattern)
    {
        // Most patterns are letters, digits, "|", "-" and the like, of which none can be wrong.
        if (!pattern.IsEmpty && !pattern.ContainsAny(RegexReader.SpecialBytes))
        {
            return new RegexVerdict("", MatchesEmpty: false);
        }

        RegexReader reader = new(pattern, stackalloc RegexGroup[MaxDepth + 1]);
        return reader.Read();
    }
}

/// <summary>An open group of a regular expression, or the whole.</summary>
/// <remarks>Each part matches the empty text or not; a sequence does if all its parts do, alternatives if one does.</remarks>
internal struct RegexGroup
{
    /// <summary>Whether one of the alternatives that have ended matches the empty text.</summary>
    public bool AnyAlternative;

    /// <summary>Whether all parts of this alternative but the last match the empty text.</summary>
    public bool Sequence;

    /// <summary>Whether there is a part that a repetition could apply to.</summary>
    public bool HasLast;

    /// <summary>Whether the last part matches the empty text.</summary>
    public bool Last;

    /// <summary>How often counts repeat the last part's innermost thing.</summary>
    public int LastRepeats;

    /// <summary>The same, the largest of the parts before.</summary>
    public int Repeats;

    public static RegexGroup New => new() { Sequence = true };

    /// <summary>Whether this alternative, up to here, matches the empty text.</summary>
    public readonly bool Alternative => Sequence && (!HasLast || Last);

    public void Add(bool matchesEmpty, int repeats)
    {
        EndPart();
        HasLast = true;
        Last = matchesEmpty;
        LastRepeats = repeats;
    }

    public void EndAlternative()
    {
        AnyAlternative |= Alternative;
        EndPart();
        Sequence = true;
        HasLast = false;
    }

    private void EndPart()
    {
        Sequence = Alternative;
        Repeats = HasLast ? Math.Max(Repeats, LastRepeats) : Repeats;
    }
}
