using System.Globalization;
using System.Text.RegularExpressions;
using RemoteWriteGateway.Audit.Storage;

namespace RemoteWriteGateway.Audit.Commands;

/// <summary>Finds checkpoints in lines of the gateway's log, whatever stands around them.</summary>
internal static partial class CheckpointLines
{
    public static IEnumerable<AuditCheckpoint> Read(IEnumerable<string> lines) => lines
        .Select(line => Checkpoint().Match(line))
        .Where(match => match.Success)
        .Select(match => new AuditCheckpoint(
            match.Groups["stream"].Value,
            long.Parse(match.Groups["seq"].Value, CultureInfo.InvariantCulture),
            DateTimeOffset.MinValue,
            Convert.FromHexString(match.Groups["hash"].Value),
            long.Parse(match.Groups["events"].Value, CultureInfo.InvariantCulture)))
        .DistinctBy(checkpoint => (checkpoint.Stream, checkpoint.Seq));

    [GeneratedRegex("Audit checkpoint: stream (?<stream>[^\\s\"]+) seq (?<seq>[0-9]{1,18}) hash (?<hash>[0-9a-f]{64}) events (?<events>[0-9]{1,18})")]
    private static partial Regex Checkpoint();
}
