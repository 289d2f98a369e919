using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace RemoteWriteGateway.Tests.EntraEmulator;

public sealed class LogTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_token_is_one_line_and_no_line_holds_a_token_or_a_secret()
    {
        Lines lines = new();
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(
            configure: builder => builder.Services.AddLogging(logging => logging.AddProvider(lines).SetMinimumLevel(LogLevel.Trace)));
        using HttpClient http = emulator.CreateClient();

        using HttpResponseMessage issued = await PostAsync("local-dev-secret");
        using HttpResponseMessage refused = await PostAsync("a wrong secret");
        string[] minted =
        [
            emulator.Mint.MintUser("ann", "grafana"),
            emulator.Mint.MintRaw("""{"alg":"none"}""", "{}", emulator.Keys.Current),
        ];

        string answer = await issued.Content.ReadAsStringAsync(Cancellation);
        string signature = answer.Split('.')[2].TrimEnd('"', '}');
        Assert.Single(lines.Texts, line => line.StartsWith("Issued a token to prom for aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", StringComparison.Ordinal));
        Assert.Single(lines.Texts, "Refused a token request: AADSTS7000215 invalid_client");
        Assert.Single(lines.Texts, line => line.StartsWith("Minted a token of ann through grafana on demand", StringComparison.Ordinal));
        Assert.Single(lines.Texts, line => line.StartsWith("Minted a token of free content", StringComparison.Ordinal));
        Assert.All(lines.Texts, line =>
        {
            Assert.DoesNotContain(signature, line, StringComparison.Ordinal);
            Assert.DoesNotContain("eyJ", line, StringComparison.Ordinal);
            Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
        });
        Assert.All(minted, token => Assert.StartsWith("eyJ", token, StringComparison.Ordinal));

        Task<HttpResponseMessage> PostAsync(string secret) => http.PostAsync(
            $"/{EmulatorHost.DirectoryId}/oauth2/v2.0/token",
            new FormUrlEncodedContent(
                [
                    new("grant_type", "client_credentials"),
                    new("client_id", "99999999-0000-4000-8000-000000000001"),
                    new("client_secret", secret),
                    new("scope", $"api://{EmulatorHost.Gateway}/.default"),
                ]),
            Cancellation);
    }

    /// <summary>What was logged, as text.</summary>
    private sealed class Lines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Texts { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Texts.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
