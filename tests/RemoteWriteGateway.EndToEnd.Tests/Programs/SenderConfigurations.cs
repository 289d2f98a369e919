namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>Parts of a Prometheus sender's configuration.</summary>
internal static class SenderConfigurations
{
    /// <summary>Value of <c>protobuf_message</c> for Remote Write 2.0.</summary>
    public const string V2 = "io.prometheus.write.v2.Request";

    /// <summary>One entry under <c>remote_write</c>: with oauth2, exemplars and native histograms, quick to send and to repeat.</summary>
    /// <param name="url">The gateway's write URL.</param>
    /// <param name="emulator">Where it gets its tokens.</param>
    /// <param name="app">Under whose identity it writes; also the name of its queue.</param>
    /// <param name="message">Value of <c>protobuf_message</c>; null leaves it out, which is 1.0 and all that Prometheus 2 knows.</param>
    public static string RemoteWrite(Uri url, Emulator emulator, string app, string? message) => $$"""
        - url: {{url}}
          name: {{app}}
        {{(message is null ? "" : $"  protobuf_message: {message}\n")}}  send_exemplars: true
          send_native_histograms: true
          oauth2:
            client_id: {{Emulator.ClientId(app)}}
            client_secret: {{Emulator.Secret}}
            token_url: {{emulator.TokenUrl}}
            scopes: ["api://{{Emulator.GatewayApp}}/.default"]
            tls_config: { ca_file: {{emulator.CaFile}} }
          queue_config: { batch_send_deadline: 500ms, min_backoff: 50ms, max_backoff: 500ms }

        """;
}
