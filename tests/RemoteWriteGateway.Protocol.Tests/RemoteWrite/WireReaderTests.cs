using Google.Protobuf;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

public sealed class WireReaderTests
{
    [Fact]
    public void Varints_of_all_sizes_are_written_in_their_shortest_form_and_read_back()
    {
        for (int bits = 0; bits <= 64; bits++)
        {
            ulong value = bits == 64 ? ulong.MaxValue : 1UL << bits;
            foreach (ulong each in new[] { value, value - 1 })
            {
                byte[] bytes = new byte[WireWriter.VarintSize(each)];
                Assert.Equal(bytes.Length, WireWriter.WriteVarint(bytes, 0, each));
                Assert.Equal(bytes.Length, CodedOutputStream.ComputeUInt64Size(each));
                var reader = new WireReader(bytes);
                Assert.Equal(each, reader.ReadVarint());
                Assert.Equal(bytes.Length, reader.Position);
            }
        }
    }

    [Fact]
    public void The_first_fault_sticks_and_ends_all_loops()
    {
        // A message of two bytes in which a varint has no end, and a field behind it.
        var reader = new WireReader([0x0A, 0x02, 0x08, 0x80, 0x10, 0x01]);
        Assert.True(reader.TryReadTag(out WireTag tag));
        int outerEnd = reader.Enter(tag);
        Assert.True(reader.TryReadTag(out WireTag inner));
        Assert.Equal(0UL, reader.ReadVarint(inner));
        Assert.True(reader.HasFault);
        Assert.Equal(WireFault.PastEnd, reader.Fault);
        Assert.Equal(3, reader.FaultPosition);
        reader.Leave(outerEnd);
        Assert.False(reader.TryReadTag(out _));
        Assert.Equal(0UL, reader.ReadFixed64());
        Assert.Equal(WireFault.PastEnd, reader.Fault);
        Assert.Equal(3, reader.FaultPosition);
    }

    [Theory]
    [InlineData(new byte[] { 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 })]
    [InlineData(new byte[] { 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07 })]
    [InlineData(new byte[] { 0x0A, 0x01 })]
    public void A_length_past_the_end_is_a_fault_however_large(byte[] message)
    {
        var reader = new WireReader(message);
        Assert.True(reader.TryReadTag(out WireTag tag));
        Assert.Equal(default, reader.ReadBytes(tag));
        Assert.Equal(WireFault.PastEnd, reader.Fault);
    }

    [Fact]
    public void A_length_past_the_end_of_the_inner_message_is_a_fault()
    {
        // The inner message has two bytes; its string would have two, of which one is the outer message's.
        var reader = new WireReader([0x0A, 0x02, 0x0A, 0x02, 0x61, 0x62]);
        Assert.True(reader.TryReadTag(out WireTag tag));
        reader.Enter(tag);
        Assert.True(reader.TryReadTag(out WireTag inner));
        reader.ReadBytes(inner);
        Assert.Equal(WireFault.PastEnd, reader.Fault);
    }

    [Fact]
    public void Messages_whose_length_is_not_known_in_advance_get_the_shortest_one()
    {
        foreach (int length in new[] { 0, 1, 127, 128, 16_383, 16_384, 300_000 })
        {
            var buffer = new WriteBuffer();
            buffer.Append("before"u8);
            int start = buffer.BeginMessage(0x0A);
            buffer.Append(new byte[length]);
            buffer.EndMessage(start);
            Assert.Equal("before".Length + WireWriter.FieldSize(length), buffer.Length);
            var reader = WireReader.Within(buffer.Span, new WireRange("before".Length, buffer.Length - "before".Length));
            Assert.True(reader.TryFind(0x0A, out WireRange range));
            Assert.Equal(length, range.Length);
            Assert.Equal(buffer.Length, range.End);

            int taken = buffer.BeginMessage(0x0A);
            buffer.Append(new byte[length]);
            int before = range.End;
            buffer.AbandonMessage(taken);
            Assert.Equal(before, buffer.Length);
        }
    }
}
