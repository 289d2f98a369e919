using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>One recorded request body; <c>tests/corpus/README.md</c> tells where they come from.</summary>
internal sealed record RecordedBody(string Name, WriteProtocol Protocol, byte[] Compressed)
{
    /// <summary>The message, unpacked by a codec that is not the gateway's.</summary>
    public byte[] Message { get; } = IronSnappy.Snappy.Decode(Compressed);
}

internal static class Corpus
{
    private static readonly Lazy<IReadOnlyList<RecordedBody>> Read = new(static () =>
    [
        .. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "corpus"), "*.snappy")
            .Order(StringComparer.Ordinal)
            .Select(static path => new RecordedBody(
                Path.GetFileName(path),
                path.Contains(".rw1.", StringComparison.Ordinal) ? WriteProtocol.V1 : WriteProtocol.V2,
                File.ReadAllBytes(path))),
    ]);

    public static IReadOnlyList<RecordedBody> All => Read.Value;

    public static TheoryData<string> Names => [.. All.Select(static body => body.Name)];

    public static RecordedBody Get(string name) => All.Single(body => body.Name == name);
}
