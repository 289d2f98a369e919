using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>What PUT, POST and DELETE do with a group's payload, on either engine.</summary>
public sealed class PushContentTests
{
    private const string TwoFamilies =
        """
        # TYPE a gauge
        a{zone="x"} 1
        a{zone="y"} 2
        # TYPE b gauge
        b 3

        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_put_replaces_the_whole_payload(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        Assert.Equal("Stored", await host.PutAsync("job=j", TwoFamilies));
        Assert.Equal("a{job=\"j\",zone=\"x\"} 1\na{job=\"j\",zone=\"y\"} 2\nb{job=\"j\"} 3", await host.ShowAsync("job=j"));

        Assert.Equal("Stored", await host.PutAsync("job=j", "# TYPE c gauge\nc 4\n"));

        Assert.Equal("c{job=\"j\"} 4", await host.ShowAsync("job=j"));
        Assert.Equal(["c 1 1"], await host.NamesAsync());
        Assert.Equal(1, await host.CountAsync("push_series"));
        Assert.Equal(1, await host.CountAsync("push_payloads"));
        Assert.Equal("1 3 256", await host.UsageAsync());
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_post_replaces_whole_families_and_leaves_the_others(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", TwoFamilies);
        long pushed = host.NowMs;
        await host.AdvanceAsync(TimeSpan.FromSeconds(7));

        Assert.Equal("Stored", await host.PostAsync("job=j", "# TYPE a gauge\na{zone=\"y\"} 5\n"));

        Assert.Equal("b{job=\"j\"} 3\na{job=\"j\",zone=\"y\"} 5", await host.ShowAsync("job=j"));
        StoredGroup? row = await host.RowAsync("job=j");
        Assert.Equal((2, host.NowMs, 4), (row!.Generation, row.PushMs, row.Series));
        Assert.Equal([pushed, pushed + 7000], row.ReadBody().Families.Select(family => family.PushMs));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task An_empty_post_only_renews_the_push_time_and_an_empty_put_empties_the_group(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", TwoFamilies);
        await host.AdvanceAsync(TimeSpan.FromSeconds(7));

        Assert.Equal("Stored", await host.PostAsync("job=j", ""));
        StoredGroup row = (await host.RowAsync("job=j"))!;
        Assert.Equal((1, host.NowMs, 5), (row.Generation, row.PushMs, row.Series));

        Assert.Equal("Stored", await host.PutAsync("job=j", ""));
        row = (await host.RowAsync("job=j"))!;
        Assert.Equal((2, GroupState.Live, 2, (byte[]?)null), (row.Generation, row.State, row.Series, row.Body));
        Assert.Empty(await host.NamesAsync());
        Assert.Equal(0, await host.CountAsync("push_series"));
        Assert.Equal(0, await host.CountAsync("push_payloads"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task An_empty_label_is_no_label_and_takes_away_the_bodys_own(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", "# TYPE a gauge\na{instance=\"own\",job=\"other\"} 1\n");
        Assert.Equal("a{instance=\"own\",job=\"j\"} 1", await host.ShowAsync("job=j"));

        await host.PutAsync("instance=,job=j", "# TYPE a gauge\na{instance=\"own\"} 2\n");

        Assert.Equal("a{job=\"j\"} 2", await host.ShowAsync("job=j"));
        Assert.Equal(1, await host.CountAsync("push_groups"));
        Assert.Equal("""{"instance":"","job":"j"}""", (await host.RowAsync("job=j"))!.Labels);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Tenants_never_meet(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", "# TYPE a gauge\na 1\n");

        Assert.Equal("Stored", await host.PushAsync(PushHost.Request("job=j", "# TYPE a counter\na 2\n") with { Tenant = "theirs" }));

        Assert.Equal("a{job=\"j\"} 1", await host.ShowAsync("job=j"));
        Assert.Equal("a{job=\"j\"} 2", PushHost.Show(await host.RowAsync("job=j", "theirs")));
        Assert.Equal(1, (await host.Store.WipeAsync("theirs", PushHost.OnRecord, Cancel)).Deleted);
        Assert.Equal("a{job=\"j\"} 1", await host.ShowAsync("job=j"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_delete_takes_the_group_out_of_every_view_and_keeps_a_row_for_the_stores_sake(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", TwoFamilies);
        await host.WriteAsync("job=j");

        DeleteOutcome outcome = await host.DeleteAsync("job=j");

        Assert.Equal(new DeleteOutcome(PushFate.Stored, 1, 1), outcome);
        StoredGroup row = (await host.RowAsync("job=j"))!;
        Assert.Equal((GroupState.Deleted, 2, 1, host.NowMs), (row.State, row.Generation, row.WrittenGeneration, row.ChangedMs));
        Assert.Equal((host.NowMs, 0), (row.DirtySinceMs, row.Series));
        Assert.Empty(await host.Store.FindGroupsAsync("ours", null, null, 10, Cancel));
        Assert.Empty(await host.NamesAsync());
        Assert.Equal((0, 1), (await host.CountAsync("push_series"), await host.CountAsync("push_payloads", "generation = 1")));
        Assert.Equal("0 0 0", await host.UsageAsync());

        Assert.Equal(new DeleteOutcome(PushFate.Stored, 0, 0), await host.DeleteAsync("job=j"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_group_that_was_never_written_is_removed_at_once(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", TwoFamilies);

        Assert.Equal(1, (await host.DeleteAsync("job=j")).Deleted);

        Assert.Null(await host.RowAsync("job=j"));
        Assert.Equal(0, await host.CountAsync("push_payloads"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_push_revives_a_deleted_row_and_starts_from_nothing(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.AddAsync("job=j", "# TYPE a counter\na 5\n");
        await host.WriteAsync("job=j");
        await host.DeleteAsync("job=j");

        Assert.Equal("Stored", await host.AddAsync("job=j", "# TYPE a counter\na 3\n"));

        StoredGroup row = (await host.RowAsync("job=j"))!;
        Assert.Equal("a{job=\"j\"} 3 # start", PushHost.Show(row));
        Assert.Equal((GroupState.Live, 3, 1), (row.State, row.Generation, row.WrittenGeneration));
        Assert.Equal("1 3 256", await host.UsageAsync());
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Groups_are_deleted_by_a_predicate_and_counted_without_touching_them(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int i = 0; i < 450; i++)
        {
            Assert.Equal("Stored", await host.PutAsync($"job=j{i % 2},n={i}", "# TYPE a gauge\na 1\n"));
        }

        static bool Even(GroupKey key) => key.Labels[0].Value == "j0";
        Assert.Equal(
            new DeleteOutcome(PushFate.Stored, 225, 0),
            await host.Store.DeleteManyAsync("ours", Even, isDryRun: true, static _ => throw new InvalidOperationException("not deleted"), Cancel));
        Assert.Equal("450 1350 115200", await host.UsageAsync());

        host.Sent.Clear();
        Assert.Equal(new DeleteOutcome(PushFate.Stored, 225, 225), await host.DeleteManyAsync(Even));

        Assert.Equal([200, 25], await host.DeletedOnRecordAsync());
        Assert.Equal(["a 1 225"], await host.NamesAsync());
        Assert.Equal("225 675 57600", await host.UsageAsync());
        Assert.Equal(225, await host.CountAsync("push_series"));
        Assert.Equal(2 * 5, host.Sent.RoundTrips); // 200 and 25: rows, bodies, names, what is given back, commit; and the record
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Groups_are_read_in_the_order_of_their_keys_with_their_bodies(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int i = 0; i < 60; i++)
        {
            await host.PutAsync($"job=j{i}", $"# TYPE a gauge\na {i}\n");
        }

        List<StoredGroup> read = [];
        await foreach (StoredGroup group in host.Store.ReadGroupsAsync("ours", null, Cancel))
        {
            read.Add(group);
        }

        Assert.Equal(60, read.Count);
        Assert.Equal(read.Select(group => Convert.ToHexString(group.Key)).Order(StringComparer.Ordinal), read.Select(group => Convert.ToHexString(group.Key)));
        Assert.All(read, group => Assert.Equal($"a{{job=\"{group.ReadKey().Labels[0].Value}\"}} {group.ReadKey().Labels[0].Value[1..]}", PushHost.Show(group)));

        IReadOnlyList<StoredGroup> page = await host.Store.FindGroupsAsync(null, null, (read[9].Tenant, read[9].Key), 3, Cancel);
        Assert.Equal(read.Skip(10).Take(3).Select(group => group.Labels), page.Select(group => group.Labels));
        Assert.All(page, group => Assert.Null(group.Body));
        PushUsage usage = Assert.Single(await host.Store.ReadUsageAsync(Cancel));
        Assert.Equal(("ours", 60, 0, 180), (usage.Tenant, usage.Live, usage.Expired, usage.Series));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task What_is_inflight_or_written_stays_until_it_is_neither(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", "# TYPE a gauge\na 1\n");
        await host.WriteAsync("job=j");
        await host.PutAsync("job=j", "# TYPE a gauge\na 2\n");
        await host.Database.ExecuteAsync("UPDATE push_groups SET inflight_step = 2, inflight_generation = 2", null, Cancel);

        await host.PutAsync("job=j", "# TYPE a gauge\na 3\n");
        await host.PutAsync("job=j", "# TYPE a gauge\na 4\n");

        Assert.Equal([1L, 2L, 4L], await host.Database.QueryAsync<long>("SELECT generation FROM push_payloads ORDER BY generation", null, Cancel));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_push_is_due_at_once_or_when_the_gap_is_over(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", TwoFamilies);
        StoredGroup row = (await host.RowAsync("job=j"))!;
        Assert.Equal((host.NowMs, host.NowMs, host.NowMs), (row.NextEmitMs, row.DirtySinceMs, row.ChangedMs));
        await host.WriteAsync("job=j");
        long written = host.NowMs;
        await host.AdvanceAsync(TimeSpan.FromMilliseconds(300));

        await host.PutAsync("job=j", TwoFamilies);
        row = (await host.RowAsync("job=j"))!;
        Assert.Equal((written + 1000, host.NowMs), (row.NextEmitMs, row.DirtySinceMs));

        long dirty = host.NowMs;
        await host.AdvanceAsync(TimeSpan.FromMilliseconds(300));
        await host.PutAsync("job=j", TwoFamilies);
        row = (await host.RowAsync("job=j"))!;
        Assert.Equal((written + 1000, dirty, host.NowMs), (row.NextEmitMs, row.DirtySinceMs, row.ChangedMs));
    }

    /// <summary>Large enough to be packed; and gauge histograms keep suffixes that their message cannot say.</summary>
    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Every_type_comes_back_as_it_went_in(string provider)
    {
        const string Body =
            """
            # TYPE c counter
            c 1
            # TYPE g gauge
            g NaN
            # TYPE u untyped
            u -Inf
            # TYPE s summary
            s{quantile="0.5"} 1.5
            s_sum 3
            s_count 2
            # TYPE h histogram
            h_bucket{le="0.5"} 1
            h_bucket{le="+Inf"} 2
            h_sum 4
            h_count 2

