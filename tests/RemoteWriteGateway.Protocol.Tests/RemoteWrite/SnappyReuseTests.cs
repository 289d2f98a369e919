using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>What the sender packed is passed on as far as the outgoing message begins like the sender's, and unpacks to just that.</summary>
public sealed class SnappyReuseTests
{
    public static TheoryData<string> Names => Corpus.Names;

    [Theory, MemberData(nameof(Names))]
    public void A_message_that_nothing_was_changed_in_leaves_as_it_came(string name)
    {
        WriteWork work = Received(Corpus.Get(name).Compressed);
        SnappyBlock.Compress(work, work.Decoded.Span);
        Assert.True(work.Output.Span.SequenceEqual(work.Body.Span));
    }

    [Theory, MemberData(nameof(Names))]
    public void A_message_that_ends_differently_unpacks_to_itself(string name)
    {
        WriteWork work = Received(Corpus.Get(name).Compressed);
        byte[] message = work.Decoded.Span.ToArray();
        var random = new Random(message.Length);
        for (int i = 0; i < 20; i++)
        {
            int equal = random.Next(message.Length + 1);
            byte[] tail = new byte[random.Next(3) * random.Next(100_000)];
            random.NextBytes(tail.AsSpan(tail.Length / 2));
            AssertUnpacks([.. message[..equal], .. tail], work);
        }
    }

    [Fact]
    public void Blocks_of_any_elements_are_cut_where_the_messages_part()
    {
        var random = new Random(20261128);
        for (int i = 0; i < 3_000; i++)
        {
            byte[] body = RandomBlock(random, out byte[] message);
            WriteWork work = Received(body);
            Assert.True(work.Decoded.Span.SequenceEqual(message));
            byte[] tail = new byte[random.Next(500)];
            random.NextBytes(tail);
            AssertUnpacks([.. message[..random.Next(message.Length + 1)], .. tail], work);
        }
    }

    [Theory]
    [InlineData("an offset of four bytes", new byte[] { (63 << 2) | 3, 1, 0, 0, 0 }, 64)]
    [InlineData("a length of three bytes", new byte[] { 62 << 2, 0, 0, 0, (byte)'x' }, 1)]
    [InlineData("a length of four bytes", new byte[] { 63 << 2, 0, 0, 0, 0, (byte)'x' }, 1)]
    public void Elements_that_no_sender_writes_are_not_passed_on(string what, byte[] element, int unpacked)
    {
        Assert.NotEmpty(what);
        byte[] literal = new byte[2000];
        new Random(1).NextBytes(literal);
        var work = new WriteWork();
        AppendVarint(work.Body, literal.Length + unpacked + 4);
        work.Body.Append([61 << 2, 0xCF, 0x07, .. literal, .. element, 3 << 2, 1, 2, 3, 4]);
        Assert.True(SnappyBlock.TryDecompress(work, 1 << 20));

        SnappyBlock.Compress(work, work.Decoded.Span);

        Assert.True(IronSnappy.Snappy.Decode(work.Output.Span).AsSpan().SequenceEqual(work.Decoded.Span));
        Assert.True(work.Output.Span.Slice(2, 2003).SequenceEqual(work.Body.Span.Slice(2, 2003)));
        Assert.Equal(-1, work.Output.Span[2005..].IndexOf(element));
    }

    [Fact]
    public void A_length_with_more_bytes_than_it_needs_is_written_anew()
    {
        byte[] body = IronSnappy.Snappy.Encode(new byte[4000]);
        WriteWork work = Received([(byte)(body[0] | 0x80), (byte)(body[1] | 0x80), 0x80, 0x00, .. body[2..]]);
        SnappyBlock.Compress(work, work.Decoded.Span);
        Assert.Equal(body, work.Output.Span.ToArray());
    }

    [Fact]
    public void What_stood_in_the_output_before_is_gone()
    {
        WriteWork work = Received(IronSnappy.Snappy.Encode(new byte[4000]));
        work.Output.Append(new byte[10_000]);
        AssertUnpacks([.. new byte[2000], 1, 2, 3], work);
    }

