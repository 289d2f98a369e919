using System.Text;
using Snappier;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>One body of the corpus, as the complete bytes of the HTTP/1.1 request that carries it.</summary>
internal sealed class RecordedBody
{
    private readonly string _headBeforeLength;

    private RecordedBody(string name, byte[] body, bool isV2, string headBeforeLength)
    {
        Name = name;
        _headBeforeLength = headBeforeLength;
        byte[] message = Snappy.DecompressToArray(body);
        Counts = BodyCounts.Of(message, isV2);
        Timestamps = new BodyTimestamps(message, isV2);
        Request = [.. Head(body.Length), .. body];
    }

    /// <summary>The file's name.</summary>
    public string Name { get; }

    /// <summary>What the body holds.</summary>
    public BodyCounts Counts { get; }

    /// <summary>When its items are from, as recorded.</summary>
    public BodyTimestamps Timestamps { get; }

    /// <summary>Request line, headers and compressed body.</summary>
    public byte[] Request { get; private set; }

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
        string head = HeadBeforeLength(isV2, target, token, headers);
        return files.Length > 0
            ? [.. files.Select(file => new RecordedBody(Path.GetFileName(file), File.ReadAllBytes(file), isV2, head))]
            : throw new InvalidDataException($"no file in {directory} is called {prefix}-*.{parts[1]}.snappy");
    }

    /// <summary>Packs the body anew, as if it had been recorded at another time.</summary>
    public void Shift(long milliseconds)
    {
        Timestamps.Shift(milliseconds);
        byte[] body = Snappy.CompressToArray(Timestamps.Message);
        Request = [.. Head(body.Length), .. body];
    }

    private static string HeadBeforeLength(bool isV2, Uri target, string? token, IReadOnlyList<string> headers)
    {
        StringBuilder head = new();
        head.Append($"POST {target.PathAndQuery} HTTP/1.1\r\nHost: {target.Authority}\r\n");
        head.Append(isV2
            ? "Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\nX-Prometheus-Remote-Write-Version: 2.0.0\r\n"
            : "Content-Type: application/x-protobuf\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n");
        head.Append("Content-Encoding: snappy\r\nUser-Agent: RemoteWriteGateway.LoadDriver\r\n");
        if (token is not null)
        {
            head.Append($"Authorization: Bearer {token}\r\n");
        }

        foreach (string header in headers)
        {
            head.Append(header).Append("\r\n");
        }

        return head.ToString();
    }

    private byte[] Head(int bodyLength) => Encoding.ASCII.GetBytes($"{_headBeforeLength}Content-Length: {bodyLength}\r\n\r\n");
}
