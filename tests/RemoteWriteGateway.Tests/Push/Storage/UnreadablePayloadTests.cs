using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>A payload that cannot be read concerns its own group: all that the group holds can be given back, and nobody else's is touched.</summary>
public sealed class UnreadablePayloadTests
{
    private const string Gauge = "# TYPE m0 gauge\nm0 1\n";
    private const string Counter = "# TYPE m0 counter\nm0 1\n";

    /// <summary>Large enough to be packed.</summary>
    private static readonly string Large = string.Concat(Enumerable.Range(0, 60).Select(i => $"# TYPE m{i} gauge\nm{i}{{zone=\"secret-zone\"}} {i}\n"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Damages => Damage.AllOnBothProviders;

    public static TheoryData<string, string> PlainDamages => Damage.OnBothProviders;

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_deletion_gives_back_all_that_the_group_held(string provider, string kind)
    {
        await using PushHost host = await HostAsync(provider, kind);

        Assert.Equal(new DeleteOutcome(PushFate.Stored, 1, 1), await host.DeleteAsync("job=bad"));

        Assert.Equal("none", await host.ShowAsync("job=bad"));
        await AssertBalancedAsync(host);
        Assert.Equal(["m0 1 1"], await host.NamesAsync());
        Assert.Equal("Refused type-conflict", await host.PutAsync("job=new", Counter));
        Assert.Equal("Stored", await host.PutAsync("job=new", "# TYPE m1 counter\nm1 1\n"));
        Assert.Equal("Stored", await host.PutAsync("job=bad", Large.Replace("# TYPE m1 gauge\nm1{zone=\"secret-zone\"} 1\n", "", StringComparison.Ordinal)));
        await AssertBalancedAsync(host);
        Assert.Equal(1, await ToldAsync(host, "given-back"));
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_deletion_by_selector_and_a_wipe_take_it_with_the_others(string provider, string kind)
    {
        await using PushHost host = await HostAsync(provider, kind);
        await host.PutAsync("job=bad,n=2", Large.Replace("secret-zone", "other-zone", StringComparison.Ordinal));
        await Damage.DoAsync(host.Database, kind, PushHost.Key("job=bad,n=2"));
        await host.PutAsync("job=fine", "# TYPE m1 gauge\nm1 1\n");

        DeleteOutcome outcome = await host.DeleteManyAsync(static key => key.Labels.Any(label => label is { Key: "job", Value: "bad" or "fine" }));
        Assert.Equal(new DeleteOutcome(PushFate.Stored, 3, 3), outcome);
        Assert.Equal(["m0 1 1"], await host.NamesAsync());
        await AssertBalancedAsync(host);

        await host.PutAsync("job=bad", Large);
        await Damage.DoAsync(host.Database, kind, PushHost.Key("job=bad"));
        Assert.Equal(new DeleteOutcome(PushFate.Stored, 2, 2), await host.Store.WipeAsync("ours", PushHost.OnRecord, Cancel));
        Assert.Empty(await host.NamesAsync());
        Assert.Equal((0, "0 0 0"), (await host.CountAsync("push_series"), await host.UsageAsync()));
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task It_expires_with_the_others_of_its_batch_unless_a_newer_program_can_read_it(string provider, string kind)
    {
        await using PushHost host = await HostAsync(provider, kind, TimeSpan.FromHours(1));
        await host.PushAsync(PushHost.Request("job=fine", "# TYPE fine gauge\nfine 1\n") with { Ttl = TimeSpan.FromHours(2) });
        await host.AdvanceAsync(TimeSpan.FromHours(3));

        await host.Sweeper.SweepAsync(Cancel);

        Assert.Equal(GroupState.Expired, (await host.RowAsync("job=fine"))!.State);
        StoredGroup bad = (await host.RowAsync("job=bad"))!;
        if (kind == Damage.Newer)
        {
            Assert.Equal((GroupState.Live, 9), (bad.State, bad.Body![0]));
            Assert.Equal(0, await ToldAsync(host, "given-back"));
            await host.DeleteAsync("job=bad");
        }
        else
        {
            Assert.Equal((GroupState.Expired, (byte[]?)null), (bad.State, bad.Body));
            Assert.Equal(1, await ToldAsync(host, "given-back"));
        }

        Assert.Equal(["m0 1 1"], await host.NamesAsync());
        await AssertBalancedAsync(host);
    }

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task More_payloads_of_a_newer_program_than_a_batch_holds_keep_nothing_from_expiring(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        for (int i = 0; i < 210; i++)
        {
            await host.PushAsync(PushHost.Request($"job=j{i}", Gauge) with { Ttl = TimeSpan.FromHours(1) });
        }

        await host.Database.ExecuteAsync("UPDATE push_payloads SET body = @body", new { body = (byte[])[3, 1, 2, 3] }, Cancel);
        await host.PushAsync(PushHost.Request("job=last", "# TYPE last gauge\nlast 1\n") with { Ttl = TimeSpan.FromHours(2) });
        await host.AdvanceAsync(TimeSpan.FromHours(3));

        await host.Sweeper.SweepAsync(Cancel);

        Assert.Equal(GroupState.Expired, (await host.RowAsync("job=last"))!.State);
        Assert.Equal((1, 210), (await host.CountAsync("push_groups", "state = 1"), await host.CountAsync("push_payloads")));
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_put_heals_it_as_if_the_group_had_been_deleted_before(string provider, string kind)
    {
        await using PushHost host = await HostAsync(provider, kind);
        byte[] damaged = (await host.RowAsync("job=bad"))!.Body!;

        // What others hold still binds, and then nothing has happened but the failure.
        Assert.Equal("Refused type-conflict", await host.PutAsync("job=bad", Counter));
        StoredGroup refused = (await host.RowAsync("job=bad"))!;
        Assert.Equal("type-conflict", refused.FailReason);
        Assert.Equal(damaged, refused.Body);
        Assert.Equal(0, await ToldAsync(host, "given-back"));

        Assert.Equal("Stored", await host.PutAsync("job=bad", Gauge + "# TYPE m1 counter\nm1{zone=\"secret-zone\"} 7\n"));

        Assert.Equal("m0{job=\"bad\"} 1\nm1{job=\"bad\",zone=\"secret-zone\"} 7", await host.ShowAsync("job=bad"));
        Assert.Equal(["m0 1 2", "m1 0 1"], await host.NamesAsync());
        await AssertBalancedAsync(host);
        Assert.Equal(1, await ToldAsync(host, "given-back"));
        Assert.Equal("Stored", await host.PostAsync("job=bad", "# TYPE m2 gauge\nm2 1\n"));
        await AssertBalancedAsync(host);
    }

    [Theory]
    [MemberData(nameof(PlainDamages))]
    public async Task A_push_that_adds_to_it_is_not_stored_and_leaves_it_as_it_is(string provider, string kind)
    {
        await using PushHost host = await HostAsync(provider, kind);
        await host.AddAsync("job=sum", Large.Replace("gauge", "counter", StringComparison.Ordinal).Replace("m", "s", StringComparison.Ordinal));
        await Damage.DoAsync(host.Database, kind, PushHost.Key("job=sum"));
        StoredGroup before = (await host.RowAsync("job=bad"))!;

        Assert.Equal("Unreadable", await host.PostAsync("job=bad", "# TYPE m1 gauge\nm1 1\n"));
        Assert.Equal("Unreadable", await host.AddAsync("job=sum", "# TYPE s1 counter\ns1 1\n"));
        Assert.Equal("Unreadable", await host.PutAsync("job=sum", "# TYPE s1 counter\ns1 1\n", PushMode.Sum));
        Assert.Equal("Unreadable", await host.PushAsync(
            PushHost.Request("job=bad", "# TYPE m1 gauge\nm1 1\n", PushVerb.Post) with { Idempotency = PushHost.Idempotent("one") }));

        StoredGroup after = (await host.RowAsync("job=bad"))!;
        Assert.Equal((before.Generation, before.PushMs, 0), (after.Generation, after.PushMs, after.FailMs));
        Assert.Equal(before.Body, after.Body);
        Assert.Equal(4, await ToldAsync(host, "refused"));
        Assert.Equal(0, await host.CountAsync("push_idempotency"));
        Assert.Equal("Stored", await host.PostAsync("job=good", "# TYPE m1 gauge\nm1 1\n"));

        // Another mode than the group's begins anew, and so needs nothing of it.
        Assert.Equal("Stored", await host.PostAsync("job=sum", "# TYPE s1 counter\ns1 1\n"));
        Assert.Equal("Stored", await host.AddAsync("job=bad", Gauge));
        await AssertBalancedAsync(host);
    }

    /// <summary>What nobody accounts for may be the other's: it is held until that one goes as well, and with the same type everybody goes on.</summary>
    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Of_two_that_cannot_be_read_the_names_are_held_until_both_are_gone(string provider)
    {
        await using PushHost host = await HostAsync(provider, "cut");
        await host.PutAsync("job=bad,n=2", Large.Replace("secret-zone", "other-zone", StringComparison.Ordinal));
        await Damage.DoAsync(host.Database, "cut", PushHost.Key("job=bad,n=2"));
        await host.PutAsync("job=good", "");

        await host.DeleteAsync("job=bad");
        Assert.Equal("Refused type-conflict", await host.PutAsync("job=new", Counter));
        Assert.Equal("Stored", await host.PutAsync("job=new", Gauge));
        Assert.Contains("m0 1 2", await host.NamesAsync());
        Assert.Contains("m1 1 1", await host.NamesAsync());

        await host.PutAsync("job=bad,n=2", "");
        Assert.Equal(["m0 1 1"], await host.NamesAsync());
        Assert.Equal("Stored", await host.PutAsync("job=new", Counter));
        await AssertBalancedAsync(host);
    }

    /// <summary>A hash that was changed can still be read: what it says must not be given back in place of the true one.</summary>
    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task A_payload_that_does_not_fit_together_is_not_believed(string provider)
    {
        await using PushHost host = await PushHost.StartAsync(provider);
        foreach (string path in (string[])["job=deleted", "job=put", "job=post"])
        {
            await host.PutAsync(path, Gauge);
            byte[] body = (await host.RowAsync(path))!.Body!;
            byte[] hash = PayloadBody.Parse(body).SeriesOf(0).ToArray();
            body[body.AsSpan().IndexOf(hash)] ^= 1;
            await host.Database.ExecuteAsync("UPDATE push_payloads SET body = @body WHERE key = @Bytes", new { body, PushHost.Key(path).Bytes }, Cancel);
        }

        Assert.Equal(PushFate.Stored, (await host.DeleteAsync("job=deleted")).Fate);
        Assert.Equal("Stored", await host.PutAsync("job=put", Gauge));
        Assert.Equal("Unreadable", await host.PostAsync("job=post", Gauge));
        Assert.Equal("Stored", await host.PutAsync("job=post", Gauge));

        Assert.Equal(["m0 1 2"], await host.NamesAsync());
        await AssertBalancedAsync(host);
    }

    /// <summary>Names come and go in other groups while those of the damaged ones are counted anew.</summary>
    [Fact]
    public async Task The_books_balance_when_others_push_meanwhile()
    {
        await using PushHost host = await PushHost.StartAsync("PostgreSql");
        await using PushHost replica = await host.ReplicaAsync();
        Task damages = Task.Run(
            async () =>
            {
                for (int i = 0; i < 40; i++)
                {
                    await host.PutAsync("job=bad", string.Concat(Enumerable.Range(0, 12).Select(name => $"# TYPE m{name} gauge\nm{name} {i}\n")));
                    await Damage.DoAsync(host.Database, "cut", PushHost.Key("job=bad"));
                    Assert.Equal("Stored", i % 2 == 0 ? await host.PutAsync("job=bad", Gauge) : (await host.DeleteAsync("job=bad")).Fate.ToString());
                }
            },
            Cancel);
        await Task.WhenAll([damages, .. Enumerable.Range(0, 4).Select(client => Task.Run(
            async () =>
            {
                Random random = new(client);
                while (!damages.IsCompleted)
                {
                    string body = string.Concat(
                        Enumerable.Range(0, 12).Where(_ => random.Next(2) == 0).OrderBy(_ => random.Next()).Select(name => $"# TYPE m{name} gauge\nm{name} {client}\n"));
                    string path = $"job=j{random.Next(6)}";
                    Assert.Equal("Stored", random.Next(5) == 0 ? (await replica.DeleteAsync(path)).Fate.ToString() : await replica.PutAsync(path, body));
                }
            },
            Cancel))]);

        await AssertBalancedAsync(host);
    }

    [Fact]
    public async Task It_is_logged_once_for_each_payload_and_what_is_done_about_it_and_no_label_with_it()
    {
        await using PushHost host = await HostAsync("Sqlite", "flipped");
        await host.PostAsync("job=bad", Gauge);
        await host.PostAsync("job=bad", Gauge);
        await host.DeleteAsync("job=bad");

        string key = Convert.ToHexStringLower(PushHost.Key("job=bad").Bytes);
        string[] told = [.. host.Logs.All.Where(line => line.Contains("cannot be read", StringComparison.Ordinal))];
        Assert.Equal(2, told.Length);
        Assert.All(told, line => Assert.Contains($"push group {key} of tenant ours, generation 1,", line, StringComparison.Ordinal));
        Assert.All(told, line => Assert.StartsWith("Error", line, StringComparison.Ordinal));
        Assert.Contains("fades after the lookback", told[1], StringComparison.Ordinal);
        Assert.DoesNotContain(host.Logs.All, line => line.Contains("secret-zone", StringComparison.Ordinal) || line.Contains("\"bad\"", StringComparison.Ordinal));
        Assert.Equal(2, await ToldAsync(host, "refused"));
    }

    /// <summary>With a group <c>bad</c> that holds many names and cannot be read, and a group <c>good</c> that shares one of them.</summary>
    private static async Task<PushHost> HostAsync(string provider, string kind, TimeSpan? ttl = null)
    {
        PushHost host = await PushHost.StartAsync(provider);
        Assert.Equal("Stored", await host.PushAsync(PushHost.Request("job=bad", Large) with { Ttl = ttl }));
        Assert.Equal("Stored", await host.PutAsync("job=good", Gauge));
        await Damage.DoAsync(host.Database, kind, PushHost.Key("job=bad"));
        return host;
    }

    /// <summary>Names, series and usage are those of the payloads that are there.</summary>
    private static async Task AssertBalancedAsync(PushHost host)
    {
        List<StoredGroup> groups = [];
        await foreach (StoredGroup group in host.Store.ReadGroupsAsync("ours", null, Cancel))
        {
            groups.Add(group);
        }

        Assert.Equal(
            groups.SelectMany(group => group.ReadBody().Families).GroupBy(family => family.Name)
                .Select(name => FormattableString.Invariant($"{name.Key} {(int)name.First().Type} {name.Count()}")).Order(StringComparer.Ordinal),
            await host.NamesAsync());
        Assert.Equal(0, await host.CountAsync("push_names", "refs < 0 OR (refs = 0 AND type IS NOT NULL)"));
        Assert.Equal(groups.Sum(group => group.ReadBody().Metrics), await host.CountAsync("push_series"));
        Assert.Equal(FormattableString.Invariant($"{groups.Count} {groups.Sum(group => group.Series)} {groups.Sum(group => group.Bytes)}"), await host.UsageAsync());
    }

    private static Task<double> ToldAsync(PushHost host, string result) =>
        host.MetricAsync($"rwgateway_push_unreadable_payloads_total{{tenant=\"ours\",result=\"{result}\"}}");
}