    [Fact]
    public void A_message_that_can_hardly_be_packed_takes_no_second_buffer_for_the_output()
    {
        byte[] message = new byte[1_000_000];
        new Random(3).NextBytes(message);
        var work = new WriteWork();
        work.Output.Append("what stood there before"u8);

        SnappyBlock.Compress(work, message);

        Assert.True(IronSnappy.Snappy.Decode(work.Output.Span).AsSpan().SequenceEqual(message));
        Assert.InRange(work.HeldBytes, message.Length, message.Length * 1.2);
    }

    [Theory, MemberData(nameof(Names))]
    public void The_message_is_had_again_from_what_was_packed_of_it(string name)
    {
        WriteWork work = Received(Corpus.Get(name).Compressed);
        work.Stamped.Append([.. work.Decoded.Span, 1, 2, 3]);
        byte[] stamped = work.Stamped.Span.ToArray();
        SnappyBlock.Compress(work, work.Stamped.Span);
        work.Stamped.Clear();

        SnappyBlock.RestoreStamped(work);

        Assert.Equal(stamped, work.Stamped.Span.ToArray());
    }

    private static WriteWork Received(byte[] body)
    {
        var work = new WriteWork();
        work.Body.Append(body);
        Assert.True(SnappyBlock.TryDecompress(work, 32 << 20));
        return work;
    }

    private static void AssertUnpacks(byte[] message, WriteWork work)
    {
        SnappyBlock.Compress(work, message);
        Assert.True(IronSnappy.Snappy.Decode(work.Output.Span).AsSpan().SequenceEqual(message));
        Assert.True(Snappier.Snappy.DecompressToArray(work.Output.Span).AsSpan().SequenceEqual(message));
    }

    /// <summary>Literals and copies of every form and at random, up to some kilobytes.</summary>
    private static byte[] RandomBlock(Random random, out byte[] message)
    {
        var elements = new List<byte>();
        var unpacked = new List<byte>();
        int size = random.Next(6000);
        while (unpacked.Count < size)
        {
            int kind = unpacked.Count == 0 ? 0 : random.Next(4);
            if (kind == 0)
            {
                AppendLiteral(random, elements, unpacked);
                continue;
            }

            int offset = random.Next(1, Math.Min(unpacked.Count, kind == 1 ? 2047 : 65_535) + 1);
            int length = kind == 1 ? random.Next(4, 12) : random.Next(1, 65);
            if (kind == 1)
            {
                elements.AddRange([(byte)(((offset >> 8) << 5) | ((length - 4) << 2) | 1), (byte)offset]);
            }
            else
            {
                elements.AddRange([(byte)(((length - 1) << 2) | kind), (byte)offset, (byte)(offset >> 8), .. kind == 3 ? new byte[2] : []]);
            }

            for (int i = 0; i < length; i++)
            {
                unpacked.Add(unpacked[^offset]);
            }
        }

        message = [.. unpacked];
        var body = new WriteBuffer();
        AppendVarint(body, message.Length);
        body.Append([.. elements]);
        return body.Span.ToArray();
    }

    private static void AppendLiteral(Random random, List<byte> elements, List<byte> unpacked)
    {
        int length = random.Next(4) == 0 ? random.Next(1, 3000) : random.Next(1, 30);
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        int lengthBytes = length > 60 || random.Next(4) == 0 ? random.Next(length > 256 ? 2 : 1, 5) : 0;
        elements.Add((byte)((lengthBytes == 0 ? length - 1 : 59 + lengthBytes) << 2));
        for (int i = 0; i < lengthBytes; i++)
        {
            elements.Add((byte)((length - 1) >> (8 * i)));
        }

        elements.AddRange(bytes);
        unpacked.AddRange(bytes);
    }

    private static void AppendVarint(WriteBuffer to, int value)
    {
        to.Reserve(5);
        to.Length = WireWriter.WriteVarint(to.Array, to.Length, (uint)value);
    }
}
