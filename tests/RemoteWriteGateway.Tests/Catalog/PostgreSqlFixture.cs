using RemoteWriteGateway.Tests.Catalog;
using RemoteWriteGateway.Tests.PostgreSql;

[assembly: AssemblyFixture(typeof(PostgreSqlFixture))]

namespace RemoteWriteGateway.Tests.Catalog;

/// <summary>One PostgreSQL for the whole test run, started when the first test asks for it. Each test makes a database of its own.</summary>
public sealed class PostgreSqlFixture : IAsyncDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private PostgreSqlServer? _server;

    /// <summary>The fixture of this run, for helpers that no test class hands it to.</summary>
    public static async Task<PostgreSqlFixture> CurrentAsync() =>
        await TestContext.Current.GetFixture<PostgreSqlFixture>() ?? throw new InvalidOperationException("The test run has no PostgreSqlFixture.");

    /// <summary>The server that all tests share. Tests that stop or kill one start their own.</summary>
    internal static async Task<PostgreSqlServer> SharedAsync() => await (await CurrentAsync()).ServerAsync();

    /// <summary>A new, empty database; its connection string.</summary>
    internal static async Task<string> NewDatabaseAsync() => await (await SharedAsync()).CreateDatabaseAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _one.Dispose();
    }

    private async Task<PostgreSqlServer> ServerAsync()
    {
        await _one.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            return _server ??= await PostgreSqlServer.StartAsync(TestContext.Current.CancellationToken);
        }
        finally
        {
            _one.Release();
        }
    }
}
