using System.Buffers.Text;
using RemoteWriteGateway.Admin;

namespace RemoteWriteGateway.Tests.Admin;

public sealed class PagingTests
{
    private static readonly AdminRoute Things = AdminRoute.Get("/admin/v1/things", "listThings", null, "Things.", typeof(string)) with
    {
        Query = [.. Paging.Parameters, new QueryParameter("kind", "Of a kind.")],
    };

    private static readonly string[] Names = [.. Enumerable.Range(0, 25).Select(i => $"thing-{i:00}")];

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(24)]
    [InlineData(25)]
    [InlineData(26)]
    public void Pages_together_are_the_list(int limit)
    {
        List<string> seen = [];
        string? cursor = null;
        do
        {
            Page<string> page = Ask($"?limit={limit}{(cursor is null ? "" : $"&cursor={cursor}")}").Of(Names, name => name);
            Assert.InRange(page.Items.Length, 1, limit);
            seen.AddRange(page.Items);
            cursor = page.Next;
        }
        while (cursor is not null);

        Assert.Equal(Names, seen);
    }

    [Fact]
    public void Items_that_come_and_go_between_pages_repeat_and_hide_none_of_the_others()
    {
        Page<string> first = Ask("?limit=10").Of(Names, name => name);

        string[] changed = [.. Names.Append("thing-00-new").Except(["thing-09"]).Order(StringComparer.Ordinal)];
        Page<string> second = Ask($"?limit=1000&cursor={first.Next}").Of(changed, name => name);

        Assert.Equal(Names[10..], second.Items);
    }

    [Fact]
    public void A_list_without_items_has_one_empty_page()
    {
        Page<string> page = Ask("").Of(Array.Empty<string>(), name => name);

        Assert.Empty(page.Items);
        Assert.Null(page.Next);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1001")]
    [InlineData("-1")]
    [InlineData("+5")]
    [InlineData("1e2")]
    [InlineData("99999999999999999999")]
    [InlineData("ten")]
    public void A_limit_that_is_none_is_refused(string limit) =>
        Assert.Equal("limit: is not a whole number from 1 to 1000", Refused($"?limit={Uri.EscapeDataString(limit)}"));

    [Theory]
    [InlineData("x")]
    [InlineData("!!!!")]
    [InlineData("AAAAAAAAAAA")]
    [InlineData("dGhpbmctMDk")]
    [InlineData("%00")]
    public void A_cursor_that_no_list_gave_is_refused(string cursor) => Assert.StartsWith("cursor: ", Refused($"?cursor={cursor}"), StringComparison.Ordinal);

    [Fact]
    public void A_cursor_is_of_its_list_its_filters_and_its_position_only()
    {
        const string Text = "cursor: is not a cursor of this list with these filters; begin without one";
        string cursor = Ask("?limit=3&kind=a").Of(Names, name => name).Next!; // there are more than three
        Assert.Equal("thing-02", Ask($"?limit=9&kind=a&cursor={cursor}").After);
        AdminRoute other = AdminRoute.Get("/admin/v1/others", "listOthers", null, "Others.", typeof(string)) with { Query = Things.Query };

        Assert.Equal(Text, Refused($"?cursor={cursor}"));
        Assert.Equal(Text, Refused($"?kind=b&cursor={cursor}"));
        Assert.Equal(Text, Refused($"?kind=a&cursor={cursor}", other));
        byte[] bytes = Base64Url.DecodeFromChars(cursor);
        for (int i = 0; i < bytes.Length; i++)
        {
            byte[] changed = [.. bytes];
            changed[i] ^= 1;
            Assert.Equal(Text, Refused($"?kind=a&cursor={Base64Url.EncodeToString(changed)}"));
        }
    }

    private static Paging Ask(string query)
    {
        AdminQuery read = AdminQuery.Read(new Microsoft.AspNetCore.Http.QueryString(query), Things.Query);
        var paging = Paging.Read(read, Things);
        Assert.Null(read.Refusal);
        return paging;
    }

    private static string Refused(string query, AdminRoute? route = null)
    {
        AdminQuery read = AdminQuery.Read(new Microsoft.AspNetCore.Http.QueryString(query), Things.Query);
        Paging.Read(read, route ?? Things);
        Assert.NotNull(read.Refusal);
        return string.Join('\n', read.Refusal.Errors.Select(error => $"{error.Key}: {error.Message}").Distinct());
    }
}
