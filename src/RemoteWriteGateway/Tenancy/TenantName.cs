namespace RemoteWriteGateway.Tenancy;

/// <summary>What a tenant's name may look like: <c>[A-Za-z0-9][A-Za-z0-9_.-]{0,127}</c>.</summary>
internal static class TenantName
{
    /// <summary>The longest name, in characters.</summary>
    public const int MaxLength = 128;

    /// <summary>Whether a tenant could have this name. Never longer than <see cref="MaxLength"/>, and the same bytes in every URL and header.</summary>
    public static bool IsValid(ReadOnlySpan<char> name)
    {
        if (name.IsEmpty || name.Length > MaxLength || !char.IsAsciiLetterOrDigit(name[0]))
        {
            return false;
        }

        foreach (char one in name)
        {
            if (!char.IsAsciiLetterOrDigit(one) && one is not ('_' or '.' or '-'))
            {
                return false;
            }
        }

        return true;
    }
}
