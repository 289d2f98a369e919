namespace RemoteWriteGateway.EndToEnd.Tests.Push;

/// <summary>
/// What real clients sent to a Pushgateway, sent again byte for byte to a real one and to the gateway: the same statuses, groups and series, and
/// these are what the client takes for success. <c>Recorded/README.md</c> tells how it was recorded.
/// </summary>
[Collection(SharedPushStand.Name)]
public sealed class RecordedClientTests(PushStand stand)
{
    /// <summary>What the gateway refuses, by which reason, and what a Pushgateway answers.</summary>
    private static readonly Dictionary<string, (string Reason, int Theirs)> Refused = new()
    {
        ["client_golang-1.23.2/09-put"] = ("timestamps-not-allowed", 400),
        ["client_golang-1.23.2/12-put"] = ("malformed-openmetrics", 400), // a Pushgateway stumbles over its exemplars
        ["client_golang-1.23.2/14-put"] = ("malformed-openmetrics", 400),
        ["client_golang-1.23.2/16-put"] = ("malformed-text", 400), // protobuf as text, in two forms
        ["client_golang-1.23.2/18-put"] = ("malformed-text", 400),
        ["client_golang-1.23.2/20-put"] = ("malformed-openmetrics", 200), // its pusher leaves out the last line, # EOF, which text has not
        ["client_python-0.21.1/09-put"] = ("timestamps-not-allowed", 400),
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("client_golang-1.23.2")]
    [InlineData("client_python-0.21.1")]
    public async Task What_a_client_sends_means_the_same_as_to_a_pushgateway(string client)
    {
        await stand.WipeAsync();
        IReadOnlyList<ClientRequest> requests = ClientRequest.Of(client);
        Assert.NotEmpty(requests);
        foreach (ClientRequest request in requests)
        {
            bool isRefused = Refused.TryGetValue($"{client}/{request.Name}", out (string Reason, int Theirs) refusal);
            int success = request.Name.EndsWith("-delete", StringComparison.Ordinal) ? 202 : 200;

            (int ours, string text) = await ClientRequest.SendAsync(stand.Gateway, request.ToGateway(stand.Gateway, stand.Token), Cancel);
            (int theirs, string theirText) = await ClientRequest.SendAsync(stand.Pushgateway, request.ToPushgateway(stand.Pushgateway), Cancel);

            string step = $"{client}/{request}: {ours} ({text}), there {theirs} ({theirText})";
            Assert.True(ours == (isRefused ? 400 : success), step);
            Assert.True(theirs == (isRefused ? refusal.Theirs : success), step);
            Assert.StartsWith(isRefused ? refusal.Reason + ": " : "", text, StringComparison.Ordinal);
            if (ours != theirs)
            {
                await stand.WipeAsync();
            }

            await stand.AssertSameContentAsync(step);
            await stand.AssertSameFamiliesAsync(step);
        }
    }
}
