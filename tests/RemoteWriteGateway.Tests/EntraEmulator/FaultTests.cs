using System.Net;
using System.Text.Json.Nodes;
using EntraEmulator.Faults;
using Microsoft.Extensions.Time.Testing;

namespace RemoteWriteGateway.Tests.EntraEmulator;

public sealed class FaultTests
{
    private const string Metadata = $"/{EmulatorHost.DirectoryId}/v2.0/.well-known/openid-configuration";
    private const string Keys = $"/{EmulatorHost.DirectoryId}/discovery/v2.0/keys";
    private const string Token = $"/{EmulatorHost.DirectoryId}/oauth2/v2.0/token";

    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("metadata", Metadata)]
    [InlineData("keys", Keys)]
    [InlineData("token", Token)]
    public async Task An_endpoint_is_out_of_order_until_it_is_told_otherwise(string endpoint, string path)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAfterAsync("503"));
        Assert.Equal(path == Token ? HttpStatusCode.TemporaryRedirect : HttpStatusCode.Found, await StatusAfterAsync("redirect"));
        Assert.Equal(HttpStatusCode.OK, await StatusAfterAsync("garbage"));
        Assert.Equal(HttpStatusCode.OK, await StatusAfterAsync("ok"));
        using HttpResponseMessage good = await SendAsync(http, path);
        Assert.NotNull(JsonNode.Parse(await good.Content.ReadAsStringAsync(Cancellation)));

        async Task<HttpStatusCode> StatusAfterAsync(string fault)
        {
            await SetAsync(http, $$"""{"{{endpoint}}":"{{fault}}"}""");
            using HttpResponseMessage response = await SendAsync(http, path);
            return response.StatusCode;
        }
    }

    [Fact]
    public async Task Only_the_endpoint_that_was_named_is_out_of_order()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();

        await SetAsync(http, """{"metadata":"503"}""");
        string answer = await SetAsync(http, """{"token":"slow"}""");
        using HttpResponseMessage keys = await SendAsync(http, Keys);

        Assert.Equal(
            """{"keys":"ok","metadata":"503","token":"slow"}""",
            new JsonObject(JsonNode.Parse(answer)!.AsObject().OrderBy(fault => fault.Key).Select(fault => KeyValuePair.Create(fault.Key, fault.Value?.DeepClone()))).ToJsonString());
        Assert.Equal(HttpStatusCode.OK, keys.StatusCode);
    }

    [Theory]
    [InlineData(Metadata)]
    [InlineData(Keys)]
    [InlineData(Token)]
    public async Task Garbage_is_no_json(string path)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();
        await SetAsync(http, """{"metadata":"garbage","keys":"garbage","token":"garbage"}""");

        using HttpResponseMessage response = await SendAsync(http, path);

        string text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.ThrowsAny<System.Text.Json.JsonException>(() => JsonNode.Parse(text));
    }

    [Theory]
    [InlineData(Metadata, "issuer")]
    [InlineData(Keys, "keys")]
    [InlineData(Token, "access_token")]
    public async Task A_redirect_that_is_followed_leads_to_the_right_answer(string path, string member)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();
        await SetAsync(http, """{"metadata":"redirect","keys":"redirect","token":"redirect"}""");
        using HttpResponseMessage response = await SendAsync(http, path);

        using HttpResponseMessage followed = await SendAsync(http, response.Headers.Location!.ToString());

        Assert.NotNull(JsonNode.Parse(await followed.Content.ReadAsStringAsync(Cancellation))![member]);
    }

    [Theory]
    [InlineData(Metadata)]
    [InlineData(Keys)]
    [InlineData(Token)]
    public async Task A_hanging_endpoint_answers_when_the_fault_is_lifted(string path)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();
        await SetAsync(http, """{"metadata":"hang","keys":"hang","token":"hang"}""");

        Task<HttpResponseMessage> hanging = SendAsync(http, path);
        await SetAsync(http, """{"metadata":"ok"}""");
        await SetAsync(http, """{"keys":"ok","token":"503"}""");
        using HttpResponseMessage response = await hanging;

        Assert.Equal(path == Token ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task A_hanging_request_ends_when_its_client_hangs_up()
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();
        emulator.Faults.Set(new Dictionary<EmulatedEndpoint, Fault> { [EmulatedEndpoint.Keys] = Fault.Hang });
        using CancellationTokenSource hangUp = new();

        Task<HttpResponseMessage> hanging = http.GetAsync(Keys, hangUp.Token);
        await hangUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => hanging);
    }

    [Fact]
    public async Task A_hanging_request_does_not_hold_up_the_stop()
    {
        EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();
        emulator.Faults.Set(new Dictionary<EmulatedEndpoint, Fault> { [EmulatedEndpoint.Keys] = Fault.Hang });
        Task<HttpResponseMessage> hanging = http.GetAsync(Keys, Cancellation);

        await emulator.StopAsync(Cancellation);
        using HttpResponseMessage response = await hanging;

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        await emulator.DisposeAsync();
    }

    [Fact]
    public async Task A_slow_endpoint_answers_after_its_delay_and_not_before()
    {
        TimerWatch time = new();
        await using EmulatorHost emulator = await EmulatorHost.StartAsync(time: time);
        using HttpClient http = emulator.CreateClient();
        emulator.Faults.Set(new Dictionary<EmulatedEndpoint, Fault> { [EmulatedEndpoint.Keys] = Fault.Slow });

        Task<HttpResponseMessage> slow = http.GetAsync(Keys, Cancellation);
        await time.DelayBegun.WaitAsync(Cancellation);
        time.Advance(FaultSwitch.SlowDelay - TimeSpan.FromMilliseconds(1));
        Assert.False(slow.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));
        using HttpResponseMessage response = await slow;

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("metadata", Metadata)]
    [InlineData("keys", Keys)]
    public async Task A_document_can_outgrow_its_reader(string endpoint, string path)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();
        await SetAsync(http, $$"""{"{{endpoint}}":"oversized"}""");

        byte[] document = await http.GetByteArrayAsync(path, Cancellation);

        Assert.True(document.Length > 1 << 20);
        Assert.NotNull(JsonNode.Parse(document));
    }

    [Theory]
    [InlineData("foreign-issuer", "issuer", $"https://login.foreign.test/{EmulatorHost.DirectoryId}/v2.0")]
    [InlineData("foreign-keys", "jwks_uri", $"https://keys.foreign.test/{EmulatorHost.DirectoryId}/discovery/v2.0/keys")]
    public async Task A_document_can_name_somebody_else(string fault, string member, string value)
    {
        await using EmulatorHost emulator = await EmulatorHost.StartAsync();
        using HttpClient http = emulator.CreateClient();
        await SetAsync(http, $$"""{"metadata":"{{fault}}"}""");

        JsonNode? document = JsonNode.Parse(await http.GetStringAsync(Metadata, Cancellation));

        Assert.Equal(value, (string?)document![member]);
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient http, string path) =>
        path.StartsWith(Token, StringComparison.Ordinal)
            ? http.PostAsync(path, new FormUrlEncodedContent(
                [
                    new("grant_type", "client_credentials"),
                    new("client_id", "99999999-0000-4000-8000-000000000001"),
                    new("client_secret", "local-dev-secret"),
                    new("scope", $"api://{EmulatorHost.Gateway}/.default"),
                ]), Cancellation)
            : http.GetAsync(path, Cancellation);

    private static async Task<string> SetAsync(HttpClient http, string faults)
    {
        using HttpResponseMessage response = await http.PostAsync("/test/fault", new StringContent(faults), Cancellation);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsStringAsync(Cancellation);
    }

    /// <summary>Time that says when somebody has begun to wait for it.</summary>
    private sealed class TimerWatch : FakeTimeProvider
    {
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task DelayBegun => _begun.Task;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            ITimer timer = base.CreateTimer(callback, state, dueTime, period);
            if (dueTime == FaultSwitch.SlowDelay)
            {
                _begun.TrySetResult();
            }

            return timer;
        }
    }
}
