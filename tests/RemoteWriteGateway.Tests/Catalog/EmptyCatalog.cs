using RemoteWriteGateway.Catalog;

namespace RemoteWriteGateway.Tests.Catalog;

/// <summary>The data of a theory that holds on either engine: <c>[Theory] [ClassData(typeof(BothProviders))]</c>, one parameter <c>string provider</c>.</summary>
public sealed class BothProviders : TheoryData<string>
{
    public BothProviders() => AddRange([nameof(CatalogProvider.Sqlite), nameof(CatalogProvider.PostgreSql)]);
}

/// <summary>An empty database of one engine, for a test: a file in a temporary folder, or a database of the run's PostgreSQL.</summary>
internal sealed class EmptyCatalog : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rwgateway-catalog-");

    private EmptyCatalog(CatalogProvider provider, string? connectionString)
    {
        Provider = provider;
        ConnectionString = connectionString ?? $"Data Source={File}";
    }

    public CatalogProvider Provider { get; }

    public string ConnectionString { get; }

    /// <summary>The SQLite file.</summary>
    public string File => Path.Combine(_folder.FullName, "data", "catalog.db");

    /// <summary>A folder for the test's other files.</summary>
    public string Folder => _folder.FullName;

    /// <param name="provider">A value of <see cref="BothProviders"/>.</param>
    public static async Task<EmptyCatalog> CreateAsync(string provider) => Enum.Parse<CatalogProvider>(provider) == CatalogProvider.PostgreSql
        ? new EmptyCatalog(CatalogProvider.PostgreSql, await PostgreSqlFixture.NewDatabaseAsync())
        : new EmptyCatalog(CatalogProvider.Sqlite, null);

    /// <summary>A database of a PostgreSQL that is the test's own.</summary>
    public static EmptyCatalog At(string connectionString) => new(CatalogProvider.PostgreSql, connectionString);

    public ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }
}
