using System.Collections.Immutable;
using System.Globalization;
using System.Reflection;

namespace RemoteWriteGateway.Catalog;

/// <summary>One step of the schema: from the version before to this one, in both dialects.</summary>
/// <param name="Version">Counted from 1, without gaps.</param>
/// <param name="Sqlite">Statements, separated by semicolons.</param>
/// <param name="PostgreSql">The same for PostgreSQL.</param>
internal sealed record CatalogMigration(int Version, string Sqlite, string PostgreSql)
{
    private const string Prefix = "Catalog.Migrations.";

    /// <summary>All steps that this program knows, in order: <c>Migrations/0001.sqlite.sql</c> beside <c>Migrations/0001.postgresql.sql</c>, and so on.</summary>
    public static ImmutableArray<CatalogMigration> All { get; } = Load(typeof(CatalogMigration).Assembly);

    private static ImmutableArray<CatalogMigration> Load(Assembly assembly)
    {
        ImmutableArray<CatalogMigration>.Builder all = ImmutableArray.CreateBuilder<CatalogMigration>();
        for (int version = 1; Read(assembly, version, "sqlite") is { } sqlite; version++)
        {
            string postgreSql = Read(assembly, version, "postgresql")
                ?? throw new InvalidOperationException($"Migration {version} has no variant for PostgreSQL: a bug.");
            all.Add(new CatalogMigration(version, sqlite, postgreSql));
        }

        return all.DrainToImmutable();
    }

    private static string? Read(Assembly assembly, int version, string dialect)
    {
        using Stream? stream = assembly.GetManifestResourceStream(string.Create(CultureInfo.InvariantCulture, $"{Prefix}{version:D4}.{dialect}.sql"));
        if (stream is null)
        {
            return null;
        }

        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
