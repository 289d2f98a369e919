namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>A real Pushgateway, to compare with.</summary>
internal sealed class PushgatewayServer
{
    private PushgatewayServer(Uri url) => Url = url;

    public Uri Url { get; }

    public static async Task<PushgatewayServer> StartAsync(Workspace workspace, CancellationToken cancellationToken)
    {
        Uri url = new($"http://127.0.0.1:{FreePorts.Take()}");
        string executable = Repository.RealProgram("RWGATEWAY_PUSHGATEWAY", "Pushgateway 1.11 or newer");
        RunningProgram program = workspace.Own(RunningProgram.Start(
            "pushgateway", executable, [$"--web.listen-address={url.Authority}", "--web.enable-admin-api"], workspace.Folder("pushgateway")));
        await program.WaitForAsync(new Uri(url, "/-/ready"), cancellationToken);
        return new PushgatewayServer(url);
    }
}
