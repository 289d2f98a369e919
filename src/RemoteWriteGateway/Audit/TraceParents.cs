namespace RemoteWriteGateway.Audit;

/// <summary>The <c>traceparent</c> header of W3C Trace Context, as far as it has that form.</summary>
internal static class TraceParents
{
    private const int Length = 55;

    /// <summary>The header's value, or null if there is none of the form <c>00-&lt;32 hex&gt;-&lt;16 hex&gt;-&lt;2 hex&gt;</c>.</summary>
    public static string? Of(HttpRequest request)
    {
        if (request.Headers.TraceParent is not [{ Length: Length } value])
        {
            return null;
        }

        for (int i = 0; i < Length; i++)
        {
            if (i is 2 or 35 or 52 ? value[i] != '-' : !char.IsAsciiHexDigitLower(value[i]))
            {
                return null;
            }
        }

        return value;
    }
}
