namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>Reads label references: name, value, name, value, in one run or several. Pairs go to a <see cref="LabelSet"/>.</summary>
internal struct LabelRefs
{
    private uint _nameRef;

    /// <summary>References read so far.</summary>
    public int Count { get; private set; }

    /// <summary>Whether one is past the symbols, or the last name has no value.</summary>
    public readonly bool IsInvalid => IsPastSymbols || Count % 2 != 0;

    public bool IsPastSymbols { get; private set; }

    /// <summary>The first reference that is past the symbols.</summary>
    public uint PastSymbols { get; private set; }

    public void Read(ref WireReader reader, WireTag tag, SymbolTable symbols, LabelSet labels)
    {
        WireRun run = reader.BeginRun(tag, WireType.Varint);
        while (reader.MoveNext(ref run))
        {
            // uint32: the low bits count. Unsigned, so that nothing is negative.
            uint reference = (uint)reader.ReadVarint();
            if (reader.HasFault)
            {
                return;
            }

            if (reference >= (uint)symbols.Count && !IsPastSymbols)
            {
                IsPastSymbols = true;
                PastSymbols = reference;
            }

            bool isName = Count++ % 2 == 0;
            if (isName)
            {
                labels.CountRaw();
                _nameRef = reference;
            }
            else if (!IsPastSymbols && labels.HasRoom)
            {
                labels.Keep(symbols.Range(_nameRef), symbols.Range(reference), _nameRef, reference);
            }
        }
    }
}

/// <summary>A 2.0 metadata message as it was read. Given twice it is merged, as protobuf merges messages.</summary>
internal struct V2Metadata
{
    private ulong _type;
    private uint _helpRef;
    private uint _unitRef;

    /// <summary>Reads the message that <paramref name="reader"/> stands in; unknown fields are counted.</summary>
    public void Read(ref WireReader reader, StampResult result)
    {
        while (reader.TryReadTag(out WireTag tag))
        {
            switch (tag.Field)
            {
                case 1:
                    _type = reader.ReadVarint(tag);
                    break;
                case 3:
                    _helpRef = (uint)reader.ReadVarint(tag);
                    break;
                case 4:
                    _unitRef = (uint)reader.ReadVarint(tag);
                    break;
                default:
                    reader.Skip(tag);
                    result.UnknownFields++;
                    break;
            }
        }
    }

    /// <summary>Checks what the references name, and cuts a help text that is too long: its reference then is to an added symbol.</summary>
    /// <returns>Why the metadata is to be dropped, or none.</returns>
    public StampReason Resolve(SymbolTable symbols, int maxBytes)
    {
        if (_helpRef >= (uint)symbols.Count || _unitRef >= (uint)symbols.Count)
        {
            return StampReason.MetadataInvalid;
        }

        SymbolTraits help = symbols.Traits(_helpRef);
        SymbolTraits unit = symbols.Traits(_unitRef);
        if (((help | unit) & SymbolTraits.BadMetadata) == 0)
        {
            return StampReason.None;
        }

        if (((help | unit) & SymbolTraits.InvalidUtf8) != 0)
        {
            return StampReason.MetadataInvalid;
        }

        if ((unit & SymbolTraits.BadMetadata) != 0)
        {
            return StampReason.MetadataTooLong;
        }

        _helpRef = symbols.CutRef(_helpRef, maxBytes);
        return StampReason.None;
    }

    public readonly void Write(WriteBuffer output)
    {
        int start = output.BeginMessage(V2Tags.Metadata);
        if ((uint)_type != 0)
        {
            // As an enum is written: 32 bits, sign-extended.
            output.AppendVarint(V2Tags.MetadataType, (ulong)(int)_type);
        }

        if (_helpRef != 0)
        {
            output.AppendVarint(V2Tags.MetadataHelp, _helpRef);
        }

        if (_unitRef != 0)
        {
            output.AppendVarint(V2Tags.MetadataUnit, _unitRef);
        }

        output.EndMessage(start);
    }
}

/// <summary>What stands in a 2.0 series besides its labels.</summary>
internal struct V2Series
{
    public SeriesItems Items;
    public LabelRefs Refs;
    public bool HasMetadata;
    public V2Metadata Metadata;

    /// <summary>Milliseconds since 1970; 0 is unset.</summary>
    public ulong CreatedTimestamp;
}
