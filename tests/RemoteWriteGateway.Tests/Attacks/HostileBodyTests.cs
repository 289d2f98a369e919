using Google.Protobuf;
using IronSnappy;
using static RemoteWriteGateway.Tests.Attacks.SenderMessages;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Tests that measure the whole process, and so run while no others do.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneInTheProcess
{
    public const string Name = "alone in the process";
}

/// <summary>Trap 6: bodies that ask for more than they carry. Each ends in 400, and what it makes us allocate is bounded by its own size.</summary>
[Collection(AloneInTheProcess.Name)]
public sealed class HostileBodyTests(HostileBodyTests.SharedGateway shared) : IClassFixture<HostileBodyTests.SharedGateway>
{
    /// <summary>What a request and its measuring cost besides: connections, log lines, the scrape.</summary>
    private const long Overhead = 4 << 20;

    private static readonly Dictionary<string, (string Reason, bool IsV2, Func<long, byte[]> Message)> Bodies = new()
    {
        ["a million empty series of 1.0"] = ("too-many-series", false, _ => Repeated([0x0a, 0x00], 1_000_000)),
        ["a million empty series of 2.0"] = ("too-many-series", true, _ => Joined(Field(4, []), Repeated([0x2a, 0x00], 1_000_000))),
        ["a symbol of a megabyte, referred to a hundred thousand times"] = ("expanded-too-large", true, now => Joined(
            Field(4, []), Field(4, "__name__"u8), Field(4, new byte[1 << 20].Select(_ => (byte)'x').ToArray()),
            Repeated(Field(5, Joined(Field(1, [1, 2]), Field(2, new V2.Sample { Timestamp = now }.ToByteArray()))), 40_000),
            Field(5, Joined(Field(1, Joined([1, 2], Repeated([2, 2], 60_000))), Field(2, new V2.Sample { Timestamp = now }.ToByteArray()))))),
        ["ten million packed references"] = ("too-many-labels", true, now => Joined(
            Field(4, []), Field(5, Joined(Field(1, new byte[10_000_000]), Field(2, new V2.Sample { Timestamp = now }.ToByteArray()))))),
        ["a million references of an exemplar"] = ("exemplar-labels-invalid", true, _ => Joined(
            Field(4, []), Field(4, "__name__"u8), Field(5, Joined(Field(1, [1, 1]), Field(4, Field(1, new byte[1_000_000])))))),
        ["spans of four billion buckets"] = ("histogram-buckets-mismatch", false, now => Field(1, Joined(
            LabelV1("__name__"u8, "up"u8),
            Field(4, Joined(new V1.Histogram { Timestamp = now }.ToByteArray(), Repeated(Field(11, [0x08, 0x00, 0x10, 0xff, 0xff, 0xff, 0xff, 0x0f]), 100_000)))))),
        ["a span of four billion buckets by 2.0"] = ("histogram-buckets-mismatch", true, now => Joined(
            Field(4, []), Field(4, "__name__"u8), Field(4, "up"u8),
            Field(5, Joined(Field(1, [1, 2]), Field(3, Joined(new V2.Histogram { Timestamp = now }.ToByteArray(), Field(11, [0x10, 0xff, 0xff, 0xff, 0xff, 0x0f]))))))),
        ["two million symbols"] = ("too-many-symbols", true, _ => Repeated([0x22, 0x00], 2_000_000)),
        ["a million labels of 1.0"] = ("too-many-labels", false, now => Field(1, Joined(
            Repeated(LabelV1("a"u8, "b"u8), 1_000_000), Field(2, new V1.Sample { Timestamp = now }.ToByteArray())))),
        ["messages within messages"] = ("malformed-protobuf", false, _ => Repeated([0x0a, 0xff, 0xff, 0xff, 0x07], 1_000_000)),
    };

    private GatewayHost Gateway => shared.Gateway;

