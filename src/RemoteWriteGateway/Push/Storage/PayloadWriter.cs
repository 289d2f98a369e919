using System.Buffers.Binary;
using System.Text;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>Puts a payload together, family after family; see <see cref="PayloadBody"/> for its form. Used once, by one push.</summary>
internal sealed class PayloadWriter
{
    private readonly WriteBuffer _directory = new();
    private readonly List<(UInt128 Hash, bool IsStart)> _metrics = [];
    private int _families;

    /// <summary>Receives the messages, each with its length in front.</summary>
    public WriteBuffer Messages { get; } = new();

    /// <summary>Ends a family whose message was appended to <see cref="Messages"/>.</summary>
    /// <param name="family">What the directory says; <see cref="PayloadFamily.FirstMetric"/> and <see cref="PayloadFamily.Message"/> are not looked at.</param>
    /// <param name="start">Length of <see cref="Messages"/> before it.</param>
    /// <param name="metrics">In the order of the message.</param>
    public void End(PayloadFamily family, int start, IEnumerable<(UInt128 Hash, bool IsStart)> metrics)
    {
        int before = _metrics.Count;
        _metrics.AddRange(metrics);
        if (_metrics.Count - before != family.Metrics)
        {
            throw new ArgumentException($"{family.Metrics} metrics were announced and {_metrics.Count - before} given: a bug.", nameof(metrics));
        }

        byte[] name = Encoding.UTF8.GetBytes(family.Name);
        Append(name.Length);
        _directory.Append(name);
        _directory.Append([(byte)family.Type, family.HasGaugeSuffixes ? PayloadBody.GaugeSuffixesFlag : (byte)0]);
        Append(family.PushMs);
        Append(family.Metrics);
        Append(family.Series);
        Append(Messages.Length - start);
        _families++;
    }

    /// <summary>Takes over a family as another payload has it, but for its start bits.</summary>
    /// <param name="from">The payload.</param>
    /// <param name="family">One of its families.</param>
    /// <param name="isStart">Given the number of a metric in it.</param>
    public void Copy(PayloadBody from, PayloadFamily family, Func<int, bool> isStart)
    {
        int start = Messages.Length;
        Messages.Append(family.Message.Span);
        End(
            family,
            start,
            Enumerable.Range(family.FirstMetric, family.Metrics).Select(metric => (from.Hash(metric), isStart(metric))));
    }

    /// <summary>The payload as it is stored; null if it has no families, because then it has no row.</summary>
    public byte[]? ToArray()
    {
        if (_families == 0)
        {
            return null;
        }

        WriteBuffer plain = new();
        WriteVarint(plain, _families);
        plain.Append(_directory.Span);
        foreach ((UInt128 hash, _) in _metrics)
        {
            BinaryPrimitives.WriteUInt128BigEndian(plain.GetSpan(PayloadBody.HashBytes), hash);
            plain.Advance(PayloadBody.HashBytes);
        }

        byte[] starts = new byte[(_metrics.Count + 7) / 8];
        for (int i = 0; i < _metrics.Count; i++)
        {
            starts[i / 8] |= (byte)(_metrics[i].IsStart ? 1 << (i % 8) : 0);
        }

        plain.Append(starts);
        plain.Append(Messages.Span);
        if (plain.Length < PayloadBody.PackFrom)
        {
            return [PayloadBody.Plain, .. plain.Span];
        }

        WriteBuffer packed = new();
        SnappyBlock.Compress(plain.Span, packed);
        return [PayloadBody.Packed, .. packed.Span];
    }

    private void Append(long value) => WriteVarint(_directory, value);

    private static void WriteVarint(WriteBuffer output, long value)
    {
        Span<byte> bytes = stackalloc byte[10];
        int length = 0;
        for (; value >= 0x80; value >>= 7)
        {
            bytes[length++] = (byte)(value | 0x80);
        }

        bytes[length++] = (byte)value;
        output.Append(bytes[..length]);
    }
}
