using Microsoft.Extensions.Primitives;
using RemoteWriteGateway.Ingest;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Tests.Ingest;

public sealed class WriteMediaTypeTests
{
    [Theory]
    [InlineData("")]
    [InlineData("application/x-protobuf")]
    [InlineData("Application/X-Protobuf")]
    [InlineData("application/x-protobuf;proto=prometheus.WriteRequest")]
    [InlineData("application/x-protobuf; proto=prometheus.WriteRequest")]
    [InlineData("application/x-protobuf; PROTO=\"prometheus.WriteRequest\"; charset=utf-8")]
    [InlineData("application/x-protobuf; version=0.1.0")]
    public void The_media_types_of_1_0_are_taken(string contentType)
    {
        Assert.True(WriteMediaType.TryRead(contentType, out WriteProtocol protocol));
        Assert.Equal(WriteProtocol.V1, protocol);
    }

    [Theory]
    [InlineData("application/x-protobuf;proto=io.prometheus.write.v2.Request")]
    [InlineData("application/x-protobuf; proto=io.prometheus.write.v2.Request")]
    [InlineData("application/X-protobuf ; Proto=\"io.prometheus.write.v2.Request\"")]
    [InlineData("application/x-protobuf;q=1;proto=io.prometheus.write.v2.Request")]
    public void The_media_types_of_2_0_are_taken(string contentType)
    {
        Assert.True(WriteMediaType.TryRead(contentType, out WriteProtocol protocol));
        Assert.Equal(WriteProtocol.V2, protocol);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/x-protobuf;proto=io.prometheus.write.v3.Request")]
    [InlineData("application/x-protobuf;proto=IO.PROMETHEUS.write.v2.request")]
    [InlineData("application/x-protobuf;proto=")]
    [InlineData("application/x-protobuf;proto=prometheus.WriteRequest;proto=prometheus.WriteRequest")]
    [InlineData("application/x-protobuf;proto=prometheus.WriteRequest;proto=io.prometheus.write.v2.Request")]
    [InlineData("application/x-protobuf, application/x-protobuf")]
    [InlineData("text/plain")]
    [InlineData(";")]
    public void Any_other_media_type_is_refused(string contentType) =>
        Assert.False(WriteMediaType.TryRead(contentType, out _));

    [Fact]
    public void Two_content_type_headers_are_refused() =>
        Assert.False(WriteMediaType.TryRead(new StringValues(["application/x-protobuf", "application/x-protobuf"]), out _));

    [Theory]
    [InlineData("snappy", true)]
    [InlineData("SNAPPY", true)]
    [InlineData("", true)]
    [InlineData("zstd", false)]
    [InlineData("gzip", false)]
    [InlineData("snappy, gzip", false)]
    [InlineData("identity", false)]
    public void Only_snappy_is_an_encoding(string encoding, bool isTaken) =>
        Assert.Equal(isTaken, WriteMediaType.IsSnappy(encoding));

    [Fact]
    public void No_encoding_means_snappy_and_two_headers_mean_nothing()
    {
        Assert.True(WriteMediaType.IsSnappy(StringValues.Empty));
        Assert.False(WriteMediaType.IsSnappy(new StringValues(["snappy", "snappy"])));
    }
}
