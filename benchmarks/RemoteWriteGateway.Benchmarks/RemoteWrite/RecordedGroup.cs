using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Benchmarks.RemoteWrite;

/// <summary>All recorded bodies of one sender, batch size and protocol, for example <c>prom2k.rw1</c>; <c>tests/corpus/README.md</c> tells what is in them.</summary>
internal sealed class RecordedGroup
{
    public RecordedGroup(string name)
    {
        string[] parts = name.Split('.');
        Protocol = parts[1] == "rw1" ? WriteProtocol.V1 : WriteProtocol.V2;
        Bodies =
        [
            .. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "corpus"), $"{parts[0]}-*.{parts[1]}.snappy")
                .Order(StringComparer.Ordinal)
                .Select(File.ReadAllBytes),
        ];
        if (Bodies.Length == 0)
        {
            throw new ArgumentException($"No recorded bodies are called {name}.", nameof(name));
        }

        Messages = [.. Bodies.Select(static body => Snappier.Snappy.DecompressToArray(body))];
        Work = [.. Bodies.Select(static body => Fill(body))];
    }

    public static IEnumerable<string> Names => ["prom2k.rw1", "prom10k.rw1", "vmagent.rw1", "prom2k.rw2", "prom10k.rw2"];

    /// <summary>The time that timestamps are compared with: after the last of them.</summary>
    public static long NowMs => 4_000_000_000_000;

    /// <summary>As for a store that is isolated by label: metadata of 1.0 has none, and is left out.</summary>
    public static StampOptions Options { get; } = new StampOptions { TenantLabel = "tenant", TenantValue = "team-a", DropMetadata = true }.Prepare();

    public WriteProtocol Protocol { get; }

    /// <summary>As they were sent.</summary>
    public byte[][] Bodies { get; }

    public byte[][] Messages { get; }

    /// <summary>One for each body, as warm as the gateway keeps them.</summary>
    public WriteWork[] Work { get; }

    private static WriteWork Fill(byte[] body)
    {
        var work = new WriteWork();
        work.Body.Append(body);
        if (!SnappyBlock.TryDecompress(work, 64 << 20))
        {
            throw new InvalidOperationException(work.Result.FaultText);
        }

        return work;
    }
}
