using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>Keeps what was logged.</summary>
internal sealed class RecordedLogs : ILoggerProvider
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _records = new();

    public IReadOnlyList<(LogLevel Level, string Text)> Records => [.. _records];

    /// <summary>Everything, one record a line.</summary>
    public string Text => string.Join('\n', _records.Select(record => record.Text));

    public ILogger CreateLogger(string categoryName) => new Logger(_records);

    public void Dispose()
    {
    }

    private sealed class Logger(ConcurrentQueue<(LogLevel, string)> records) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            records.Enqueue((logLevel, formatter(state, exception)));
    }
}
