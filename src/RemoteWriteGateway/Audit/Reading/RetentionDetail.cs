using System.Text.Json;

namespace RemoteWriteGateway.Audit.Reading;

/// <summary>What a <c>retention</c> record says: what was removed, so that it is not missed.</summary>
/// <param name="Before">Records before this time were removed.</param>
/// <param name="Rows">How many.</param>
/// <param name="Export">The file that they are in, or null.</param>
/// <param name="Streams">Of each stream the last record that was removed.</param>
internal sealed record RetentionDetail(DateTimeOffset Before, long Rows, string? Export, IReadOnlyList<RemovedStream> Streams)
{
    public string ToJson() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);

    /// <exception cref="JsonException">It is none.</exception>
    public static RetentionDetail Parse(string json) =>
        JsonSerializer.Deserialize<RetentionDetail>(json, JsonSerializerOptions.Web) ?? throw new JsonException("The detail is null.");
}

/// <summary>The last removed record of a stream.</summary>
internal sealed record RemovedStream(string Stream, long Rows, long LastSeq, string LastHash);
