using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>Idempotency keys, on either engine.</summary>
public sealed class PushIdempotencyTests
{
    private const string Body = "# TYPE c counter\nc 1\n";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static PushRequest Add(string key, string fingerprint = "body", string body = Body, string path = "job=j") =>
        PushHost.Request(path, body, PushVerb.Post, PushMode.Sum) with { Idempotency = PushHost.Idempotent(key, fingerprint) };

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_repeat_is_answered_as_the_first_time_and_does_nothing(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        Assert.Equal("Stored", await host.PushAsync(Add("one")));

        Assert.Equal("Replayed", await host.PushAsync(Add("one")));
        Assert.Equal("Stored", await host.PushAsync(Add("two")));

        Assert.Equal("c{job=\"j\"} 2 # start", await host.ShowAsync("job=j"));
        Assert.Equal(1, await host.MetricAsync("rwgateway_push_idempotent_replays_total{tenant=\"ours\"}"));

        // Of another tenant, and of one whose time is over, it is another key.
        Assert.Equal("Stored", await host.PushAsync(Add("one") with { Tenant = "theirs" }));
        await host.AdvanceAsync(TimeSpan.FromHours(24));
        Assert.Equal("Stored", await host.PushAsync(Add("one", "another body")));
        Assert.Equal("c{job=\"j\"} 3 # start", await host.ShowAsync("job=j"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_key_of_another_push_is_refused_without_a_trace(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PushAsync(Add("one"));

        Assert.Equal("Refused idempotency-key-reused", await host.PushAsync(Add("one", "another body")));

        Assert.Equal(("c{job=\"j\"} 1 # start", 0), (await host.ShowAsync("job=j"), (await host.RowAsync("job=j"))!.FailMs));
        Assert.Equal("Refused idempotency-key-reused", await host.PushAsync(Add("one", "another body", path: "job=never")));
        Assert.Null(await host.RowAsync("job=never"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_traced_refusal_is_recorded_and_a_limit_is_not(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=holder", "# TYPE c gauge\nc 1\n");
        PushOutcome first = await host.Store.PushAsync(Add("one"), Cancel);
        Assert.Equal("type-conflict", first.Refusal!.Reason);
        await host.DeleteAsync("job=holder");

        // It would pass now; the answer stays what it was.
        PushOutcome second = await host.Store.PushAsync(Add("one"), Cancel);
        Assert.Equal(first with { Fate = PushFate.Replayed }, second);

        PushRequest limited = Add("two") with { Limits = PushHost.NoLimits with { MaxSeries = 2 } };
        Assert.Equal("Refused push-series-limit", await host.PushAsync(limited));
        await host.PutAsync("job=j", "");
        Assert.Equal("Refused push-series-limit", await host.PushAsync(limited));
        Assert.Equal(["one"], await host.Database.QueryAsync<string>("SELECT idem_key FROM push_idempotency", null, Cancel));
        Assert.Equal("Stored", await host.PushAsync(Add("two")));

        // One that was found before the transaction is recorded as well.
        PushRequest refused = Add("three") with { Refusal = new PushRefusal("series-duplicate", "line 3: twice") };
        Assert.Equal("Refused series-duplicate", await host.PushAsync(refused));
        Assert.Equal("Replayed series-duplicate", await host.PushAsync(refused));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Of_twins_one_is_stored_and_the_other_waits_for_its_answer(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);

        string[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => host.PushAsync(Add("one")))));

        Assert.Equal(["Replayed", "Stored"], answers.Distinct().Order());
        Assert.Single(answers, answer => answer == "Stored");
        Assert.Equal("c{job=\"j\"} 1 # start", await host.ShowAsync("job=j"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Keys_go_when_their_time_is_over_and_the_oldest_when_there_are_too_many(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int i = 0; i < 5; i++)
        {
            await host.PushAsync(Add($"key {i}"));
            await host.AdvanceAsync(TimeSpan.FromSeconds(1));
        }

        await host.PushAsync(Add("theirs") with { Tenant = "theirs" });
        await host.Sweeper.SweepAsync(Cancel);
        Assert.Equal(6, await host.CountAsync("push_idempotency"));

        await host.Sweeper.TrimKeysAsync(3, Cancel);
        Assert.Equal(
            ["key 2", "key 3", "key 4", "theirs"], await host.Database.QueryAsync<string>("SELECT idem_key FROM push_idempotency ORDER BY idem_key", null, Cancel));
        Assert.Equal(2, await host.MetricAsync("rwgateway_push_idempotency_keys_trimmed_total{tenant=\"ours\"}"));

        await host.AdvanceAsync(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(2));
        await host.Sweeper.SweepAsync(Cancel);
        Assert.Equal(["key 4", "theirs"], await host.Database.QueryAsync<string>("SELECT idem_key FROM push_idempotency ORDER BY idem_key", null, Cancel));
    }
}
