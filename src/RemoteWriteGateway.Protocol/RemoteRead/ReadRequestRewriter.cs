using System.Globalization;
using System.Text;
using System.Text.Unicode;
using RemoteWriteGateway.Protocol.PromQL;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.RemoteRead;

/// <summary>
/// Writes a remote-read request (<c>prometheus.ReadRequest</c>) anew from what was understood of it, with the tenants' matcher as the last
/// one of every query. Fields that are not known are gone; whatever could be read in two ways is refused.
/// </summary>
public static class ReadRequestRewriter
{
    /// <summary>Most queries of a request.</summary>
    public const int MaxQueries = 16;

    /// <summary>Most matchers of a query.</summary>
    public const int MaxMatchers = 64;

    private const int MaxFunctionBytes = 128;
    private const int MaxGroupingNames = 64;
    private const int TypeRegex = 2;
    private const int TypeNotRegex = 3;

    private static readonly byte QueryTag = WireTag.Of(1, WireType.Bytes);
    private static readonly byte TypesTag = WireTag.Of(2, WireType.Bytes);
    private static readonly byte MatcherTag = WireTag.Of(3, WireType.Bytes);
    private static readonly byte HintsTag = WireTag.Of(4, WireType.Bytes);

    /// <summary>Reads and writes a request.</summary>
    /// <param name="message">Uncompressed, whole.</param>
    /// <param name="matcher">The tenants; null only where the store keeps tenants apart by header or path.</param>
    /// <param name="forbiddenLabels">Labels that no matcher may name, besides those that stores give a meaning.</param>
    /// <param name="output">Receives the message; what it held is gone.</param>
    /// <param name="result">Receives what was asked, or the fault.</param>
    /// <returns>Whether <paramref name="output"/> may be sent.</returns>
    public static bool TryRewrite(
        ReadOnlySpan<byte> message, TenantMatcher? matcher, IReadOnlyCollection<string> forbiddenLabels, WriteBuffer output, RewrittenRead result)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(result);
        result.Reset();
        output.Clear();
        WireReader reader = new(message);
        while (result.IsGood && reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    WireRange query = reader.ReadBytes(tag);
                    if (!reader.HasFault)
                    {
                        WriteQuery(message, query, matcher, forbiddenLabels, output, result);
                    }

                    break;
                case 2:
                    WireRun run = reader.BeginRun(tag, WireType.Varint);
                    while (reader.MoveNext(ref run))
                    {
                        result.AddType(reader.ReadVarint());
                    }

                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        if (reader.HasFault)
        {
            result.Refuse("malformed-protobuf", Malformed(reader));
        }
        else if (result.IsGood && result.QueryCount == 0)
        {
            result.Refuse("read-matcher-invalid", "the request has no query");
        }
        else if (result.IsGood && result.HasUnknownTypesOnly)
        {
            result.Refuse("read-matcher-invalid", "none of the accepted response types is known; ask for SAMPLES (0) or STREAMED_XOR_CHUNKS (1)");
        }

        if (!result.IsGood)
        {
            output.Clear();
            return false;
        }

        WriteTypes(output, result);
        return true;
    }

    /// <summary>A request of all series of some tenants, in no time: to ask a store whether it obeys.</summary>
    public static void WriteProbe(TenantMatcher? matcher, WriteBuffer output)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.Clear();
        int start = output.BeginMessage(QueryTag);
        output.AppendVarint(WireTag.Of(1, WireType.Varint), 0);
        output.AppendVarint(WireTag.Of(2, WireType.Varint), long.MaxValue / 2_000_000);
        if (matcher is null)
        {
            AppendMatcher(output, TypeRegex, "__name__"u8, ".+"u8);
        }
        else
        {
            AppendMatcher(output, TypeRegex, matcher.Utf8Label, Encoding.UTF8.GetBytes(matcher.Pattern));
        }

