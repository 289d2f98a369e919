using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

public sealed class SnappyBlockTests
{
    [Fact]
    public void Bodies_that_state_too_much_are_refused_before_anything_is_allocated()
    {
        // 4 GiB − 1, in a body of 5 bytes.
        AssertFault(
            StampReason.DecodedTooLarge,
            "body unpacks to 4294967295 bytes, limit 33554432; send smaller batches or raise maxDecodedBytes",
            [0xFF, 0xFF, 0xFF, 0xFF, 0x0F]);
    }

    [Fact]
    public void The_limit_of_the_stated_length_is_exact()
    {
        var work = new WriteWork();
        SnappyBlock.Compress(new byte[1000], work.Body);
        Assert.True(SnappyBlock.TryDecompress(work, 1000));
        Assert.Equal(1000, work.Decoded.Length);
        work.Result.Reset();
        Assert.False(SnappyBlock.TryDecompress(work, 999));
        Assert.Equal(StampReason.DecodedTooLarge, work.Result.Fault);
        Assert.Equal(0, work.Decoded.Length);
    }

    [Fact]
    public void Bodies_that_state_more_than_the_format_can_hold_are_refused_before_anything_is_allocated() =>
        AssertFault(StampReason.MalformedSnappy, "body is not one snappy block: 5 bytes cannot unpack to the 111 that it states", [111, 0, 0, 0, 0]);