    public static TheoryData<string> Names => [.. Bodies.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_message_that_asks_for_more_than_it_carries_is_400_with_memory_flat(string name)
    {
        (string reason, bool isV2, Func<long, byte[]> make) = Bodies[name];
        byte[] message = make(Gateway.NowMs);

        // Unpacked once and, for what is left of it, written once more, in buffers that grow by a quarter at a time; and what is noted of
        // symbols up to their limit, 20 bytes for each of two bytes at least, in arrays that double.
        await AssertRefusedAsync(reason, Snappy.Encode(message), isV2, (8L * message.Length) + Overhead);
    }

    [Theory]
    [InlineData("four GiB", 0xffffffffL, "decoded-too-large")]
    [InlineData("a byte over the limit", (32L << 20) + 1, "decoded-too-large")]
    [InlineData("the limit, in five bytes", 32L << 20, "malformed-snappy")]
    public async Task A_stated_length_is_believed_only_as_far_as_the_body_can_hold(string what, long length, string reason)
    {
        Assert.NotEmpty(what);
        var body = new List<byte>();
        for (long rest = length; ; rest >>= 7)
        {
            body.Add((byte)((rest & 0x7f) | (rest > 0x7f ? 0x80L : 0)));
            if (rest <= 0x7f)
            {
                break;
            }
        }

        await AssertRefusedAsync(reason, [.. body, 0x00, 0x00], isV2: false, Overhead);
    }

    /// <summary>The same again and again: nothing of it stays.</summary>
    [Fact]
    public async Task Hostile_bodies_leave_no_memory_behind()
    {
        (_, _, Func<long, byte[]> make) = Bodies["ten million packed references"];
        byte[] body = Snappy.Encode(make(Gateway.NowMs));
        long before = await HeldAfterAsync(body);
        long after = before;
        for (int i = 0; i < 30; i++)
        {
            after = await HeldAfterAsync(body);
        }

        // The decompressor's working memory is rented from the process' pool, which keeps an array of 16 MiB for each thread that
        // returned one. What stayed of thirty requests of ten million bytes would be more.
        Assert.InRange(after - before, long.MinValue, Overhead + (8 * (16L << 20)));
    }

    /// <summary>Bytes that are in use when a body was refused and its buffers have gone back, which is a moment after the answer.</summary>
    private async Task<long> HeldAfterAsync(byte[] body)
    {
        using HttpResponseMessage answer = await Gateway.WriteBytesAsync(body, isV2: true);
        Assert.Equal(400, (int)answer.StatusCode);
        await Gateway.UntilNothingIsInFlightAsync();
        Assert.Equal(0, await Gateway.MetricAsync("rwgateway_ingest_inflight_bytes"));
        return GC.GetTotalMemory(forceFullCollection: true);
    }

    private static byte[] Repeated(byte[] part, int times) => [.. Enumerable.Repeat(part, times).SelectMany(bytes => bytes)];

    private async Task AssertRefusedAsync(string reason, byte[] body, bool isV2, long mostBytes)
    {
        int stored = Gateway.Store.Requests.Count;
        string token = Gateway.Token("prom");
        using HttpResponseMessage warm = await Gateway.WriteAsync(To(isV2, Series("up").At(Gateway.NowMs)), token);
        long before = GC.GetTotalAllocatedBytes(precise: true);

        using HttpResponseMessage answer = await Gateway.WriteBytesAsync(body, isV2, token);

        long allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        Assert.Equal(400, (int)answer.StatusCode);
        Assert.StartsWith(reason + ": ", await WriteAnswerCheck.AssertWellFormedAsync(Gateway, answer, token), StringComparison.Ordinal);
        Assert.InRange(allocated, 0, mostBytes);
        Assert.Single(Gateway.Store.Requests.Skip(stored));
    }

    /// <summary>One gateway for all bodies.</summary>
    public sealed class SharedGateway : IAsyncLifetime
    {
        internal GatewayHost Gateway { get; private set; } = null!; // set before the first test

        public async ValueTask InitializeAsync() => Gateway = await GatewayHost.StartAsync(settings: [("Stores:main:Protocol", "v2")]);

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
