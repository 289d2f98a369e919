using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>What groups of a tenant may not do to each other, what a refusal leaves, and limits; on either engine.</summary>
public sealed class PushConflictTests
{
    private const string Histogram = "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_sum 4\nh_count 2\n";
    private const string Summary = "# TYPE s summary\ns_sum 3\ns_count 2\n";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_name_has_one_type_unless_its_only_holder_changes_it(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=a", "# TYPE m gauge\nm 1\n");
        Assert.Equal("Stored", await host.PutAsync("job=a", "# TYPE m counter\nm 1\n"));
        Assert.Equal("Refused type-conflict", await host.PutAsync("job=b", "# TYPE m gauge\nm 1\n"));
        Assert.Equal("Stored", await host.PutAsync("job=b", "# TYPE m counter\nm 1\n"));

        Assert.Equal("Refused type-conflict", await host.PutAsync("job=a", "# TYPE m gauge\nm 1\n"));

        Assert.Equal(["m 0 2"], await host.NamesAsync());
        await host.DeleteAsync("job=b");
        Assert.Equal("Stored", await host.PutAsync("job=a", "# TYPE m gauge\nm 1\n"));
        Assert.Equal(["m 1 1"], await host.NamesAsync());
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_histogram_or_summary_excludes_the_names_of_its_own_series_both_ways(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        foreach ((string family, string[] forms) in ((string, string[])[])[(Histogram, ["h_bucket", "h_count", "h_sum"]), (Summary, ["s_count", "s_sum"])])
        {
            foreach (string form in forms)
            {
                string gauge = $"# TYPE {form} gauge\n{form} 1\n";
                Assert.Equal("Stored", await host.PutAsync("job=a", family));
                Assert.Equal("Refused name-collision", await host.PutAsync("job=b", gauge));
                await host.DeleteAsync("job=a");
                Assert.Equal("Stored", await host.PutAsync("job=b", gauge));
                Assert.Equal("Refused name-collision", await host.PutAsync("job=a", family));

                // The same group may turn one into the other, but not have both.
                Assert.Equal("Stored", await host.PutAsync("job=b", family));
                Assert.Equal("Stored", await host.PutAsync("job=b", gauge));
                Assert.Equal("Refused name-collision", await host.PostAsync("job=b", family));
                await host.DeleteAsync("job=b");
            }
        }

        // A summary has no buckets; a gauge named like the base of a gauge is nobody's form.
        Assert.Equal("Stored", await host.PutAsync("job=a", Summary));
        Assert.Equal("Stored", await host.PutAsync("job=b", "# TYPE s_bucket gauge\ns_bucket 1\n# TYPE g gauge\ng 1\n# TYPE g_count gauge\ng_count 1\n"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_series_belongs_to_one_group(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=a", "# TYPE m gauge\nm{zone=\"x\"} 1\n");

        PushOutcome outcome = await host.Store.PushAsync(PushHost.Request("job=a,zone=x", "# TYPE n gauge\nn 1\n# TYPE m gauge\nm 2\n"), Cancel);

        Assert.Equal(
            ("series-held-elsewhere", "m: another group of the tenant holds a series with the same name and labels; push it to that group, or with another label"),
            (outcome.Refusal!.Reason, outcome.Refusal.Text));
        Assert.Equal(["m 1 1"], await host.NamesAsync());
        await host.PutAsync("job=a", "");
        Assert.Equal("Stored", await host.PutAsync("job=a,zone=x", "# TYPE m gauge\nm 2\n"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_traced_refusal_leaves_the_payload_and_sets_the_failure_time(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=a", "# TYPE m gauge\nm 1\n");
        await host.PutAsync("job=b", "# TYPE n gauge\nn 1\n");
        await host.WriteAsync("job=b");
        long pushed = host.NowMs;
        await host.AdvanceAsync(TimeSpan.FromSeconds(5));

        Assert.Equal("Refused type-conflict", await host.PutAsync("job=b", "# TYPE m counter\nm 1\n"));

        StoredGroup row = (await host.RowAsync("job=b"))!;
        Assert.Equal("n{job=\"b\"} 1", PushHost.Show(row));
        Assert.Equal((pushed, host.NowMs, "type-conflict", 1), (row.PushMs, row.FailMs, row.FailReason, row.Generation));
        Assert.Equal((host.NowMs, host.NowMs, host.NowMs), (row.ChangedMs, row.DirtySinceMs, row.NextEmitMs));

        // A PUT keeps the failure time: a success clears nothing.
        long failed = host.NowMs;
        await host.AdvanceAsync(TimeSpan.FromSeconds(5));
        await host.PutAsync("job=b", "# TYPE n gauge\nn 2\n");
        row = (await host.RowAsync("job=b"))!;
        Assert.Equal((host.NowMs, failed), (row.PushMs, row.FailMs));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_traced_refusal_makes_a_group_that_was_not_there(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        PushRequest refused = PushHost.Request("job=new", "") with { Refusal = new PushRefusal("series-duplicate", "twice"), Limits = PushHost.NoLimits with { MaxGroups = 1 } };

        Assert.Equal("Refused series-duplicate", await host.PushAsync(refused));

        StoredGroup row = (await host.RowAsync("job=new"))!;
        Assert.Equal((0, host.NowMs, "series-duplicate", 0, 2), (row.PushMs, row.FailMs, row.FailReason, row.Generation, row.Series));
        Assert.Equal("1 2 256", await host.UsageAsync());

        // The limit on groups allows no second one: the answer is the same, and nothing is made.
        Assert.Equal("Refused series-duplicate", await host.PushAsync(refused with { Key = PushHost.Key("job=newer") }));
        Assert.Null(await host.RowAsync("job=newer"));
        Assert.Equal("1 2 256", await host.UsageAsync());
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Stored_limits_hold_for_what_grows(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        PushStoreLimits limits = new("tenants.ours.push.limits", 2, 7, 100_000);
        PushRequest Push(string path, string text) => PushHost.Request(path, text) with { Limits = limits };
        Assert.Equal("Stored", await host.PushAsync(Push("job=a", "# TYPE m gauge\nm 1\n")));
        Assert.Equal("Stored", await host.PushAsync(Push("job=b", "# TYPE m gauge\nm 1\n")));

        PushOutcome outcome = await host.Store.PushAsync(Push("job=c", "# TYPE m gauge\nm 1\n"), Cancel);
        Assert.Equal(
            "push-group-limit: the tenant has 2 push groups, limit 2; delete groups or raise tenants.ours.push.limits.maxGroups",
            $"{outcome.Refusal!.Reason}: {outcome.Refusal.Text}");
        Assert.True(outcome.Refusal.IsLimit);
        Assert.Null(await host.RowAsync("job=c"));

        Assert.Equal("Refused push-series-limit", await host.PushAsync(Push("job=a", "# TYPE m gauge\nm 1\n# TYPE n gauge\nn 1\n# TYPE o gauge\no 1\n")));
        Assert.Equal("push-series-limit", (await host.RowAsync("job=a"))!.FailReason);
        Assert.Equal("2 6 512", await host.UsageAsync());

        // At the limit, and beyond it when it was lowered, groups that do not grow go on.
        limits = limits with { MaxSeries = 3, MaxGroups = 1, MaxStoredBytes = 10 };
        Assert.Equal("Stored", await host.PushAsync(Push("job=a", "# TYPE m gauge\nm 2\n")));
        Assert.Equal("Stored", await host.PushAsync(Push("job=a", "# TYPE o gauge\no 2\n")));
        limits = limits with { MaxSeries = 1000 };
        Assert.Equal(
            "Refused push-bytes-limit",
            await host.PushAsync(Push("job=a", string.Concat(Enumerable.Range(0, 20).Select(i => $"# TYPE m{i} gauge\nm{i} 1\n")))));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task The_steady_state_touches_no_names_series_or_usage_and_costs_the_same_however_much_is_stored(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        const string Body = "# TYPE m counter\nm{zone=\"x\"} 1\nm{zone=\"y\"} 1\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_sum 4\nh_count 2\n";
        host.Sent.Clear();
        Assert.Equal("Stored", await host.PutAsync("job=a", Body));
        Assert.InRange(host.Sent.RoundTrips, 1, 4);
        host.Sent.Clear();
        Assert.Equal("Stored", await host.PutAsync("job=a", Body.Replace("} 1", "} 2", StringComparison.Ordinal)));
        string[] alone = [.. host.Sent.Statements];
        Assert.Equal(3, host.Sent.RoundTrips);
        Assert.DoesNotContain(alone, sql => sql.Contains("push_names", StringComparison.Ordinal) || sql.Contains("push_series", StringComparison.Ordinal)
            || sql.Contains("push_usage", StringComparison.Ordinal));

        for (int i = 0; i < 300; i++)
        {
            await host.PutAsync($"job=b,n={i}", Body);
        }

        host.Sent.Clear();
        Assert.Equal("Stored", await host.PutAsync("job=a", Body.Replace("} 1", "} 3", StringComparison.Ordinal)));
        Assert.Equal(alone, host.Sent.Statements);
    }
}
