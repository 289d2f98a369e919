using Google.Protobuf;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.EndToEnd.Tests.Writes;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.EndToEnd.Tests.Compliance;

/// <summary>Ways to smuggle another tenant's label past the gateway, as each real store sees what comes out.</summary>
[Collection(SharedReceiver.Name)]
public sealed class SpoofTests(ReceiverStand stand)
{
    private const string Victim = "victim";

    private static readonly Dictionary<string, Func<string, (byte[] Message, string ContentType)>> Attacks = new()
    {
        ["a label in its place"] = metric => (WireSeries.ToV1([WireSeries.Of(metric, Now(), 1, ("tenant", Victim))]), DirectWriter.V1),
        ["a label before the name"] = metric => (WireSeries.ToV1([new([("tenant", Victim), ("__name__", metric)]) { Samples = [(Now(), 1)] }]), DirectWriter.V1),
        ["an empty label"] = metric => (WireSeries.ToV1([WireSeries.Of(metric, Now(), 1, ("tenant", ""))]), DirectWriter.V1),
        ["a label with two names"] = metric => (LabelWithTwoNames(metric), DirectWriter.V1),
        ["labels behind the samples"] = metric => (LabelsBehindSamples(metric), DirectWriter.V1),
        ["a symbol"] = metric => (WireSeries.ToV2([WireSeries.Of(metric, Now(), 1, ("tenant", Victim))]).ToByteArray(), DirectWriter.V2),
        ["a twin symbol"] = metric => (TwinSymbol(metric), DirectWriter.V2),
        ["references in two runs"] = metric => (ReferencesInTwoRuns(metric), DirectWriter.V2),
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Cases()
    {
        TheoryData<string, string> cases = [];
        foreach (string attack in Attacks.Keys)
        {
            cases.Add(attack, ReceiverStand.Tenant);
            cases.Add(attack, ReceiverStand.TranslatedTenant);
            cases.Add(attack, ReceiverStand.VictoriaTenant);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task No_store_sees_the_tenant_that_a_writer_claims(string attack, string tenant)
    {
        string metric = $"spoof_{attack.Replace(' ', '_')}";
        (byte[] message, string contentType) = Attacks[attack](metric);
        IStore store = tenant switch
        {
            ReceiverStand.Tenant => stand.Store,
            ReceiverStand.TranslatedTenant => stand.OlderStore,
            _ => stand.Victoria,
        };

        WriteAnswer answer = await stand.Through(tenant).SendAsync(message, contentType, Cancellation);

        Assert.Equal((204, ""), (answer.Status, answer.Text));
        Assert.Equal(
            StoredSeries.Key([new("__name__", metric), new("tenant", tenant)]),
            Assert.Single(await store.ReadOnceThereAsync($"{{__name__=\"{metric}\"}}", 1, Cancellation)).Key);
        Assert.Empty(await store.ReadAsync($"{{tenant=\"{Victim}\"}}", Cancellation));
    }

    [Fact]
    public async Task A_tenant_that_is_not_granted_is_refused_by_header_and_by_path()
    {
        byte[] body = IronSnappy.Snappy.Encode(WireSeries.ToV1([WireSeries.Of("spoof_by_request", Now(), 1)]));

        WriteAnswer byHeader = await stand.Through().WithHeader("X-Scope-OrgID", ReceiverStand.TranslatedTenant)
            .SendBytesAsync(body, DirectWriter.V1, "snappy", isChunked: true, Cancellation);
        WriteAnswer byPath = await stand.Through(ReceiverStand.Tenant, $"/tenants/{ReceiverStand.TranslatedTenant}/api/v1/write")
            .SendBytesAsync(body, DirectWriter.V1, "snappy", isChunked: true, Cancellation);

        Assert.Equal((403, "tenant-not-granted"), (byHeader.Status, byHeader.Reason));
        Assert.Equal((403, "tenant-not-granted"), (byPath.Status, byPath.Reason));
        Assert.Empty(await stand.Store.ReadAsync("{__name__=\"spoof_by_request\"}", Cancellation));
        Assert.Empty(await stand.OlderStore.ReadAsync("{__name__=\"spoof_by_request\"}", Cancellation));
    }

    private static long Now() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    /// <summary>A scalar that is given twice has its last value; a reader that takes the first sees a harmless label.</summary>
    private static byte[] LabelWithTwoNames(string metric)
    {
        byte[] label = [.. new V1.Label { Name = "harmless" }.ToByteArray(), .. new V1.Label { Name = "tenant", Value = Victim }.ToByteArray()];
        return Request(
            Field(1, new V1.Label { Name = "__name__", Value = metric }.ToByteArray()),
            Field(1, label),
            Field(2, new V1.Sample { Timestamp = Now(), Value = 1 }.ToByteArray()));
    }

    private static byte[] LabelsBehindSamples(string metric) => Request(
        Field(1, new V1.Label { Name = "__name__", Value = metric }.ToByteArray()),
        Field(2, new V1.Sample { Timestamp = Now(), Value = 1 }.ToByteArray()),
        Field(1, new V1.Label { Name = "tenant", Value = Victim }.ToByteArray()));

    /// <summary>The name stands twice in the table; comparing references would miss the second.</summary>
    private static byte[] TwinSymbol(string metric) => new V2.Request
    {
        Symbols = { "", "__name__", metric, "tenant", Victim, "tenant" },
        Timeseries = { new V2.TimeSeries { LabelsRefs = { 1, 2, 5, 4 }, Samples = { new V2.Sample { Timestamp = Now(), Value = 1 } } } },
    }.ToByteArray();

    /// <summary>A packed field may come in several runs, and they are one list.</summary>
    private static byte[] ReferencesInTwoRuns(string metric)
    {
        byte[] series =
        [
            .. new V2.TimeSeries { LabelsRefs = { 1, 2 }, Samples = { new V2.Sample { Timestamp = Now(), Value = 1 } } }.ToByteArray(),
            .. new V2.TimeSeries { LabelsRefs = { 3, 4 } }.ToByteArray(),
        ];
        return [.. new V2.Request { Symbols = { "", "__name__", metric, "tenant", Victim } }.ToByteArray(), .. Field(5, series)];
    }

    private static byte[] Request(params byte[][] fields) => Field(1, [.. fields.SelectMany(field => field)]);

    private static byte[] Field(int number, byte[] value)
    {
        using MemoryStream stream = new();
        using (CodedOutputStream output = new(stream, leaveOpen: true))
        {
            output.WriteTag(number, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(value));
        }

        return stream.ToArray();
    }
}
