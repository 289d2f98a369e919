using System.Security;
using System.Text;

namespace RemoteWriteGateway.Forwarding;

/// <summary>A bearer token, or a user name and password, from files that are read again every 30 s. What cannot be read changes nothing but the log.</summary>
internal sealed partial class FileCredentials : IStoreCredentials
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);
    private const int MaxFileBytes = 64 << 10;

    private readonly string _store;
    private readonly Func<string> _read;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private volatile string? _current;
    private bool _hasFailed;

    private FileCredentials(string store, Func<string> read, TimeProvider time, ILogger logger)
    {
        _store = store;
        _read = read;
        _logger = logger;
        Reload();
        _timer = time.CreateTimer(_ => Reload(), null, Interval, Interval);
    }

    public static FileCredentials Bearer(string store, string tokenFile, TimeProvider time, ILogger logger) =>
        new(store, () => "Bearer " + ReadToken(tokenFile), time, logger);

    public static FileCredentials Basic(string store, string usernameFile, string passwordFile, TimeProvider time, ILogger logger) =>
        new(store, () => "Basic " + ReadPair(usernameFile, passwordFile), time, logger);

    public ValueTask<string?> CurrentAsync(CancellationToken cancellationToken) => ValueTask.FromResult(_current);

    public ValueTask<string?> RenewAsync(string refused, CancellationToken cancellationToken)
    {
        if (_current == refused)
        {
            Reload();
        }

        return ValueTask.FromResult(_current == refused ? null : _current);
    }

    public void Dispose() => _timer.Dispose();

    private void Reload()
    {
        try
        {
            string read = _read();
            _hasFailed = false;
            _current = read;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SecurityException or InvalidDataException)
        {
            // Told once, not every 30 s.
            if (!_hasFailed)
            {
                LogUnreadable(_store, e.Message, _current is null ? "nothing is sent to the store" : "the last ones stay in use");
            }

            _hasFailed = true;
        }
    }

    private static string ReadToken(string file)
    {
        string token = ReadLine(file);
        return token.AsSpan().ContainsAnyExceptInRange('!', '~')
            ? throw new InvalidDataException($"{file} holds characters that no token has.")
            : token;
    }

    private static string ReadPair(string usernameFile, string passwordFile)
    {
        string username = ReadLine(usernameFile);
        return username.Contains(':', StringComparison.Ordinal)
            ? throw new InvalidDataException($"{usernameFile} holds a colon, which a user name cannot have.")
            : Convert.ToBase64String(Encoding.UTF8.GetBytes($"{username}:{ReadLine(passwordFile)}"));
    }

    /// <summary>The file's only line, without its end.</summary>
    private static string ReadLine(string file)
    {
        // Counted while it is read: what is no regular file states no length.
        using FileStream stream = File.OpenRead(file);
        byte[] bytes = new byte[MaxFileBytes + 1];
        int length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (length > MaxFileBytes)
        {
            throw new InvalidDataException($"{file} has more than {MaxFileBytes} bytes.");
        }

        using StreamReader reader = new(new MemoryStream(bytes, 0, length), Encoding.UTF8);
        string text = reader.ReadToEnd().TrimEnd('\r', '\n');
        return text.Length == 0 || text.AsSpan().ContainsAny('\r', '\n')
            ? throw new InvalidDataException($"{file} does not hold exactly one line.")
            : text;
    }

    [LoggerMessage(LogLevel.Error, "Credentials of store {Store} cannot be read, {Consequence}: {Reason}")]
    private partial void LogUnreadable(string store, string reason, string consequence);
}
