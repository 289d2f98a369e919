using System.Data.Common;

namespace RemoteWriteGateway.Catalog;

/// <summary>Finds the keyword of a connection string that its driver does not take, and tells it without its value.</summary>
internal static class ConnectionStringKeywords
{
    /// <returns>What is wrong, or null.</returns>
    public static string? Fault(string connectionString, Func<DbConnectionStringBuilder> driver)
    {
        DbConnectionStringBuilder parts = [];
        try
        {
            parts.ConnectionString = connectionString;
        }
        catch (ArgumentException)
        {
            return "is no connection string: it is Keyword=value, separated by semicolons; values with semicolons or quotes stand in double quotes";
        }

        foreach (string keyword in parts.Keys)
        {
            DbConnectionStringBuilder alone = driver();
            try
            {
                alone[keyword] = parts[keyword];
            }
            catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException or OverflowException or NotSupportedException)
            {
                return Knows(driver, keyword) ? $"the value of \"{keyword}\" is none that it can have" : $"there is no keyword \"{keyword}\"";
            }
        }

        return null;
    }

    // Asking a driver for the value of a keyword that it does not know fails, or finds nothing.
    private static bool Knows(Func<DbConnectionStringBuilder> driver, string keyword)
    {
        try
        {
            return driver().TryGetValue(keyword, out _);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
