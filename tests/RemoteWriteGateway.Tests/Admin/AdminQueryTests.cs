using Microsoft.AspNetCore.Http;
using RemoteWriteGateway.Admin;

namespace RemoteWriteGateway.Tests.Admin;

public sealed class AdminQueryTests
{
    private static readonly QueryParameter[] Known =
    [
        new("from", "A time."), new("subject", "An id."), new("for", "A duration."), new("event", "One of two.") { Values = ["query", "admin"] },
    ];

    [Theory]
    [InlineData("?frm=1", "query: there is an unknown parameter; this route takes from, subject, for, event")]
    [InlineData("?From=1", "query: there is an unknown parameter; this route takes from, subject, for, event")]
    [InlineData("?x=1&y=2&z=3", "query: there is an unknown parameter; this route takes from, subject, for, event")]
    [InlineData("?=1", "query: there is an unknown parameter; this route takes from, subject, for, event")]
    [InlineData("?event=query&event=query", "event: is given more than once")]
    [InlineData("?event=query&%65vent=admin", "event: is given more than once")]
    [InlineData("?event=", "event: is empty; leave it out")]
    [InlineData("?event", "event: is empty; leave it out")]
    [InlineData("?event=Query", "event: is none of query, admin")]
    [InlineData("?event=query%00", "event: has a control character")]
    [InlineData("?event=query%0d%0aSet-Cookie:x", "event: has a control character")]
    [InlineData("?from=yesterday", "from: is not a time with offset, such as 2027-01-31T00:00:00Z (a + must be written %2B)")]
    [InlineData("?from=2027-01-31T00:00:00", "from: is not a time with offset, such as 2027-01-31T00:00:00Z (a + must be written %2B)")]
    [InlineData("?from=2027-01-31T00:00:00+01:00", "from: is not a time with offset, such as 2027-01-31T00:00:00Z (a + must be written %2B)")]
    [InlineData("?subject=ann", "subject: is not an id such as 0199a1b2-0000-7000-8000-000000000000")]
    [InlineData("?subject=%7B66666666-0000-4000-8000-000000000001%7D", "subject: is not an id such as 0199a1b2-0000-7000-8000-000000000000")]
    [InlineData("?for=30", "for: is not a duration such as 30s, 10m, 1h or 2d")]
    public void What_is_unknown_repeated_or_no_value_is_refused_without_being_sent_back(string query, string expected)
    {
        AdminQuery read = Read(query);

        Assert.Equal(expected, string.Join('\n', read.Refusal!.Errors.Select(error => $"{error.Key}: {error.Message}")));
    }

    [Fact]
    public void Values_are_read()
    {
        AdminQuery read = Read("?from=2027-01-31T00:00:00%2B01:00&subject=66666666-0000-4000-8000-000000000001&for=30d&event=admin");

        Assert.Null(read.Refusal);
        Assert.Equal(new DateTimeOffset(2027, 1, 30, 23, 0, 0, TimeSpan.Zero), read.Time("from"));
        Assert.Equal(TimeSpan.FromDays(30), read.Duration("for"));
        Assert.Equal("admin", read.Text("event"));
        Assert.Null(read.Refusal);
    }

    [Fact]
    public void A_value_of_any_length_is_refused_and_so_is_a_required_one_that_is_missing()
    {
        AdminQuery read = AdminQuery.Read(new QueryString("?event=" + new string('x', 3000)), [new("event", "."), new("tenant", ".") { IsRequired = true }]);

        Assert.Equal(
            ["event: has 3000 characters, limit 2048", "tenant: is required"],
            read.Refusal!.Errors.Select(error => $"{error.Key}: {error.Message}"));
    }

    private static AdminQuery Read(string query)
    {
        AdminQuery read = AdminQuery.Read(new QueryString(query), [.. Known]);
        read.Time("from");
        read.Id("subject");
        read.Duration("for");
        return read;
    }
}
