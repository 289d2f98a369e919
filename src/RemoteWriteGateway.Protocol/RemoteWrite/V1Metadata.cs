using System.Text.Unicode;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>A 1.0 metadata entry as it was read: where its texts are.</summary>
internal struct V1Metadata
{
    private ulong _type;
    private WireRange _name;
    private WireRange _help;
    private WireRange _unit;

    /// <summary>Reads the entry that <paramref name="reader"/> stands in; unknown fields are counted.</summary>
    public static V1Metadata Read(ref WireReader reader, StampResult result)
    {
        var metadata = new V1Metadata();
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    metadata._type = reader.ReadVarint(tag);
                    break;
                case 2:
                    metadata._name = reader.ReadBytes(tag);
                    break;
                case 4:
                    metadata._help = reader.ReadBytes(tag);
                    break;
                case 5:
                    metadata._unit = reader.ReadBytes(tag);
                    break;
                default:
                    reader.Skip(tag);
                    result.UnknownFields++;
                    break;
            }
        }

        return metadata;
    }

    /// <summary>Writes the entry anew, or counts why it is dropped: the sender is not told of faults in metadata.</summary>
    public readonly void Write(ReadOnlySpan<byte> message, StampOptions options, StampResult result, WriteBuffer output)
    {
        ReadOnlySpan<byte> name = message.Slice(_name.Start, _name.Length);
        ReadOnlySpan<byte> help = message.Slice(_help.Start, _help.Length);
        ReadOnlySpan<byte> unit = message.Slice(_unit.Start, _unit.Length);
        StampReason reason = Judge(name, help, unit, options);
        if (reason != StampReason.None)
        {
            result.DropMetadata(reason);
            return;
        }

        int start = output.BeginMessage(V1Tags.Metadata);
        if ((uint)_type != 0)
        {
            // As an enum is written: 32 bits, sign-extended.
            output.AppendVarint(V1Tags.MetadataType, (ulong)(int)_type);
        }

        AppendText(output, V1Tags.MetadataName, name);
        AppendText(output, V1Tags.MetadataHelp, Utf8Text.Cut(help, options.MaxMetadataBytes));
        AppendText(output, V1Tags.MetadataUnit, unit);
        output.EndMessage(start);
    }

    private static StampReason Judge(ReadOnlySpan<byte> name, ReadOnlySpan<byte> help, ReadOnlySpan<byte> unit, StampOptions options)
    {
        if (options.DropMetadata)
        {
            return StampReason.MetadataPolicy;
        }

        // An entry without a name describes nothing.
        if (name.IsEmpty || !Utf8.IsValid(name) || !Utf8.IsValid(help) || !Utf8.IsValid(unit))
        {
            return StampReason.MetadataInvalid;
        }

        return name.Length > options.MaxMetadataBytes || unit.Length > options.MaxMetadataBytes
            ? StampReason.MetadataTooLong
            : StampReason.None;
    }

    private static void AppendText(WriteBuffer output, byte tag, ReadOnlySpan<byte> text)
    {
        if (!text.IsEmpty)
        {
            output.AppendBytes(tag, text);
        }
    }
}
