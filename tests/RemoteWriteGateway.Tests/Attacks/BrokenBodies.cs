using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace RemoteWriteGateway.Tests.Attacks;

/// <summary>Stands in front of the gateway: while <see cref="Failure"/> is set, reading a request's body throws it. So a slow body needs no time.</summary>
internal sealed class BrokenBodies : IStartupFilter
{
    /// <summary>What reading throws; null for bodies as they come.</summary>
    public Exception? Failure { get; set; }

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((http, rest) =>
        {
            if (Failure is { } failure)
            {
                http.Request.Body = new BrokenStream(failure);
            }

            return rest(http);
        });
        next(app);
    };

    /// <summary>Kestrel's exception for a body that is slower than the minimum rate.</summary>
    public static BadHttpRequestException TooSlow() => new("Reading the request body timed out.", StatusCodes.Status408RequestTimeout);

    /// <summary>Kestrel's exception for a body that is not what its head announces.</summary>
    public static BadHttpRequestException NoHttp() => new("Bad chunk size data.");

    private sealed class BrokenStream(Exception failure) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => throw failure;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw failure;

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
