using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace RemoteWriteGateway.Catalog;

/// <summary>The database engines that can hold the catalog.</summary>
internal enum CatalogProvider
{
    /// <summary>A file, of one gateway.</summary>
    Sqlite,

    /// <summary>A server, of any number of gateways.</summary>
    PostgreSql,
}

/// <summary>Where the catalog is: what replicas share, and what outlives them. Section <c>Catalog</c>.</summary>
internal sealed class CatalogOptions
{
    public const string Section = "Catalog";

    public CatalogProvider Provider { get; init; }

    /// <summary>
    /// As the engine's .NET driver takes it, without a password. SQLite: <c>Data Source</c> is the file; it and its folder are made if
    /// absent. PostgreSQL: <c>Host</c>, <c>Database</c>, <c>Username</c>, and <c>SSL Mode=VerifyFull</c> unless the server is on this machine.
    /// </summary>
    [Required]
    public string ConnectionString { get; init; } = "Data Source=data/catalog.db";

    /// <summary>Log in to PostgreSQL with a token of the gateway's own identity (section <c>Credential</c>) as the password.</summary>
    public bool EntraAuthentication { get; init; }

    /// <summary>A file with PostgreSQL's password, read for every new connection; a line break at its end does not count.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>How often the catalog is asked what has changed, 100 ms to 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00", ParseLimitsInInvariantCulture = true, ConvertValueInInvariantCulture = true)]
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Bring an older schema up to date at start. If false, <c>rwgateway catalog migrate</c> does it.</summary>
    public bool MigrateAtStart { get; init; } = true;

    /// <summary>What this replica is called in the catalog, the same after a restart; by default the machine's name.</summary>
    [RegularExpression("[A-Za-z0-9][A-Za-z0-9._-]{0,127}")]
    public string? ReplicaName { get; init; }
}

[OptionsValidator]
internal sealed partial class CatalogAttributesValidator : IValidateOptions<CatalogOptions>;

/// <summary>Says what cannot be right about the section, with the key's name and never with a connection string's value.</summary>
internal sealed class CatalogOptionsValidator : IValidateOptions<CatalogOptions>
{
    private static readonly CatalogAttributesValidator Attributes = new();

    public ValidateOptionsResult Validate(string? name, CatalogOptions options)
    {
        ValidateOptionsResult ranges = Attributes.Validate(name, options);
        if (ranges.Failed)
        {
            return ranges;
        }

        if (!Enum.IsDefined(options.Provider))
        {
            return ValidateOptionsResult.Fail($"Catalog:Provider: {options.Provider} is none of {string.Join(", ", Enum.GetNames<CatalogProvider>())}");
        }

        string[] faults = options.Provider == CatalogProvider.Sqlite
            ? [.. SqliteSettings.Faults(options)]
            : [.. PostgreSqlSettings.Faults(options)];
        return faults.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
