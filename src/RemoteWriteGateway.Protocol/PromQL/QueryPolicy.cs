using System.Buffers;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>What a valid text may not use: functions, labels, and other tenants where they are refused.</summary>
internal static class QueryPolicy
{
    private static readonly int Info = PromQLFunctions.IndexOf("info"u8, legacy: false);

    /// <summary>What makes a regular expression more than alternatives of plain text.</summary>
    private static readonly SearchValues<byte> NotPlain = SearchValues.Create("\\.+*?()[]{}^$"u8);

    /// <summary>Sets the error of <paramref name="query"/> if it breaks a rule. Returns whether it breaks none.</summary>
    public static bool Check(ReadOnlySpan<byte> text, ParsedQuery query, TenantMatcher? matcher, EnforceOptions options)
    {
        if (!query.Functions.Intersect(options.ForbiddenFunctions).IsEmpty)
        {
            return RefuseFunction(text, query, options.ForbiddenFunctions);
        }

        if (options.InfoFunction != InfoFunction.Allow && query.Functions.Contains(Info)
            && (options.InfoFunction == InfoFunction.Refuse || query.HasBareInfo))
        {
            return RefuseInfo(text, query, options.InfoFunction);
        }

        foreach (SelectorMark selector in query.Selectors)
        {
            for (int i = selector.LeftBrace + 1; i < selector.RightBrace; i++)
            {
                if (query.Tokens[i].Role == TokenRole.MatcherLabel && !CheckMatcher(text, query, i, matcher, options))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static bool RefuseFunction(ReadOnlySpan<byte> text, ParsedQuery query, FunctionSet forbidden)
    {
        foreach (ref readonly Token token in query.Tokens)
        {
            if (token.Role is TokenRole.Function or TokenRole.Aggregation && forbidden.Contains(token.Function))
            {
                return Refuse(query, PromQLFault.FunctionForbidden, text, token.Start,
                    $"{PromQLFunctions.All[token.Function].Name}() is forbidden here (forbiddenFunctions); write the expression without it");
            }
        }

        throw new InvalidOperationException("A forbidden function is used, and no token is one.");
    }

    private static bool RefuseInfo(ReadOnlySpan<byte> text, ParsedQuery query, InfoFunction rule)
    {
        int position = 0;
        foreach (ref readonly Token token in query.Tokens)
        {
            if (token.Role == TokenRole.Function && token.Function == Info)
            {
                position = token.Start;
                break;
            }
        }

        return Refuse(query, PromQLFault.InfoNotAllowed, text, position, rule == InfoFunction.Refuse
            ? "info() reads series that no selector names, so it cannot be kept to a tenant; "
                + "write x * on (job, instance) group_left (label) target_info"
            : "info() with one argument reads series that no selector names; give it a second argument with the wanted labels in braces");
    }

    private static bool CheckMatcher(ReadOnlySpan<byte> text, ParsedQuery query, int index, TenantMatcher? matcher, EnforceOptions options)
    {
        ref readonly Token label = ref query.Tokens[index];
        ReadOnlySpan<byte> name = label.Of(text);
        name = label.Kind == TokenKind.String ? StringValue.Decode(name, query.Scratch(name.Length)) : name;
        foreach (byte[] forbidden in options.Utf8ForbiddenLabels)
        {
            if (name.SequenceEqual(forbidden))
            {
                return Refuse(query, PromQLFault.LabelForbidden, text, label.Start,
                    $"no matcher may name label {ErrorText.Quote(name)}, as stores give it a meaning of their own; remove the matcher");
            }
        }

        if (options.OtherTenants == OtherTenants.Empty || matcher is null || !name.SequenceEqual(matcher.Utf8Label))
        {
            return true;
        }

        ref readonly Token value = ref query.Tokens[index + 2];
        TokenKind kind = query.Tokens[index + 1].Kind;
        ReadOnlySpan<byte> decoded = StringValue.Decode(value.Of(text), query.Scratch(value.Length));
        return !NamesOthersOnly(kind, decoded, matcher)
            || Refuse(query, PromQLFault.SelectorNamesOtherTenant, text, label.Start,
                $"the matcher names no tenant that you may read; remove it, as every selector is kept to your tenants by itself");
    }

    /// <summary>Whether a matcher on the tenant label leaves no tenant of ours, where its text alone says so.</summary>
    private static bool NamesOthersOnly(TokenKind kind, ReadOnlySpan<byte> value, TenantMatcher matcher)
    {
        if (kind == TokenKind.Equal)
        {
            return !matcher.Contains(value);
        }

        // Only plain alternatives are judged: in any other expression a dot or a class could mean one of ours.
        if (kind != TokenKind.MatchRegex || value.ContainsAny(NotPlain))
        {
            return false;
        }

        foreach (Range one in value.Split((byte)'|'))
        {
            if (matcher.Contains(value[one]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool Refuse(ParsedQuery query, PromQLFault fault, ReadOnlySpan<byte> text, int position, string message)
    {
        query.Refuse(PromQLError.At(fault, text, position, message));
        return false;
    }
}
