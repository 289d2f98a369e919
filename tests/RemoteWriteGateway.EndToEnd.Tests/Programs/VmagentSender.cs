namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>vmagent as a sender, with its own protocol allowed: it begins with zstd and is told that there is only snappy here.</summary>
internal static class VmagentSender
{
    /// <summary>Starts it.</summary>
    /// <param name="workspace">Owns it.</param>
    /// <param name="scrapeConfiguration">Prometheus' <c>scrape_configs</c>.</param>
    /// <param name="writeUrl">The gateway's.</param>
    /// <param name="tokenUrl">Where tokens come from, without TLS.</param>
    /// <param name="apps">One destination each, under that app's identity.</param>
    /// <param name="cancellationToken">The test's.</param>
    public static async Task<RunningProgram> StartAsync(
        Workspace workspace, string scrapeConfiguration, Uri writeUrl, string tokenUrl, IReadOnlyList<string> apps, CancellationToken cancellationToken)
    {
        Uri url = new($"http://127.0.0.1:{FreePorts.Take()}");
        List<string> arguments =
        [
            $"-httpListenAddr={url.Authority}",
            $"-promscrape.config={workspace.Write("vmagent", "scrape.yml", scrapeConfiguration)}",
            "-remoteWrite.tmpDataPath=queue",
            "-remoteWrite.flushInterval=500ms",

            // Its default is two for each CPU; then the samples of a series overtake each other, and Prometheus refuses the older ones.
            "-remoteWrite.queues=1",

            // Where the target has timestamps of its own vmagent dates a stale marker like the sample before it: another value at the
            // same time, which Prometheus refuses together with all that is in the block.
            "-promscrape.noStaleMarkers",
        ];
        foreach (string app in apps)
        {
            arguments.Add($"-remoteWrite.url={writeUrl}");
            arguments.Add($"-remoteWrite.oauth2.clientID={Emulator.ClientId(app)}");
            arguments.Add($"-remoteWrite.oauth2.clientSecret={Emulator.Secret}");
            arguments.Add($"-remoteWrite.oauth2.tokenUrl={tokenUrl}");
            arguments.Add($"-remoteWrite.oauth2.scopes=api://{Emulator.GatewayApp}/.default");
        }

        string executable = Repository.RealProgram("RWGATEWAY_VMAGENT", "vmagent");
        RunningProgram program = workspace.Own(RunningProgram.Start("vmagent", executable, arguments, workspace.Folder("vmagent")));
        await program.WaitForAsync(new Uri(url, "/health"), cancellationToken);
        return program;
    }
}