    [Fact]
    public void The_framing_format_is_named() => AssertFault(
        StampReason.MalformedSnappy,
        "body is not one snappy block: it is in the framing format; send the block format",
        [0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59, 0x01, 0x05, 0x00, 0x00, 1, 2, 3, 4, 5]);

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 0x80 })]
    [InlineData(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0x1F })]
    [InlineData(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00 })]
    public void Bodies_without_a_length_are_refused(byte[] body) =>
        AssertFault(StampReason.MalformedSnappy, "body is not one snappy block: it has no valid length in front", body);

    [Theory]
    [InlineData("a literal that ends early", new byte[] { 4, 3 << 2, (byte)'a', (byte)'b' })]
    [InlineData("more than the stated length", new byte[] { 2, 3 << 2, (byte)'a', (byte)'b', (byte)'c', (byte)'d' })]
    [InlineData("less than the stated length", new byte[] { 5, 3 << 2, (byte)'a', (byte)'b', (byte)'c', (byte)'d' })]
    [InlineData("something behind the last byte", new byte[] { 4, 3 << 2, (byte)'a', (byte)'b', (byte)'c', (byte)'d', 0, (byte)'e' })]
    [InlineData("a copy from before the beginning", new byte[] { 8, 3 << 2, (byte)'a', (byte)'b', (byte)'c', (byte)'d', 0x01, 0x05 })]
    [InlineData("a copy from nowhere", new byte[] { 8, 3 << 2, (byte)'a', (byte)'b', (byte)'c', (byte)'d', 0x01, 0x00 })]
    [InlineData("nothing but a length", new byte[] { 4 })]
    [InlineData("a literal that lacks its last bytes", new byte[] { 6, 40 << 2, (byte)'a', (byte)'b', (byte)'c', (byte)'d', (byte)'e' })]
    [InlineData("a literal that lacks its length", new byte[] { 4, 3 << 2, (byte)'a', (byte)'b', (byte)'c', (byte)'d', 60 << 2 })]
    [InlineData("a copy that lacks its offset", new byte[] { 8, 3 << 2, (byte)'a', (byte)'b', (byte)'c', (byte)'d', 1 })]
    public void Bodies_that_do_not_unpack_to_their_length_are_refused(string what, byte[] body)
    {
        Assert.NotEmpty(what);
        var work = new WriteWork();
        work.Body.Append(body);
        Assert.False(SnappyBlock.TryDecompress(work, 1 << 20));
        Assert.Equal(StampReason.MalformedSnappy, work.Result.Fault);
        Assert.True(work.Body.Span.SequenceEqual(body));
        Assert.StartsWith("body is not one snappy block: it", work.Result.FaultText, StringComparison.Ordinal);
        Assert.Equal(0, work.Decoded.Length);
    }

    [Fact]
    public void A_literal_of_any_length_that_lacks_bytes_is_refused()
    {
        // Whatever stands behind the body when it is unpacked must not make up for what it lacks.
        for (int stated = 1; stated < 60; stated++)
        {
            for (int literal = 1; literal <= 60; literal++)
            {
                for (int there = 0; there < Math.Min(literal, 20); there++)
                {
                    var work = new WriteWork();
                    work.Body.Append([(byte)stated, (byte)((literal - 1) << 2), .. new byte[there]]);
                    Assert.False(SnappyBlock.TryDecompress(work, 100), $"{literal} bytes stated as {stated}, {there} of them there");
                }
            }
        }
    }

    [Theory]
    [InlineData(0x1C)]
    [InlineData(0x11)]
    [InlineData(0x08)]
    public void A_message_may_end_with_any_byte(byte last)
    {
        var work = new WriteWork();
        byte[] message = [.. Enumerable.Repeat((byte)'x', 100_000), 1, 2, 3, last];
        SnappyBlock.Compress(message, work.Body);
        Assert.True(SnappyBlock.TryDecompress(work, 1 << 20));
        Assert.True(work.Decoded.Span.SequenceEqual(message));
    }

    [Fact]
    public void Nothing_of_an_earlier_request_comes_out_of_a_broken_block()
    {
        var work = new WriteWork();
        var random = new Random(7);
        byte[] secret = new byte[4096];
        Array.Fill(secret, (byte)0xA5);
        for (int i = 0; i < 20_000; i++)
        {
            work.Decoded.Clear();
            work.Decoded.Append(secret);
            byte[] body = new byte[random.Next(3, 40)];
            random.NextBytes(body);
            for (int j = 0; j < body.Length; j++)
            {
                body[j] = body[j] == 0xA5 ? (byte)1 : body[j];
            }

            body[0] &= 0x7F;
            work.Body.Clear();
            work.Body.Append(body);
            work.Result.Reset();
            if (SnappyBlock.TryDecompress(work, 4096))
            {
                Assert.Equal(-1, work.Decoded.Span.IndexOf((byte)0xA5));
            }
        }
    }

    [Theory]
    [InlineData(111)]
    [InlineData(112)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(16_367)]
    [InlineData(16_368)]
    [InlineData(16_383)]
    [InlineData(16_384)]
    [InlineData(2_097_151)]
    public void Bodies_of_all_sizes_unpack_and_stay_as_they_came(int length)
    {
        var work = new WriteWork();
        byte[] message = new byte[length];
        new Random(length).NextBytes(message.AsSpan(0, length / 2));
        SnappyBlock.Compress(message, work.Body);
        byte[] body = work.Body.Span.ToArray();
        Assert.True(SnappyBlock.TryDecompress(work, length));
        Assert.True(work.Decoded.Span.SequenceEqual(message));
        Assert.True(work.Body.Span.SequenceEqual(body));
    }

    [Fact]
    public void A_length_may_be_written_with_more_bytes_than_it_needs()
    {
        var work = new WriteWork();
        work.Body.Append([0x84, 0x80, 0x00, 3 << 2, (byte)'a', (byte)'b', (byte)'c', (byte)'d']);
        Assert.True(SnappyBlock.TryDecompress(work, 4));
        Assert.True(work.Decoded.Span.SequenceEqual("abcd"u8));
    }

    [Fact]
    public void An_empty_block_is_an_empty_message()
    {
        var work = new WriteWork();
        work.Body.Append([0]);
        Assert.True(SnappyBlock.TryDecompress(work, 0));
        Assert.Equal(0, work.Decoded.Length);
        SnappyBlock.Compress([], work.Output);
        Assert.Equal([0], work.Output.Span.ToArray());
    }

    private static void AssertFault(StampReason reason, string text, byte[] body)
    {
        var work = new WriteWork();
        work.Body.Append(body);
        Assert.False(SnappyBlock.TryDecompress(work, 32 << 20));
        Assert.Equal(reason, work.Result.Fault);
        Assert.Equal(text, work.Result.FaultText);
        Assert.Equal(0, work.Decoded.Capacity);
    }
}
