using System.Collections.Frozen;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>Mode sum, change of mode, and start bits; on either engine.</summary>
public sealed class PushSumTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Counters_histograms_and_summaries_add_up_and_what_was_not_pushed_stays(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        Assert.Equal("Stored", await host.AddAsync(
            "job=j",
            """
            # TYPE c counter
            c{zone="x"} 1.5
            c{zone="y"} 2
            # TYPE other counter
            other 7
            # TYPE s summary
            s{quantile="0.5"} 1
            s_sum -3
            s_count 2
            # TYPE h histogram
            h_bucket{le="0.5"} 1
            h_bucket{le="+Inf"} 2
            h_sum 4
            h_count 2

            """));
        await host.WriteAsync("job=j");

        // PUT adds as well.
        Assert.Equal("Stored", await host.PutAsync(
            "job=j",
            """
            # TYPE c counter
            c{zone="z"} 9
            c{zone="x"} 1
            # TYPE s summary
            s{quantile="0.9"} 1
            s_sum 5
            s_count 3
            # TYPE h histogram
            h_bucket{le="0.5"} 10
            h_sum 40
            h_count 20

            """,
            PushMode.Sum));

        Assert.Equal(
            """
            c{job="j",zone="x"} 2.5
            c{job="j",zone="y"} 2
            c{job="j",zone="z"} 9 # start
            other{job="j"} 7
            s_sum{job="j"} 2
            s_count{job="j"} 5
            h_bucket{job="j",le="0.5"} 11
            h_bucket{job="j",le="+Inf"} 22
            h_sum{job="j"} 44
            h_count{job="j"} 22
            """,
            await host.ShowAsync("job=j"));
        Assert.Equal(10 + 2, (await host.RowAsync("job=j"))!.Series);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Gauges_are_the_last_one_unless_a_rule_says_otherwise(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        FrozenDictionary<string, GaugeRule> rules = new Dictionary<string, GaugeRule>
        {
            ["most"] = GaugeRule.Max, ["least"] = GaugeRule.Min, ["all"] = GaugeRule.Sum,
        }.ToFrozenDictionary();
        const string Types = "# TYPE most gauge\n# TYPE least gauge\n# TYPE all gauge\n# TYPE newest gauge\n# TYPE any untyped\n";
        PushRequest Push(string values) => PushHost.Request("job=j", Types + values, PushVerb.Post, PushMode.Sum) with { Gauges = rules };

        await host.PushAsync(Push("most 5\nleast 5\nall 5\nnewest 5\nany 5\n"));
        await host.PushAsync(Push("most 4\nleast 6\nall -2\nnewest 4\nany 4\n"));

        Assert.Equal("most{job=\"j\"} 5\nleast{job=\"j\"} 5\nall{job=\"j\"} 3\nnewest{job=\"j\"} 4\nany{job=\"j\"} 4", await host.ShowAsync("job=j"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Other_bounds_begin_anew(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        const string Old = "# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_sum 4\nh_count 2\n";
        await host.AddAsync("job=j", Old);
        await host.WriteAsync("job=j");
        await host.AddAsync("job=j", Old);
        Assert.DoesNotContain("# start", await host.ShowAsync("job=j"), StringComparison.Ordinal);
        await host.WriteAsync("job=j");

        Assert.Equal("Stored", await host.AddAsync("job=j", "# TYPE h histogram\nh_bucket{le=\"0.7\"} 1\nh_sum 5\nh_count 3\n"));

        Assert.Equal(
            "h_bucket{job=\"j\",le=\"0.7\"} 1 # start\nh_bucket{job=\"j\",le=\"+Inf\"} 3 # start\nh_sum{job=\"j\"} 5 # start\nh_count{job=\"j\"} 3 # start",
            await host.ShowAsync("job=j"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task What_is_no_count_is_refused(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        foreach (string value in (string[])["NaN", "-1", "+Inf"])
        {
            Assert.Equal("Refused sum-not-additive", await host.AddAsync("job=j", $"# TYPE c counter\nc {value}\n"));
        }

        Assert.Equal("sum-not-additive", (await host.RowAsync("job=j"))!.FailReason);
        Assert.Equal("Stored", await host.PutAsync("job=k", "# TYPE c counter\nc NaN\n"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Another_mode_begins_the_group_anew(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PostAsync("job=j", "# TYPE c counter\nc 5\n# TYPE d counter\nd 5\n");
        await host.WriteAsync("job=j");

        Assert.Equal("Stored", await host.AddAsync("job=j", "# TYPE c counter\nc 3\n"));
        Assert.Equal("c{job=\"j\"} 3 # start", await host.ShowAsync("job=j"));
        Assert.Equal(["c 0 1"], await host.NamesAsync());

        await host.WriteAsync("job=j");
        Assert.Equal("Stored", await host.PostAsync("job=j", "# TYPE d counter\nd 5\n"));
        Assert.Equal("d{job=\"j\"} 5", await host.ShowAsync("job=j"));
        Assert.Equal(PushMode.Replace, (await host.RowAsync("job=j"))!.Mode);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task In_replace_a_lower_count_is_a_start_and_a_first_value_in_text_is_none(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        async Task<bool> IsStartAsync(string text)
        {
            Assert.Equal("Stored", await host.PutAsync("job=j", text));
            bool isStart = (await host.ShowAsync("job=j")).Contains("# start", StringComparison.Ordinal);
            await host.WriteAsync("job=j");
            return isStart;
        }

        Assert.False(await IsStartAsync("# TYPE c counter\nc 5\n"));
        Assert.False(await IsStartAsync("# TYPE c counter\nc 5\n"));
        Assert.True(await IsStartAsync("# TYPE c counter\nc 4\n"));
        Assert.False(await IsStartAsync("# TYPE c counter\nc 6\n"));
        Assert.False(await IsStartAsync("# TYPE c gauge\nc 2\n"));
        Assert.False(await IsStartAsync("# TYPE c gauge\nc 1\n"));
        Assert.False(await IsStartAsync("# TYPE h histogram\nh_bucket{le=\"1\"} 3\nh_sum 9\nh_count 5\n"));
        Assert.False(await IsStartAsync("# TYPE h histogram\nh_bucket{le=\"1\"} 3\nh_sum 1\nh_count 6\n"));
        Assert.True(await IsStartAsync("# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_sum 9\nh_count 7\n"));
        Assert.False(await IsStartAsync("# TYPE s summary\ns_sum 9\ns_count 7\n"));
        Assert.True(await IsStartAsync("# TYPE s summary\ns_sum 9\ns_count 6\n"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_start_time_that_is_new_or_newer_is_a_start(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        async Task<string> PutAsync(double created, int value)
        {
            await host.PutAsync("job=j", FormattableString.Invariant($"# TYPE c_total counter\nc_total 5\nc_total{{a=\"b\"}} {value}\n# TYPE c_created gauge\nc_created{{a=\"b\"}} {created}\n"));
            string shown = await host.ShowAsync("job=j");
            await host.WriteAsync("job=j");
            return shown.Split("\nc_created", StringSplitOptions.None)[0];
        }

        Assert.Equal("c_total{job=\"j\"} 5\nc_total{a=\"b\",job=\"j\"} 7 # start", await PutAsync(1000.25, 7));
        Assert.Equal("c_total{job=\"j\"} 5\nc_total{a=\"b\",job=\"j\"} 7", await PutAsync(1000.25, 7));
        Assert.Equal("c_total{job=\"j\"} 5\nc_total{a=\"b\",job=\"j\"} 8 # start", await PutAsync(1000.5, 8));

        // Of OpenMetrics and protobuf the format says it.
        byte[] body = "# TYPE d counter\nd_total 5\nd_created 12\n# EOF\n"u8.ToArray();
        await host.PushAsync(PushHost.Request("job=k", body, Protocol.Exposition.ExpositionFormat.OpenMetrics));
        Assert.Equal("d_total{job=\"k\"} 5 # start", await host.ShowAsync("job=k"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task In_sum_a_new_start_time_of_another_process_is_no_start(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int created = 1; created <= 3; created++)
        {
            byte[] body = System.Text.Encoding.UTF8.GetBytes(FormattableString.Invariant($"# TYPE d counter\nd_total 5\nd_created {created}\n# EOF\n"));
            await host.PushAsync(PushHost.Request("job=k", body, Protocol.Exposition.ExpositionFormat.OpenMetrics, PushVerb.Post, PushMode.Sum));
            Assert.Equal($"d_total{{job=\"k\"}} {5 * created}{(created == 1 ? " # start" : "")}", await host.ShowAsync("job=k"));
            await host.WriteAsync("job=k");
        }
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Starts_are_inherited_until_an_emission_takes_them(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await host.PutAsync("job=j", "# TYPE c counter\nc 5\n");
        await host.WriteAsync("job=j");
        await host.PutAsync("job=j", "# TYPE c counter\nc 0\n");

        // 5, 0, 5 within one gap: the last push inherits the start of the one that nobody saw.
        await host.PutAsync("job=j", "# TYPE c counter\nc 5\n");
        Assert.Equal("c{job=\"j\"} 5 # start", await host.ShowAsync("job=j"));
        await host.PostAsync("job=j", "# TYPE d gauge\nd 5\n");
        Assert.Equal("c{job=\"j\"} 5 # start\nd{job=\"j\"} 5", await host.ShowAsync("job=j"));

        await host.Database.ExecuteAsync("UPDATE push_groups SET inflight_step = 1, inflight_generation = generation", null, Cancel);
        await host.PutAsync("job=j", "# TYPE c counter\nc 6\n");
        Assert.Equal("c{job=\"j\"} 6", await host.ShowAsync("job=j"));
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Sixteen_clients_that_add_at_once_lose_nothing(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        await using PushHost? other = provider == "PostgreSql" ? await host.ReplicaAsync() : null;
        const int Clients = 16;
        const int Pushes = 40;

        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            PushHost through = client % 2 == 0 || other is null ? host : other;
            for (int i = 0; i < Pushes; i++)
            {
                string answer;
                do
                {
                    answer = await through.AddAsync("job=j", "# TYPE c counter\nc 1\n");
                }
                while (answer == "Busy");

                Assert.Equal("Stored", answer);
            }
        })));

        Assert.Equal($"c{{job=\"j\"}} {Clients * Pushes} # start", await host.ShowAsync("job=j"));
    }
}
