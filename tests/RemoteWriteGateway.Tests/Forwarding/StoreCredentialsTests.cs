using System.Text;
using Azure.Core;
using Azure.Identity;
using RemoteWriteGateway.Forwarding;

namespace RemoteWriteGateway.Tests.Forwarding;

/// <summary>What the gateway shows stores of itself.</summary>
public sealed class StoreCredentialsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rwgateway-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_bearer_token_comes_from_its_file_which_is_read_again_every_30_s()
    {
        string file = File("token", "first\n");
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("Auth:Kind", "BearerFile"), ("Auth:TokenFile", file));

        await host.SendAsync(Messages.V1Samples("a"));
        File("token", "second\r\n");
        await host.SendAsync(Messages.V1Samples("a"));
        host.Time.Advance(TimeSpan.FromSeconds(30));
        await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal(["Bearer first", "Bearer first", "Bearer second"], Shown(store));
    }

    /// <summary>A device states no length, and has no end.</summary>
    [Fact]
    public async Task A_file_without_an_end_is_read_no_further_than_a_secret_may_be_long()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("Auth:Kind", "BearerFile"), ("Auth:TokenFile", "/dev/zero"));

        Assert.Equal("store-unavailable", Assert.Single((await host.SendAsync(Messages.V1Samples("a"))).Faults).Reason);
        Assert.Contains("/dev/zero has more than 65536 bytes", host.Logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task User_name_and_password_come_from_files()
    {
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(
            store, ("Auth:Kind", "Basic"), ("Auth:UsernameFile", File("u", "gateway\n")), ("Auth:PasswordFile", File("p", "pä:ss word\n")));

        await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal(["Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("gateway:pä:ss word"))], Shown(store));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("two\nlines")]
    [InlineData("a token")]
    [InlineData("tökn")]
    public async Task Without_a_usable_token_no_request_is_made_until_there_is_one(string? contents)
    {
        string file = contents is null ? Path.Combine(_folder.FullName, "token") : File("token", contents);
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("Auth:Kind", "BearerFile"), ("Auth:TokenFile", file));

        StoreVerdict verdict = await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal((VerdictKind.Retry, "store-unavailable"), (verdict.Kind, Assert.Single(verdict.Faults).Reason));
        Assert.Empty(store.Requests);
        Assert.Contains("Credentials of store main cannot be read, nothing is sent to the store", host.Logs.Text, StringComparison.Ordinal);

        File("token", "good");
        host.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(VerdictKind.Written, (await host.SendAsync(Messages.V1Samples("a"))).Kind);
    }

    [Fact]
    public async Task A_token_that_cannot_be_read_any_more_stays_in_use_and_that_is_told_once()
    {
        string file = File("token", "first");
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("Auth:Kind", "BearerFile"), ("Auth:TokenFile", file));
        await host.SendAsync(Messages.V1Samples("a"));

        System.IO.File.Delete(file);
        host.Time.Advance(TimeSpan.FromSeconds(30));
        host.Time.Advance(TimeSpan.FromSeconds(30));
        await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal(["Bearer first", "Bearer first"], Shown(store));
        Assert.Single(host.Logs.Records, record => record.Text.Contains("the last ones stay in use", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(401)]
    [InlineData(403)]
    public async Task A_token_that_the_store_refuses_is_renewed_once_and_the_request_sent_again(int status)
    {
        string file = File("token", "old");
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.Before(store, ("Auth:Kind", "BearerFile"), ("Auth:TokenFile", file));
        store.Answering = request => request.Header("Authorization") == "Bearer new" ? StoreAnswer.Accept : new StoreAnswer(status);
        await host.SendAsync(Messages.V1Samples("a"));
        File("token", "new");

        StoreVerdict verdict = await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal(VerdictKind.Written, verdict.Kind);
        Assert.Equal(["Bearer old", "Bearer old", "Bearer new"], Shown(store));
        Assert.Equal("1", store.Requests[2].Header("Retry-Attempt"));
        Assert.Equal(store.Requests[1].Body, store.Requests[2].Body);
    }

    [Fact]
    public async Task A_token_that_is_refused_again_is_the_operators_matter()
    {
        TokenSource tokens = new("one", "two", "three");
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = Entra(store, tokens);
        store.AnswerAlways = new StoreAnswer(401);

        StoreVerdict verdict = await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal((VerdictKind.Retry, "store-auth-failed"), (verdict.Kind, Assert.Single(verdict.Faults).Reason));
        Assert.Equal(["Bearer one", "Bearer two"], Shown(store));
    }

    [Fact]
    public async Task A_store_that_refuses_every_token_does_not_make_us_ask_for_one_with_every_request()
    {
        TokenSource tokens = new("one", "two", "three");
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = Entra(store, tokens);
        store.AnswerAlways = new StoreAnswer(401);

        for (int i = 0; i < 10; i++)
        {
            await host.SendAsync(Messages.V1Samples("a"));
        }

        Assert.Equal(2, tokens.Asked);
        host.Time.Advance(TimeSpan.FromSeconds(10));
        await host.SendAsync(Messages.V1Samples("a"));
        Assert.Equal(3, tokens.Asked);
    }

    [Fact]
    public async Task A_token_of_entra_is_shared_by_requests_and_asked_for_the_stores_scope()
    {
        TokenSource tokens = new("one");
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = Entra(store, tokens);

        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => host.SendAsync(Messages.V1Samples("a"))));

        Assert.All(Shown(store), shown => Assert.Equal("Bearer one", shown));
        Assert.Equal(1, tokens.Asked);
        Assert.Equal(["https://store.example/.default"], tokens.Scopes);
    }

    [Fact]
    public async Task A_token_is_renewed_at_half_its_life_and_no_request_waits_for_it()
    {
        TokenSource tokens = new("one", "two") { Life = TimeSpan.FromHours(1) };
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = Entra(store, tokens);
        await host.SendAsync(Messages.V1Samples("a"));

        host.Time.Advance(TimeSpan.FromMinutes(29));
        await host.SendAsync(Messages.V1Samples("a"));
        Assert.Equal(1, tokens.Asked);

        TaskCompletionSource directory = tokens.Block();
        host.Time.Advance(TimeSpan.FromMinutes(1));
        await host.SendAsync(Messages.V1Samples("a"));
        await tokens.AskedAgain;
        directory.SetResult();
        await tokens.Answered;
        Assert.Equal(["Bearer one", "Bearer one", "Bearer one"], Shown(store));

        // The renewed one is in use from the moment it is there.
        while (Shown(store)[^1] != "Bearer two")
        {
            await host.SendAsync(Messages.V1Samples("a"));
        }

        Assert.Equal(2, tokens.Asked);
    }

    [Fact]
    public async Task Without_a_token_of_entra_the_store_is_unavailable_and_never_asked_without_one()
    {
        TokenSource tokens = new() { Failure = new AuthenticationFailedException("no identity here") };
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = Entra(store, tokens);

        StoreVerdict first = await host.SendAsync(Messages.V1Samples("a"));
        StoreVerdict second = await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal("store-unavailable", Assert.Single(first.Faults).Reason);
        Assert.Equal("store-unavailable", Assert.Single(second.Faults).Reason);
        Assert.Empty(store.Requests);
        Assert.Equal(1, tokens.Asked);
        Assert.Contains("No token for store main", host.Logs.Text, StringComparison.Ordinal);

        tokens.Failure = null;
        host.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(VerdictKind.Written, (await host.SendAsync(Messages.V1Samples("a"))).Kind);
    }

    [Fact]
    public async Task A_failed_renewal_costs_nothing_while_the_last_token_is_good()
    {
        TokenSource tokens = new("one") { Life = TimeSpan.FromHours(1) };
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = Entra(store, tokens);
        await host.SendAsync(Messages.V1Samples("a"));
        tokens.Failure = new AuthenticationFailedException("away");

        host.Time.Advance(TimeSpan.FromMinutes(40));
        StoreVerdict good = await host.SendAsync(Messages.V1Samples("a"));
        host.Time.Advance(TimeSpan.FromMinutes(20));
        StoreVerdict ended = await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal((VerdictKind.Written, VerdictKind.Retry), (good.Kind, ended.Kind));
        Assert.Equal(2, store.Requests.Count);
    }

    [Fact]
    public async Task For_azure_monitor_the_scope_is_known()
    {
        TokenSource tokens = new("one");
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = ForwardHost.WithMain(
            tokens, ("Kind", "AzureMonitor"), ("Url", store.Url.ToString()), ("Path", "/write?api-version=2023-04-24"), ("Auth:Kind", "Entra"));
        tokens.Time = host.Time;

        await host.SendAsync(Messages.V1Samples("a"));

        Assert.Equal(["https://monitor.azure.com/.default"], tokens.Scopes);
        Assert.Equal("/write?api-version=2023-04-24", store.Request.Target);
    }

    [Theory]
    [InlineData("http://store.example:9090", true)]
    [InlineData("http://127.0.0.1:9090", false)]
    [InlineData("https://store.example", false)]
    public async Task Credentials_that_travel_in_clear_are_warned_of(string url, bool isWarned)
    {
        await using ForwardHost host = ForwardHost.WithMain(
            ("Kind", "Prometheus"), ("Url", url), ("Auth:Kind", "BearerFile"), ("Auth:TokenFile", File("token", "secret")));

        _ = host.Main;

        Assert.Equal(isWarned, host.Logs.Text.Contains("travel in clear", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_token_reaches_the_log()
    {
        TokenSource tokens = new("secret-one", "secret-two");
        await using RecordingStore store = await RecordingStore.StartAsync();
        await using ForwardHost host = Entra(store, tokens);
        store.AnswerAlways = new StoreAnswer(401);

        await host.SendAsync(Messages.V1Samples("a"));

        Assert.DoesNotContain("secret", host.Logs.Text, StringComparison.Ordinal);
    }

    private static ForwardHost Entra(RecordingStore store, TokenSource tokens)
    {
        ForwardHost host = ForwardHost.WithMain(
            tokens, ("Kind", "Prometheus"), ("Url", store.Url.ToString()), ("Auth:Kind", "Entra"), ("Auth:Scope", "https://store.example/.default"));
        tokens.Time = host.Time;
        return host;
    }

    private static string?[] Shown(RecordingStore store) => [.. store.Requests.Select(request => request.Header("Authorization"))];

    private string File(string name, string contents)
    {
        string path = Path.Combine(_folder.FullName, name);
        System.IO.File.WriteAllText(path, contents);
        return path;
    }

    /// <summary>A directory that gives these tokens one after the other, the last one for ever.</summary>
    private sealed class TokenSource(params string[] tokens) : TokenCredential
    {
        private readonly TaskCompletionSource _askedAgain = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TaskCompletionSource? _block;
        private int _asked;

        public TimeProvider Time { get; set; } = TimeProvider.System;

        public TimeSpan Life { get; init; } = TimeSpan.FromHours(1);

        public Exception? Failure { get; set; }

        public int Asked => Volatile.Read(ref _asked);

        public List<string> Scopes { get; } = [];

        /// <summary>Completes when a token is asked for while it is blocked.</summary>
        public Task AskedAgain => _askedAgain.Task;

        /// <summary>Completes when the blocked answer is given.</summary>
        public Task Answered => _answered.Task;

        public TaskCompletionSource Block() => _block = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            throw new NotSupportedException("Nothing waits synchronously.");

        public override async ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken)
        {
            int number = Interlocked.Increment(ref _asked);
            Scopes.AddRange(requestContext.Scopes);
            if (_block is { } block)
            {
                _askedAgain.TrySetResult();
                await block.Task.WaitAsync(cancellationToken);
                _answered.TrySetResult();
            }

            return Failure is { } failure
                ? throw failure
                : new AccessToken(tokens.Length == 0 ? "token" : tokens[Math.Min(number, tokens.Length) - 1], Time.GetUtcNow() + Life);
        }
    }
}
