using System.Text.Unicode;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

// Metadata entries that would be written just as they stand; vmagent puts hundreds of them behind the series of a request.
internal ref partial struct V1FastSeries
{
    /// <summary>Copies metadata entries from <paramref name="position"/> on, or counts them as dropped by policy, as long as there is nothing to change in them.</summary>
    /// <returns>The position of the first field that is no such entry, or the end of the message.</returns>
    public readonly int PassMetadataRun(int position, StampResult result)
    {
        bool isDropped = _plan.Options.DropMetadata;
        while (FastItemReader.TryEnterShort(_bytes, position, _messageEnd, V1Tags.Metadata, out WireRange entry) && IsPlainMetadata(entry, isDropped))
        {
            if (isDropped)
            {
                result.DropMetadata(StampReason.MetadataPolicy);
            }
            else
            {
                _output.Append(_bytes[position..entry.End]);
            }

            position = entry.End;
        }

        return position;
    }

    /// <summary>Whether an entry has type, name, help and unit in this order, none of them (but for the name) or each once and not empty.</summary>
    private readonly bool IsPlainMetadata(WireRange entry, bool isDropped)
    {
        int position = entry.Start;
        if (entry.Length > 2 && _bytes[position] == V1Tags.MetadataType)
        {
            // One byte, and not zero, which would not be written.
            if ((uint)(_bytes[position + 1] - 1) >= 0x7F)
            {
                return false;
            }

            position += 2;
        }

        int nameEnd = PassText(position, entry.End, V1Tags.MetadataName, isDropped);
        if (nameEnd <= position)
        {
            return false;
        }

        int helpEnd = PassText(nameEnd, entry.End, V1Tags.MetadataHelp, isDropped);
        return helpEnd > 0 && PassText(helpEnd, entry.End, V1Tags.MetadataUnit, isDropped) == entry.End;
    }

    /// <summary>Passes over a text, if it is there.</summary>
    /// <returns>The position behind it, or <see cref="FastItemReader.NotCommon"/> if it is empty, too long, or not UTF-8; the latter two are of no interest in what is dropped.</returns>
    private readonly int PassText(int position, int end, byte tag, bool isDropped)
    {
        if (position >= end || _bytes[position] != tag)
        {
            return position;
        }

        bool isGood = FastItemReader.TryEnterShort(_bytes, position, end, tag, out WireRange text) && text.Length > 0
            && (isDropped || (text.Length <= _plan.Options.MaxMetadataBytes
                && (FastBytes.IsAscii(_bytes, text.Start, text.Length) || Utf8.IsValid(_bytes.Slice(text.Start, text.Length)))));
        return isGood ? text.End : FastItemReader.NotCommon;
    }
}
