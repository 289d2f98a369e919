using System.Text.Unicode;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Reads delimited <c>io.prometheus.client.MetricFamily</c> messages: field numbers in <c>proto/metrics.proto</c>.</summary>
/// <remarks>
/// Only what is no such message is refused here; what a message says is for <see cref="ContentRules"/>. Unknown fields are skipped, so
/// depth is that of the known messages. Every length is compared with what is left before it is believed.
/// </remarks>
internal ref partial struct DelimitedReader(ReadOnlySpan<byte> body, ExpositionOptions options, MetricFamilies families)
{
    // A varint of 32 bits.
    private const int MaxLengthBytes = 5;

    private readonly FamilyBuilder _builder = families.Builder;
    private readonly ReadOnlySpan<byte> _body = body;
    private int _number;
    private int _start;

    public ExpositionFault Read()
    {
        int position = 0;
        while (position < _body.Length)
        {
            _start = position;
            _number++;
            if (!TryReadLength(ref position, out uint length))
            {
                return Malformed(_body.Length - _start < MaxLengthBytes ? "the body ends inside a message" : "not valid wire data");
            }

            if (length > (uint)(_body.Length - position))
            {
                return Malformed("the body ends inside a message");
            }

            var message = new WireRange(position, (int)length);
            ExpositionFault fault = ReadFamily(message);
            if (!fault.IsNone)
            {
                return fault;
            }

            position = message.End;
        }

        return default;
    }

    private readonly bool TryReadLength(ref int position, out uint length)
    {
        ulong value = 0;
        length = 0;
        for (int i = 0; i < MaxLengthBytes && position < _body.Length; i++)
        {
            byte next = _body[position++];
            value |= (ulong)(next & 0x7F) << (7 * i);
            if (next < 0x80)
            {
                length = (uint)value;
                return value <= uint.MaxValue;
            }
        }

        return false;
    }

    private ExpositionFault ReadFamily(WireRange message)
    {
        var header = new FamilyEntry { Name = new TextRange(message.Start, 0), Line = _number };
        WireReader reader = WireReader.Within(_body, message);
        ulong type = 0;
        // Type and name may stand behind the metrics: they are read first, wherever they are.
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    header.Name = At(reader.ReadBytes(tag));
                    break;
                case 2:
                    header.Help = At(reader.ReadBytes(tag));
                    break;
                case 3:
                    type = reader.ReadVarint(tag);
                    break;
                case 4:
                    reader.ReadBytes(tag);
                    break;
                case 5:
                    header.Unit = At(reader.ReadBytes(tag));
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        if (reader.HasFault)
        {
            return Malformed("not valid wire data");
        }

        if (header.Name.IsEmpty)
        {
            return Malformed("a family without a name");
        }

        if (type > (ulong)FamilyType.GaugeHistogram)
        {
            return new ExpositionFault(
                ExpositionReason.TypeMismatch, $"{Where()}: {Name(header)} has the type {type}; there are 0 (counter) to 5 (gauge histogram)");
        }

        header.Type = (FamilyType)type;
        ExpositionFault fault = FindOrAddFamily(header, out int family);
        return fault.IsNone ? ReadMetrics(message, family) : fault;
    }

    /// <summary>Families of one name become one, if their types agree. Help and unit are those of the first that has any.</summary>
    private readonly ExpositionFault FindOrAddFamily(in FamilyEntry header, out int family)
    {
        if (!IsText(header.Help) || !IsText(header.Unit))
        {
            family = -1;
            return new ExpositionFault(ExpositionReason.LabelValueInvalid, $"{Where()}: help or unit of {Name(header)} is not UTF-8");
        }

        family = _builder.FindFamily(families.Text(header.Name));
        if (family < 0)
        {
            if (families.FamilyList.Count >= options.MaxFamiliesPerPush)
            {
                return ExpositionText.TooManyFamilies(options);
            }

            family = _builder.AddFamily(header.Name, header.Type, _number);
        }

        ref FamilyEntry entry = ref families.FamilyList[family];
        if (entry.Type != header.Type)
        {
            return new ExpositionFault(
                ExpositionReason.TypeMismatch,
                $"{Where()}: {Name(header)} is of type {TypeOf(header.Type)} here and {TypeOf(entry.Type)} in family {entry.Line}");
        }

        entry.Help = entry.Help.IsEmpty ? header.Help : entry.Help;
        entry.Unit = entry.Unit.IsEmpty ? header.Unit : entry.Unit;
        return default;
    }

    private ExpositionFault ReadMetrics(WireRange message, int family)
    {
        WireReader reader = WireReader.Within(_body, message);
        while (reader.TryFind(WireTag.Of(4, WireType.Bytes), out WireRange metric))
        {
            ExpositionFault fault = ReadMetric(metric, family);
            fault = fault.IsNone && families.Series > options.MaxSeriesPerPush ? ExpositionText.TooManySeries(options) : fault;
            if (!fault.IsNone)
            {
                return fault;
            }
        }

        return default;
    }

    private readonly bool IsText(TextRange range) => families.Text(range) is var text && Utf8.IsValid(text) && !text.Contains((byte)0);

    private readonly ExpositionFault Malformed(string what) => new(ExpositionReason.MalformedProtobuf, $"{Where()}: {what}");

    private readonly string Where() => $"family {_number} (byte {_start})";

    private readonly string Name(in FamilyEntry family) => ExpositionText.Excerpt(families.Text(family.Name));

    private static string TypeOf(FamilyType type) => System.Text.Encoding.ASCII.GetString(TypeNames.Of(type));

    private static TextRange At(WireRange range) => new(range.Start, range.Length);
}
