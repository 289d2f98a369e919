using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>Everything that is logged, as text: message, each value of it, and the exception.</summary>
internal sealed class CapturedLogs : ILoggerProvider
{
    private readonly ConcurrentQueue<(string Category, LogLevel Level, string Text)> _records = new();

    public IEnumerable<string> All => _records.Select(record => $"{record.Level} {record.Category}: {record.Text}");

    public IEnumerable<string> AtLeast(LogLevel level) => _records.Where(record => record.Level >= level).Select(record => record.Text);

    /// <summary>
    /// The gateway's own. IdentityModel has one logger for the process, that of whichever host came first, and tells it what it could not parse.
    /// </summary>
    public IEnumerable<string> OursAtLeast(LogLevel level) => _records
        .Where(record => record.Level >= level && record.Category.StartsWith("RemoteWriteGateway.", StringComparison.Ordinal))
        .Select(record => record.Text);

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void Dispose()
    {
    }

    private sealed class Logger(CapturedLogs logs, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            string values = state is IEnumerable<KeyValuePair<string, object?>> pairs ? string.Join(' ', pairs.Select(pair => pair.Value)) : "";
            logs._records.Enqueue((category, logLevel, $"{formatter(state, exception)} [{values}] {exception}"));
        }
    }
}
