using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace RemoteWriteGateway.Forwarding;

/// <summary>
/// The pooled connections to one store, HTTP/1.1 and nothing automatic: no redirect, no cookie, no proxy out of the
/// environment, no decompression. TLS files are read again every 30 s; new ones make a new pool, broken ones keep the old.
/// </summary>
internal sealed partial class StoreTransport : IDisposable
{
    private static readonly TimeSpan ReloadInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    // Below the time after which stores close idle connections (VictoriaMetrics: 1 min), or a request meets a closing one.
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(45);

    // Names are looked up again after this.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private readonly string _store;
    private readonly StoreTlsOptions _tls;
    private readonly int _maxConnections;
    private readonly ILogger _logger;
    private readonly ITimer? _timer;
    private byte[] _hash = [];
    private bool _hasFailed;
    private volatile HttpMessageInvoker? _invoker;

    public StoreTransport(string store, StoreTlsOptions tls, int maxConnections, TimeProvider time, ILogger logger)
    {
        _store = store;
        _tls = tls;
        _maxConnections = maxConnections;
        _logger = logger;
        if (_tls.IsEmpty)
        {
            _invoker = Pool(new SslClientAuthenticationOptions());
            return;
        }

        Reload();
        _timer = time.CreateTimer(_ => Reload(), null, ReloadInterval, ReloadInterval);
    }

    /// <summary>Sends requests; null while the TLS files have not been readable yet.</summary>
    public HttpMessageInvoker? Invoker => _invoker;

    public void Dispose()
    {
        _timer?.Dispose();
        _invoker?.Dispose();
    }

    private void Reload()
    {
        try
        {
            byte[] ca = Read(_tls.CaFile);
            byte[] certificate = Read(_tls.CertificateFile);
            byte[] key = Read(_tls.KeyFile);
            byte[] hash = SHA256.HashData([.. SHA256.HashData(ca), .. SHA256.HashData(certificate), .. SHA256.HashData(key)]);
            if (!hash.AsSpan().SequenceEqual(_hash))
            {
                // The pool before is left to its requests: its connections close when they are idle.
                _invoker = Pool(Authentication(Text(ca), Text(certificate), Text(key)));
                _hash = hash;
                LogLoaded(_store);
            }

            _hasFailed = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or InvalidDataException or ArgumentException)
        {
            // ArgumentException: the key is that of another certificate, as it is between the two writes of a renewal.
            // Told once, not every 30 s.
            if (!_hasFailed)
            {
                LogUnreadable(_store, e.Message, _invoker is null ? "nothing is sent to the store" : "the last ones stay in use");
            }

            _hasFailed = true;
        }
    }

    private SslClientAuthenticationOptions Authentication(string ca, string certificate, string key)
    {
        SslClientAuthenticationOptions options = new();
        if (_tls.CaFile is not null)
        {
            X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPem(ca);
            if (policy.CustomTrustStore.Count == 0)
            {
                throw new InvalidDataException($"{_tls.CaFile} holds no certificate.");
            }

            options.CertificateChainPolicy = policy;
        }

        if (_tls.CertificateFile is not null)
        {
            // Through PFX: a key that came from PEM is ephemeral, which not every platform's TLS takes.
            using X509Certificate2 pair = X509Certificate2.CreateFromPem(certificate, key);
            X509Certificate2Collection chain = [];
            chain.ImportFromPem(certificate);
            options.ClientCertificateContext = SslStreamCertificateContext.Create(
                X509CertificateLoader.LoadPkcs12(pair.Export(X509ContentType.Pfx), null), chain, offline: true);
        }

        return options;
    }

    private HttpMessageInvoker Pool(SslClientAuthenticationOptions tls) => new(
        new SocketsHttpHandler
        {
            ActivityHeadersPropagator = null, // traceparent is ours to write, and the caller's baggage is not ours to pass on.
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = ConnectTimeout,
            MaxConnectionsPerServer = _maxConnections,
            MaxResponseDrainSize = 64 << 10,
            PooledConnectionIdleTimeout = IdleTimeout,
            PooledConnectionLifetime = Lifetime,
            SslOptions = tls,
            UseCookies = false,
            UseProxy = false,
        },
        disposeHandler: true);

    private static byte[] Read(string? file) => file is null ? [] : File.ReadAllBytes(file);

    private static string Text(byte[] pem) => Encoding.UTF8.GetString(pem);

    [LoggerMessage(LogLevel.Information, "TLS files of store {Store} loaded")]
    private partial void LogLoaded(string store);

    [LoggerMessage(LogLevel.Error, "TLS files of store {Store} cannot be used, {Consequence}: {Reason}")]
    private partial void LogUnreadable(string store, string reason, string consequence);
}
