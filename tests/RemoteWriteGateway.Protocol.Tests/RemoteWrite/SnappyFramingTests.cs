using System.Text;
using RemoteWriteGateway.Protocol.RemoteWrite;
using Snappier;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>Snappy in framing format, as another implementation writes it and as nobody should.</summary>
public class SnappyFramingTests
{
    private static readonly byte[] Text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 9000).Select(i => $"metric_{i} {i * 31}\n")));

    [Fact]
    public void What_another_implementation_packs_is_unpacked()
    {
        byte[] packed = Pack(Text);

        Assert.True(Text.Length > 65_536);
        Assert.Equal(Text, Unpack(packed));
        Assert.Equal(Text, Unpack([.. packed, 0xFE, 3, 0, 0, 1, 2, 3])); // padding
        Assert.Equal(Text.Concat(Text), Unpack([.. packed, .. packed]));
    }

    [Fact]
    public void A_cut_anywhere_but_between_chunks_is_told()
    {
        byte[] packed = Pack(Text);
        int[] ends = [.. Ends(packed)];

        for (int length = 10; length < packed.Length; length += length < 200 ? 1 : 997)
        {
            Assert.Equal(ends.Contains(length), Unpack(packed[..length]) is not null);
        }
    }

    [Fact]
    public void A_changed_byte_is_told_wherever_it_is()
    {
        byte[] packed = Pack(Text[..3000]);
        for (int i = 10; i < packed.Length; i++)
        {
            byte[] changed = [.. packed];
            changed[i] ^= 0x10;

            Assert.Null(Unpack(changed));
        }
    }

    [Fact]
    public void More_than_the_limit_is_given_up() => Assert.Equal("decoded-too-large", Fault(Pack(new byte[1 << 20]), 100_000));

    [Theory]
    [InlineData(new byte[] { 0x02, 1, 0, 0, 0 })] // a chunk that must be known
    [InlineData(new byte[] { 0x01, 2, 0, 0, 0, 0 })] // no room for a checksum
    [InlineData(new byte[] { 0xFF, 1, 0, 0, 0 })] // a wrong identifier
    [InlineData(new byte[] { 0x00, 0xFF, 0xFF, 0xFF })] // longer than the body
    [InlineData(new byte[] { 0x00, 9, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F })] // states 4 GiB
    public void A_chunk_that_cannot_be_is_told(byte[] chunk) => Assert.Equal("malformed-snappy", Fault([.. Pack([]), .. chunk], 1 << 20));

    private static byte[] Pack(byte[] text)
    {
        using MemoryStream packed = new();
        using (SnappyStream stream = new(packed, System.IO.Compression.CompressionMode.Compress, leaveOpen: true))
        {
            stream.Write(text);
        }

        return packed.Length > 0 ? packed.ToArray() : [0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59];
    }

    private static IEnumerable<int> Ends(byte[] packed)
    {
        for (int at = 0; at < packed.Length;)
        {
            yield return at;
            at += 4 + packed[at + 1] + (packed[at + 2] << 8) + (packed[at + 3] << 16);
        }

        yield return packed.Length;
    }

    private static byte[]? Unpack(byte[] body)
    {
        WriteWork work = new();
        work.Body.Append(body);
        return SnappyFraming.TryDecompress(work, 16 << 20) ? work.Decoded.Span.ToArray() : null;
    }

    private static string Fault(byte[] body, int max)
    {
        WriteWork work = new();
        work.Body.Append(body);
        Assert.False(SnappyFraming.TryDecompress(work, max));
        Assert.Equal(0, work.Decoded.Length);
        return work.Result.Fault.Id();
    }
}
