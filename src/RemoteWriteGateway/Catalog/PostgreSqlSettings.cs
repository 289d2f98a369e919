using System.Data.Common;
using System.Net;
using Npgsql;

namespace RemoteWriteGateway.Catalog;

/// <summary>What section <c>Catalog</c> says when the provider is <see cref="CatalogProvider.PostgreSql"/>.</summary>
internal static class PostgreSqlSettings
{
    /// <summary>Where all tables stand; the search path of every connection.</summary>
    public const string Schema = "rwgateway";

    private const string Key = "Catalog:ConnectionString";

    public static IEnumerable<string> Faults(CatalogOptions options)
    {
        if (options is { EntraAuthentication: true, PasswordFile: not null })
        {
            yield return "Catalog:PasswordFile: has no use with Catalog:EntraAuthentication; set one of them";
        }

        if (options.PasswordFile is { } file && PasswordFile.Fault(file) is { } unreadable)
        {
            yield return $"Catalog:PasswordFile: {unreadable}";
        }

        if (ConnectionStringKeywords.Fault(options.ConnectionString, static () => new NpgsqlConnectionStringBuilder()) is { } fault)
        {
            yield return $"{Key}: {fault}";
            yield break;
        }

        NpgsqlConnectionStringBuilder builder = new(options.ConnectionString);
        foreach (string secret in SecretsIn(builder))
        {
            yield return $"{Key}: \"{secret}\": a password in the configuration is not taken; put it into a file named by Catalog:PasswordFile, or use Catalog:EntraAuthentication";
        }

        if (builder.SearchPath is not null)
        {
            yield return $"{Key}: \"Search Path\": the tables stand in the schema {Schema}; leave it out";
        }

        if (builder.IncludeErrorDetail || builder.LogParameters || builder.PersistSecurityInfo)
        {
            yield return $"{Key}: \"Include Error Detail\", \"Log Parameters\" and \"Persist Security Info\" would put what is stored into the log; leave them out";
        }

        if (string.IsNullOrEmpty(builder.Host))
        {
            yield return $"{Key}: \"Host\" is missing";
        }
        else if (!IsOnThisMachine(builder.Host) && builder.SslMode != SslMode.VerifyFull)
        {
            yield return $"{Key}: \"SSL Mode\" must be VerifyFull: the server is not on this machine, and without it anybody in between is believed to be it";
        }

        if (options.EntraAuthentication && string.IsNullOrEmpty(builder.Username))
        {
            yield return $"{Key}: \"Username\" is missing: with Catalog:EntraAuthentication it is the name of the gateway's identity";
        }
    }

    /// <summary>The connection string with what we set ourselves.</summary>
    public static NpgsqlConnectionStringBuilder BuilderOf(CatalogOptions options)
    {
        NpgsqlConnectionStringBuilder builder = new(options.ConnectionString);
        builder.SearchPath = Schema;
        builder.ApplicationName ??= "rwgateway";

        // A server that vanished without a word must be noticed by the connection that only listens.
        builder.KeepAlive = builder.KeepAlive == 0 ? 30 : builder.KeepAlive;
        // Seconds for a new connection, and for a statement.
        builder.Timeout = IsSaid(options, "Timeout") ? builder.Timeout : 5;
        builder.CommandTimeout = IsSaid(options, "Command Timeout") || IsSaid(options, "CommandTimeout") ? builder.CommandTimeout : 10;

        return builder;
    }

    private static bool IsSaid(CatalogOptions options, string keyword) =>
        new DbConnectionStringBuilder { ConnectionString = options.ConnectionString }.ContainsKey(keyword);

    private static IEnumerable<string> SecretsIn(NpgsqlConnectionStringBuilder builder)
    {
        if (!string.IsNullOrEmpty(builder.Password))
        {
            yield return "Password";
        }

        if (!string.IsNullOrEmpty(builder.SslPassword))
        {
            yield return "SSL Password";
        }
    }

    /// <summary>Every one of several hosts is a Unix socket, <c>localhost</c> or a loopback address.</summary>
    private static bool IsOnThisMachine(string hosts) => hosts.Split(',', StringSplitOptions.TrimEntries).All(static host =>
        host.StartsWith('/') || host.StartsWith('@') || IsLoopback(host) || (host.LastIndexOf(':') is > 0 and int colon && IsLoopback(host[..colon])));

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
}