        output.EndMessage(start);
    }

    private static void WriteQuery(
        ReadOnlySpan<byte> message, WireRange range, TenantMatcher? matcher, IReadOnlyCollection<string> forbiddenLabels, WriteBuffer output, RewrittenRead result)
    {
        if (++result.QueryCount > MaxQueries)
        {
            result.Refuse("too-many-read-queries", $"the request has more than {MaxQueries} queries; send fewer in one request");
            return;
        }

        long start = 0;
        long end = 0;
        WireRange? hints = null;
        List<WireRange> matchers = [];
        WireReader reader = WireReader.Within(message, range);
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    start = (long)reader.ReadVarint(tag);
                    break;
                case 2:
                    end = (long)reader.ReadVarint(tag);
                    break;
                case 3:
                    matchers.Add(reader.ReadBytes(tag));
                    break;
                case 4:
                    if (hints is not null)
                    {
                        result.Refuse("malformed-protobuf", "a query has its hints twice");
                    }

                    hints = reader.ReadBytes(tag);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        if (reader.HasFault)
        {
            result.Refuse("malformed-protobuf", Malformed(reader));
        }
        else if (matchers.Count is 0 or > MaxMatchers)
        {
            result.Refuse("read-matcher-invalid", $"query {result.QueryCount} has {matchers.Count} matchers, 1 to {MaxMatchers} are allowed");
        }
        else if (end < start)
        {
            result.Refuse("read-matcher-invalid", $"query {result.QueryCount} ends before it begins");
        }

        if (!result.IsGood)
        {
            return;
        }

        result.AddTimes(start, end);
        int written = output.BeginMessage(QueryTag);
        output.AppendVarint(WireTag.Of(1, WireType.Varint), (ulong)start);
        output.AppendVarint(WireTag.Of(2, WireType.Varint), (ulong)end);
        result.BeginSelector();
        foreach (WireRange one in matchers)
        {
            WriteMatcher(message, one, forbiddenLabels, output, result);
        }

        if (matcher is not null)
        {
            AppendMatcher(output, TypeRegex, matcher.Utf8Label, Encoding.UTF8.GetBytes(matcher.Pattern));
        }

        result.EndSelector();
        if (hints is { } given && result.IsGood)
        {
            WriteHints(message, given, output, result);
        }

        output.EndMessage(written);
    }

    private static void WriteMatcher(ReadOnlySpan<byte> message, WireRange range, IReadOnlyCollection<string> forbiddenLabels, WriteBuffer output, RewrittenRead result)
    {
        ulong type = 0;
        ReadOnlySpan<byte> name = [];
        ReadOnlySpan<byte> value = [];
        WireReader reader = WireReader.Within(message, range);
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    type = reader.ReadVarint(tag);
                    break;
                case 2:
                    name = reader.Slice(reader.ReadBytes(tag));
                    break;
                case 3:
                    value = reader.Slice(reader.ReadBytes(tag));
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        if (reader.HasFault)
        {
            result.Refuse("malformed-protobuf", Malformed(reader));
            return;
        }

        string? fault = type > TypeNotRegex ? $"has type {type}, 0 to {TypeNotRegex} are known"
            : name.IsEmpty ? "names no label"
            : !Utf8.IsValid(name) || !Utf8.IsValid(value) || name.Contains((byte)0) || value.Contains((byte)0) ? "is not UTF-8, or has a NUL"
            : type >= TypeRegex && !RegexSyntax.Check(value).IsValid ? "has an invalid regular expression"
            : null;
        if (fault is not null)
        {
            result.Refuse("read-matcher-invalid", $"a matcher of query {result.QueryCount} {fault}");
            return;
        }

        string label = Encoding.UTF8.GetString(name);
        if (EnforceOptions.StoreLabels.Contains(label) || forbiddenLabels.Contains(label))
        {
            result.Refuse("label-forbidden", "no matcher may name a label that stores give a meaning of their own; remove the matcher");
            return;
        }

        AppendMatcher(output, (int)type, name, value);
        result.AddMatcher(name, (int)type, value);
    }

    private static void WriteHints(ReadOnlySpan<byte> message, WireRange range, WriteBuffer output, RewrittenRead result)
    {
        Span<ulong> numbers = stackalloc ulong[8];
        numbers.Clear();
        ReadOnlySpan<byte> function = [];
        List<WireRange> grouping = [];
        WireReader reader = WireReader.Within(message, range);
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1 or 3 or 4 or 6 or 7:
                    numbers[tag.Field] = reader.ReadVarint(tag);
                    break;
                case 2:
                    function = reader.Slice(reader.ReadBytes(tag));
                    break;
                case 5:
                    grouping.Add(reader.ReadBytes(tag));
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        if (reader.HasFault)
        {
            result.Refuse("malformed-protobuf", Malformed(reader));
            return;
        }

        bool isText = Utf8.IsValid(function);
        foreach (WireRange name in grouping)
        {
            isText &= Utf8.IsValid(reader.Slice(name));
        }

        if (!isText || function.Length > MaxFunctionBytes || grouping.Count > MaxGroupingNames)
        {
            result.Refuse("read-matcher-invalid", $"the hints of query {result.QueryCount} have a function of more than {MaxFunctionBytes} bytes, more than {MaxGroupingNames} grouping names, or text that is not UTF-8");
            return;
        }

        int start = output.BeginMessage(HintsTag);
        output.AppendVarint(WireTag.Of(1, WireType.Varint), numbers[1]);
        output.AppendBytes(WireTag.Of(2, WireType.Bytes), function);
        output.AppendVarint(WireTag.Of(3, WireType.Varint), numbers[3]);
        output.AppendVarint(WireTag.Of(4, WireType.Varint), numbers[4]);
        foreach (WireRange name in grouping)
        {
            output.AppendBytes(WireTag.Of(5, WireType.Bytes), reader.Slice(name));
        }

        output.AppendVarint(WireTag.Of(6, WireType.Varint), numbers[6] == 0 ? 0UL : 1);
        output.AppendVarint(WireTag.Of(7, WireType.Varint), numbers[7]);
        output.EndMessage(start);
    }

    private static void AppendMatcher(WriteBuffer output, int type, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        int start = output.BeginMessage(MatcherTag);
        output.AppendVarint(WireTag.Of(1, WireType.Varint), (ulong)type);
        output.AppendBytes(WireTag.Of(2, WireType.Bytes), name);
        output.AppendBytes(WireTag.Of(3, WireType.Bytes), value);
        output.EndMessage(start);
    }

    private static void WriteTypes(WriteBuffer output, RewrittenRead result)
    {
        Span<byte> types = stackalloc byte[2];
        int count = 0;
        foreach (ReadResponseType type in result.AcceptedTypes)
        {
            types[count++] = (byte)type;
        }

        if (count > 0)
        {
            output.AppendBytes(TypesTag, types[..count]);
        }
    }

    private static string Malformed(in WireReader reader) =>
        string.Create(CultureInfo.InvariantCulture, $"the body is no ReadRequest: {reader.Fault} at byte {reader.FaultPosition}");
}
