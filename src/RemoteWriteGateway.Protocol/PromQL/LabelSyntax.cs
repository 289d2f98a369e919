namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Which names need no quotes.</summary>
internal static class LabelSyntax
{
    /// <summary>Whether a name is <c>[a-zA-Z_][a-zA-Z0-9_]*</c>, so that a matcher has it bare.</summary>
    public static bool IsBare(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty || Lexer.IsDigit(name[0]))
        {
            return false;
        }

        foreach (byte next in name)
        {
            if (!Lexer.IsLetter(next) && !Lexer.IsDigit(next))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether a label list has a name bare: in some places <c>without</c>, <c>inf</c> and <c>nan</c> are no names.</summary>
    public static bool IsBareInList(ReadOnlySpan<byte> name) =>
        IsBare(name)
        && !System.Text.Ascii.EqualsIgnoreCase(name, "without"u8)
        && !System.Text.Ascii.EqualsIgnoreCase(name, "inf"u8)
        && !System.Text.Ascii.EqualsIgnoreCase(name, "nan"u8);
}
