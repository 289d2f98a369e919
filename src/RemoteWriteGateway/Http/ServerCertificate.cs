using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;
using Prometheus;

namespace RemoteWriteGateway.Http;

/// <summary>The data listener's certificate, read again every 30 s and swapped whole; a broken pair keeps the old one.</summary>
internal sealed partial class ServerCertificate : IHostedService, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private readonly string? _certificateFile;
    private readonly string? _keyFile;
    private readonly TimeProvider _time;
    private readonly ILogger<ServerCertificate> _logger;
    private readonly Gauge _notAfter;
    private readonly Gauge _reloadFailed;
    private byte[] _hash = [];
    private volatile SslServerAuthenticationOptions? _options;
    private System.Threading.ITimer? _timer;

    /// <exception cref="InvalidOperationException">The files cannot be read as a certificate and its key.</exception>
    public ServerCertificate(IOptions<HttpOptions> options, TimeProvider time, IMetricFactory metrics, ILogger<ServerCertificate> logger)
    {
        _certificateFile = options.Value.CertificateFile;
        _keyFile = options.Value.KeyFile;
        _time = time;
        _logger = logger;
        _notAfter = metrics.CreateGauge(
            "rwgateway_tls_certificate_not_after_timestamp_seconds", "When the data listener's certificate ends, 0 without TLS");
        _reloadFailed = metrics.CreateGauge(
            "rwgateway_tls_reload_failed", "1 if the certificate's files could not be read the last time, and an older pair is in use");
        if (_certificateFile is null || _keyFile is null)
        {
            return;
        }

        try
        {
            Load();
        }
        catch (Exception e) when (IsUnusable(e))
        {
            throw new InvalidOperationException($"Http:CertificateFile, Http:KeyFile: {e.Message}", e);
        }
    }

    /// <summary>For the next handshake.</summary>
    public SslServerAuthenticationOptions AuthenticationOptions =>
        _options ?? throw new InvalidOperationException("No certificate is configured.");

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (_certificateFile is not null)
        {
            _timer = _time.CreateTimer(_ => Reload(), null, Interval, Interval);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _timer?.Dispose();

    /// <summary>Reads the files; what cannot be used changes nothing but the metric and the log.</summary>
    internal void Reload()
    {
        try
        {
            Load();
            _reloadFailed.Set(0);
        }
        catch (Exception e) when (IsUnusable(e))
        {
            _reloadFailed.Set(1);
            LogReloadFailed(e.Message);
        }
    }

    private void Load()
    {
        byte[] certificate = File.ReadAllBytes(_certificateFile!);
        byte[] key = File.ReadAllBytes(_keyFile!);
        byte[] hash = SHA256.HashData([.. certificate, .. key]);
        if (hash.AsSpan().SequenceEqual(_hash))
        {
            return;
        }

        // Through PFX: a key that came from PEM is ephemeral, which not every platform's TLS takes.
        using X509Certificate2 pair = X509Certificate2.CreateFromPem(ToText(certificate), ToText(key));
        X509Certificate2 leaf = X509CertificateLoader.LoadPkcs12(pair.Export(X509ContentType.Pfx), null);
        X509Certificate2Collection chain = [];
        chain.ImportFromPem(ToText(certificate));
        _options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(leaf, chain, offline: true),
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        };
        _hash = hash;
        _notAfter.Set(new DateTimeOffset(leaf.NotAfter.ToUniversalTime()).ToUnixTimeSeconds());
        LogLoaded(leaf.NotAfter.ToUniversalTime());
    }

    // ArgumentException: the key is that of another certificate, as it is between the two writes of a renewal.
    private static bool IsUnusable(Exception e) => e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    private static string ToText(byte[] pem) => System.Text.Encoding.UTF8.GetString(pem);

    [LoggerMessage(LogLevel.Information, "TLS certificate loaded, valid until {NotAfter:u}")]
    private partial void LogLoaded(DateTime notAfter);

    [LoggerMessage(LogLevel.Error, "TLS certificate could not be loaded, the old one stays in use: {Reason}")]
    private partial void LogReloadFailed(string reason);
}
