using System.Text.Json.Nodes;
using RemoteWriteGateway.Tests.Push;

namespace RemoteWriteGateway.Tests.Admin;

/// <summary>What operators see of push groups.</summary>
public sealed class PushGroupRoutesTests
{
    [Fact]
    public async Task Groups_of_all_tenants_are_listed_in_pages_with_their_tenants()
    {
        await using PushHost host = await PushHost.StartAsync();
        string admin = host.Gateway.UserToken("Gateway.Admin");
        for (int i = 0; i < 3; i++)
        {
            await host.StoreAsync($"/metrics/job/j{i}", "a 1\n");
            await host.StoreAsync($"/metrics/job/j{i}", "a 1\n", host.Blue);
        }

        List<string> seen = [];
        string? next = null;
        do
        {
            JsonNode page = await host.Gateway.JsonAsync("GET", $"/admin/v1/push-groups?limit=2{(next is null ? "" : $"&cursor={next}")}", admin);
            seen.AddRange(page["items"]!.AsArray().Select(item => $"{(string?)item!["tenant"]} {(string?)item["labels"]!["job"]}")); // a page has items, and they have labels
            next = (string?)page["next"];
        }
        while (next is not null);

        Assert.Equal(["blue j0", "blue j1", "blue j2", "red j0", "red j1", "red j2"], seen.Order(StringComparer.Ordinal));
        Assert.Equal(seen.Select(one => one.Split(' ')[0]).Order(StringComparer.Ordinal), seen.Select(one => one.Split(' ')[0]));
        JsonNode red = await host.Gateway.JsonAsync("GET", "/admin/v1/push-groups?tenant=red", admin);
        Assert.Equal(3, red["items"]!.AsArray().Count); // a page has items
    }
}