            """;
        await using PushHost host = await PushHost.StartAsync(provider);
        string many = string.Concat(Enumerable.Range(0, 100).Select(i => $"# TYPE m{i} gauge\nm{i}{{zone=\"abcdefgh\"}} {i}\n"));

        Assert.Equal("Stored", await host.PutAsync("job=j", Body + many));

        StoredGroup row = (await host.RowAsync("job=j"))!;
        Assert.Equal(PayloadBody.Packed, row.Body![0]);
        Assert.Equal(
            """
            c{job="j"} 1
            g{job="j"} NaN
            u{job="j"} -Inf
            s{job="j",quantile="0.5"} 1.5
            s_sum{job="j"} 3
            s_count{job="j"} 2
            h_bucket{job="j",le="0.5"} 1
            h_bucket{job="j",le="+Inf"} 2
            h_sum{job="j"} 4
            h_count{job="j"} 2
            m0{job="j",zone="abcdefgh"} 0
            """,
            string.Join('\n', PushHost.Show(row).Split('\n').Take(11)));
        Assert.Equal(100 + 3 + 3 + 4 + 2, row.Series);

        await host.PutAsync("job=k", "# TYPE x gaugehistogram\nx_bucket{le=\"+Inf\"} 2\nx_sum 4\nx_count 2\n");
        Assert.Equal("x_bucket{job=\"k\",le=\"+Inf\"} 2\nx_sum{job=\"k\"} 4\nx_count{job=\"k\"} 2", await host.ShowAsync("job=k"));
        await host.PushAsync(PushHost.Request(
            "job=k", "# TYPE y gaugehistogram\ny_bucket{le=\"+Inf\"} 2\ny_gcount 2\ny_gsum 4\n# EOF\n"u8.ToArray(), Protocol.Exposition.ExpositionFormat.OpenMetrics));
        Assert.Equal("y_bucket{job=\"k\",le=\"+Inf\"} 2\ny_gsum{job=\"k\"} 4\ny_gcount{job=\"k\"} 2", await host.ShowAsync("job=k"));
    }
}
