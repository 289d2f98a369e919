using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace RemoteWriteGateway.Catalog;

/// <summary>What section <c>Catalog</c> says when the provider is <see cref="CatalogProvider.Sqlite"/>.</summary>
internal static class SqliteSettings
{
    private const string Key = "Catalog:ConnectionString";

    public static IEnumerable<string> Faults(CatalogOptions options)
    {
        if (options.EntraAuthentication)
        {
            yield return "Catalog:EntraAuthentication: has no use with provider Sqlite; set Catalog:Provider to PostgreSql, or leave it out";
        }

        if (options.PasswordFile is not null)
        {
            yield return "Catalog:PasswordFile: has no use with provider Sqlite; set Catalog:Provider to PostgreSql, or leave it out";
        }

        if (ConnectionStringKeywords.Fault(options.ConnectionString, static () => new SqliteConnectionStringBuilder()) is { } fault)
        {
            yield return $"{Key}: {fault}";
            yield break;
        }

        SqliteConnectionStringBuilder builder = new(options.ConnectionString);
        if (builder.Password.Length > 0)
        {
            yield return $"{Key}: \"Password\": SQLite files are not encrypted here; leave it out and protect the file by its permissions";
        }

        if (builder.DataSource.Length == 0)
        {
            yield return $"{Key}: \"Data Source\" is missing: the path of the file, for example Data Source=data/catalog.db";
        }
        else if (builder.DataSource == ":memory:" || builder.Mode == SqliteOpenMode.Memory || builder.DataSource.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
        {
            yield return $"{Key}: \"Data Source\" must be the path of a file: what is kept only in memory is lost with the process";
        }

        if (builder.Mode is SqliteOpenMode.ReadOnly or SqliteOpenMode.ReadWrite)
        {
            yield return $"{Key}: \"Mode\": the file is made if absent and written to; leave it out";
        }

        if (builder.Cache == SqliteCacheMode.Shared)
        {
            yield return $"{Key}: \"Cache\": a shared cache makes readers wait for writers; leave it out";
        }
    }

    /// <summary>The file, as a full path.</summary>
    public static string FileOf(CatalogOptions options) => Path.GetFullPath(new SqliteConnectionStringBuilder(options.ConnectionString).DataSource);

    /// <summary>The connection string with the full path in it.</summary>
    public static string ConnectionStringOf(CatalogOptions options) =>
        new SqliteConnectionStringBuilder(options.ConnectionString) { DataSource = FileOf(options), Mode = SqliteOpenMode.ReadWriteCreate }.ToString();
}

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
