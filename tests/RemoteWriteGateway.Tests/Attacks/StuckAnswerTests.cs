using System.Globalization;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Tests.Forwarding;
using static RemoteWriteGateway.Tests.Attacks.SenderMessages;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>A sender that does not read its answer keeps nothing that other requests wait for.</summary>
public sealed class StuckAnswerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task As_many_unread_refusals_as_there_are_processors_leave_a_turn_for_others()
    {
        StuckAnswers stuck = new();
        await using GatewayHost gateway = await GatewayHost.StartAsync(services: services => services.AddSingleton<IStartupFilter>(stuck));
        using StuckAnswers letGo = stuck;
        var unread = new List<Task<HttpResponseMessage>>();
        stuck.IsOn = true;
        for (int i = 0; i < Environment.ProcessorCount; i++)
        {
            unread.Add(gateway.WriteBytesAsync([3, 8, 1, 2, 3]));
            await stuck.NextAsync();
        }

        stuck.IsOn = false;
        using HttpResponseMessage other = await gateway.WriteAsync(ToV1(Series("up").At(gateway.NowMs))).WaitAsync(TimeSpan.FromMinutes(1), Cancel);

        Assert.Equal(204, (int)other.StatusCode);
        Assert.DoesNotContain(unread, static answer => answer.IsCompleted);
        stuck.LetGo();
        foreach (Task<HttpResponseMessage> one in unread)
        {
            using HttpResponseMessage refused = await one;
            Assert.Equal(400, (int)refused.StatusCode);
        }
    }

    [Fact]
    public async Task A_request_over_the_bytes_of_all_has_given_its_bytes_back_when_it_is_answered()
    {
        StuckAnswers stuck = new();
        await using GatewayHost gateway = await GatewayHost.StartAsync(
            GatewayHost.DefaultPolicy + "\ntenantDefaults: { limits: { maxBodyBytes: 12MiB, maxDecodedBytes: 12MiB } }\n",
            [("Ingest:MaxInflightBytes", "67108864")],
            services: services => services.AddSingleton<IStartupFilter>(stuck));
        using StuckAnswers letGo = stuck;
        using var hold = new ManualResetEventSlim();
        using var held = new SemaphoreSlim(0);
        gateway.Store.Answering = _ =>
        {
            held.Release();
            hold.Wait(Cancel);
            return StoreAnswer.Accept;
        };
        IMessage message = Unpackable(gateway.NowMs);
        Task<HttpResponseMessage> waiting = gateway.WriteAsync(message);
        await held.WaitAsync(Cancel);
        double before = await InflightBytesAsync(gateway);

        stuck.IsOn = true;
        Task<HttpResponseMessage> unread = gateway.WriteAsync(message);
        await stuck.NextAsync();
        stuck.IsOn = false;

        Assert.InRange(before, 20 << 20, 30 << 20);
        Assert.Equal(before, await InflightBytesAsync(gateway));
        stuck.LetGo();
        hold.Set();
        using HttpResponseMessage refused = await unread;
        using HttpResponseMessage accepted = await waiting;
        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Equal(204, (int)accepted.StatusCode);
    }

    /// <summary>11 MB that cannot be packed: some 50 MB while they are worked with, and half of it while the store is waited for.</summary>
    internal static IMessage Unpackable(long nowMs)
    {
        var random = new Random(1);
        return ToV1(Enumerable.Range(0, 5500).Select(i => Series(
            "up",
            ("i", i.ToString(CultureInfo.InvariantCulture)),
            ("x", random.GetString("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 2000))).At(nowMs)));
    }

    private static async Task<double> InflightBytesAsync(GatewayHost gateway) => (await SelfMetrics.OfAsync(gateway))["rwgateway_ingest_inflight_bytes"];

    /// <summary>While it is on, answers of requests that begin are not read by anybody until they are let go.</summary>
    private sealed class StuckAnswers : IStartupFilter, IDisposable
    {
        private readonly TaskCompletionSource _letGo = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly SemaphoreSlim _reached = new(0);

        public bool IsOn { get; set; }

        /// <summary>Waits until one more answer is stuck.</summary>
        public Task NextAsync() => _reached.WaitAsync(Cancel);

        public void LetGo() => _letGo.TrySetResult();

        /// <summary>Also when a test has failed: the gateway stops once its requests are over.</summary>
        public void Dispose()
        {
            LetGo();
            _reached.Dispose();
        }

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((http, rest) =>
            {
                if (IsOn)
                {
                    http.Response.Body = new StuckStream(http.Response.Body, this);
                }

                return rest(http);
            });
            next(app);
        };

        private sealed class StuckStream(Stream inner, StuckAnswers stuck) : Stream
        {
            public override bool CanRead => false;

            public override bool CanSeek => false;

            public override bool CanWrite => true;

            public override long Length => throw new NotSupportedException();

            public override long Position
            {
                get => throw new NotSupportedException();
                set => throw new NotSupportedException();
            }

            public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
            {
                stuck._reached.Release();
                await stuck._letGo.Task;
                await inner.WriteAsync(buffer, cancellationToken);
            }

            public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
                WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

            public override void Flush() => throw new NotSupportedException();

            public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

            public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

            public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

            public override void SetLength(long value) => throw new NotSupportedException();

            public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        }
    }
}
