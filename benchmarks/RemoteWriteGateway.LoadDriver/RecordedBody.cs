using System.Text;
using Snappier;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>One body of the corpus, as the complete bytes of the HTTP/1.1 request that carries it.</summary>
/// <param name="Name">The file's name.</param>
/// <param name="Request">Request line, headers and compressed body.</param>
/// <param name="Counts">What the body holds.</param>
internal sealed record RecordedBody(string Name, byte[] Request, BodyCounts Counts)
{
    /// <summary>Reads the bodies whose names begin with a prefix, in the order in which they were recorded.</summary>
    /// <param name="directory">Folder of the corpus.</param>
    /// <param name="group">What the files are called, as in <c>prom2k.rw1</c>: the prefix of the name, a dot, the protocol.</param>
    /// <param name="target">Where they go; only its path, host and port are used.</param>
    /// <param name="token">Bearer token, or null to send none.</param>
    /// <param name="headers">More header lines, as <c>Name: value</c>.</param>
    /// <exception cref="InvalidDataException">No file has that name, or one is no remote write body.</exception>
    public static IReadOnlyList<RecordedBody> ReadGroup(
        string directory, string group, Uri target, string? token, IReadOnlyList<string> headers)
    {
        string[] parts = group.Split('.');
        if (parts is not [string prefix, "rw1" or "rw2"])
        {
            throw new InvalidDataException($"a group of bodies is called like prom2k.rw1 or prom2k.rw2, not {group}");
        }

        bool isV2 = parts[1] == "rw2";
        string[] files = Directory.GetFiles(directory, $"{prefix}-*.{parts[1]}.snappy");
        Array.Sort(files, StringComparer.Ordinal);
        return files.Length > 0
            ? [.. files.Select(file => Read(file, isV2, target, token, headers))]
            : throw new InvalidDataException($"no file in {directory} is called {prefix}-*.{parts[1]}.snappy");
    }

    private static RecordedBody Read(string file, bool isV2, Uri target, string? token, IReadOnlyList<string> headers)
    {
        byte[] body = File.ReadAllBytes(file);
        BodyCounts counts = BodyCounts.Of(Snappy.DecompressToArray(body), isV2);
        StringBuilder head = new();
        head.Append($"POST {target.PathAndQuery} HTTP/1.1\r\nHost: {target.Authority}\r\n");
        head.Append(isV2
            ? "Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\nX-Prometheus-Remote-Write-Version: 2.0.0\r\n"
            : "Content-Type: application/x-protobuf\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n");
        head.Append($"Content-Encoding: snappy\r\nContent-Length: {body.Length}\r\nUser-Agent: RemoteWriteGateway.LoadDriver\r\n");
        if (token is not null)
        {
            head.Append($"Authorization: Bearer {token}\r\n");
        }

        foreach (string header in headers)
        {
            head.Append(header).Append("\r\n");
        }

        head.Append("\r\n");
        return new RecordedBody(Path.GetFileName(file), [.. Encoding.ASCII.GetBytes(head.ToString()), .. body], counts);
    }
}
