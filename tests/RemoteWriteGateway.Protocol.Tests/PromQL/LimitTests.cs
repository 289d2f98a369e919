using System.Text;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

public class LimitTests
{
    [Fact]
    public void A_text_that_is_too_long_is_not_looked_at()
    {
        PromQLError error = Enforcing.Error(new string('(', 65_537));
        Assert.Equal(PromQLFault.QueryTooLong, error.Fault);
        Assert.Equal("the text has 65537 bytes, limit 65536 (maxQueryBytes); shorten it or split it into several", error.ToString());
        Assert.True(Enforcing.Parse("up" + new string(' ', 65_534)).IsValid);
    }

    [Theory]
    [InlineData("(", "up", ")", 199)]
    [InlineData("-", "up", "", 199)]
    [InlineData("abs(", "up", ")", 199)]
    [InlineData("sum by (a) (", "up", ")", 199)]
    [InlineData("2 ^ ", "up", "", 199)]
    [InlineData("up[5m + ", "5m", "]", 1)]
    public void Levels_are_counted_and_bounded(string open, string core, string close, int fits)
    {
        Assert.True(Enforcing.Parse(Nest(open, core, close, fits)).IsValid);
        if (fits > 1)
        {
            Assert.Equal(fits + 1, Enforcing.Parse(Nest(open, core, close, fits)).Depth);
            PromQLError error = Enforcing.Error(Nest(open, core, close, fits + 1));
            Assert.Equal(PromQLFault.QueryTooDeep, error.Fault);
            Assert.Contains("nested deeper than 200 levels (maxQueryDepth)", error.ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("(", 5_000)]
    [InlineData("-", 30_000)]
    [InlineData("abs(", 10_000)]
    [InlineData("1^", 30_000)]
    [InlineData("a offset --", 1)]
    [InlineData("a[(", 1)]
    public void What_never_ends_is_refused_and_the_process_lives(string open, int count)
    {
        Assert.Equal(count > 1 ? PromQLFault.QueryTooDeep : PromQLFault.Invalid, Enforcing.Error(Nest(open, "", "", count)).Fault);
        Assert.Equal(PromQLFault.QueryTooDeep, Enforcing.Error("a[" + new string('(', 30_000)).Fault);
        Assert.Equal(PromQLFault.QueryTooDeep, Enforcing.Error("a offset " + new string('-', 30_000)).Fault);
        Assert.Equal(PromQLFault.QueryTooDeep, Enforcing.Error($"up{{a=~\"{new string('(', 10_000)}\"}}").Fault);
    }

    [Fact]
    public void The_deepest_level_that_may_be_allowed_fits_on_the_stack_of_a_small_thread()
    {
        ParseOptions options = new() { MaxDepth = ParseOptions.DeepestDepth };
        string text = Nest("sum by (a) (", "up", ")", ParseOptions.DeepestDepth - 1);
        bool isValid = false;
        Thread thread = new(() => isValid = Enforcing.Parse(text, options).IsValid, maxStackSize: 1 << 20);
        thread.Start();
        thread.Join();
        Assert.True(isValid);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ParseOptions { MaxDepth = ParseOptions.DeepestDepth + 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ParseOptions { MaxDepth = 0 });
    }

    [Fact]
    public void A_chain_of_operators_is_no_depth() =>
        Assert.InRange(Enforcing.Parse(string.Join(" + ", Enumerable.Repeat("1", 10_000))).Depth, 1, 3);

    [Fact]
    public void Selectors_are_counted_and_bounded()
    {
        Assert.Equal(500, Enforcing.Parse(string.Join("+", Enumerable.Repeat("a", 500))).Selectors.Length);
        PromQLError error = Enforcing.Error(string.Join("+", Enumerable.Repeat("a", 2_000)));
        Assert.Equal(PromQLFault.TooManySelectors, error.Fault);
        Assert.Equal("the text has 2000 selectors, limit 500 (maxSelectors); ask for fewer at a time", error.ToString());
    }

    [Fact]
    public void What_the_tenants_add_is_bounded()
    {
        TenantMatcher hundred = new("tenant", Enumerable.Range(0, 100).Select(i => $"tenant-number-{i:000}"));
        string query = string.Join("+", Enumerable.Repeat("up", 200));
        PromQLError error = Enforcing.Error(query, matcher: hundred);
        Assert.Equal(PromQLFault.RewrittenQueryTooLong, error.Fault);
        Assert.StartsWith($"the text of {query.Length} bytes becomes more than {200 * hundred.Utf8.Length} with the tenants on its 200 selectors, limit 262144 (maxRewrittenBytes)", error.ToString(), StringComparison.Ordinal);

        error = Enforcing.Error("up + up", EnforceOptions.Default with { MaxRewrittenBytes = 36 });
        Assert.Equal("the text of 7 bytes becomes 37 with the tenants on its 2 selectors, limit 36 (maxRewrittenBytes); name fewer tenants in the request, or shorten it", error.ToString());
        Assert.Equal(37, Enforcing.Query("up + up", EnforceOptions.Default with { MaxRewrittenBytes = 37 }).Length);
    }

    [Fact]
    public void The_largest_texts_are_read_written_and_checked()
    {
        EnforceOptions options = EnforceOptions.Default with { Parse = new ParseOptions { MaxSelectors = 100_000 }, MaxRewrittenBytes = 4 << 20 };
        string[] texts =
        [
            string.Join("+", Enumerable.Repeat("a", 32_000)),
            "`" + new string('\u0001', 65_000) + "`",
            "up{" + string.Join(",", Enumerable.Repeat("a=`\n`", 8_000)) + "}",
            string.Join("+", Enumerable.Repeat("0x7fffffffffffffff", 3_000)),
            "a + on(" + string.Join(",", Enumerable.Range(0, 5_000).Select(i => $"l{i}")) + ") group_left(" + string.Join(",", Enumerable.Range(0, 5_000).Select(i => $"k{i}")) + ") b",
            "1" + new string('0', 60_000) + "e-59999",
            "up{a=~\"" + string.Join("|", Enumerable.Repeat("[a-z]{2}", 7_000)) + "\"}",
        ];
        Assert.All(texts, text => Assert.DoesNotMatch("^[0-9]+:[0-9]+:", Enforcing.Query(text, options)));
    }

    [Fact]
    public void A_shared_label_is_found_in_long_lists_too()
    {
        string on = string.Join(",", Enumerable.Range(0, 2_000).Select(i => $"l{i}"));
        string group = string.Join(",", Enumerable.Range(2_000, 2_000).Select(i => $"l{i}"));
        Assert.True(Enforcing.Parse($"a + on({on}) group_left({group}) b").IsValid);
        Assert.Contains("label \"l1234\" stands both", Enforcing.Error($"a + on({on}) group_left({group},\"\\x6c1234\") b").Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_allocated_once_the_memory_has_grown()
    {
        byte[][] texts =
        [
            .. new[]
            {
                "sum by (job) (rate(http_requests_total{job=~\"api|web\", code!~\"5..\"}[5m])) / on (job) group_left sum(up{zone=\"a\"})",
                "SUM(rate({'lift_floor', \"zone.id\"=~`b\\d`,}[0x258] Offset 017)) / on(\"without\") default",
                "histogram_quantile(0.99, sum(rate(x_bucket[5m])) by (le)) > 1e-3 and on() (hour() >= 0x8)",
            }.Select(Encoding.UTF8.GetBytes),
        ];
        EnforcedQuery query = new();
        Enforce(query, texts, 50);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Enforce(query, texts, 100);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Memory_of_a_large_text_is_let_go()
    {
        EnforcedQuery query = new();
        byte[] text = Encoding.UTF8.GetBytes(string.Join("+", Enumerable.Repeat("1", 32_000)));
        Assert.True(query.TryEnforce(text, PromQLEntry.Query, Enforcing.Red, EnforceOptions.Default));
        long held = query.Parsed.HeldBytes;
        query.Recycle();
        Assert.InRange(query.Parsed.HeldBytes, 1, held / 50);
        Assert.True(query.Text.IsEmpty);
        Assert.True(query.TryEnforce("up"u8, PromQLEntry.Query, Enforcing.Red, EnforceOptions.Default));
    }

    private static void Enforce(EnforcedQuery query, byte[][] texts, int times)
    {
        for (int i = 0; i < times; i++)
        {
            foreach (byte[] text in texts)
            {
                if (!query.TryEnforce(text, PromQLEntry.Query, Enforcing.Red, EnforceOptions.Default))
                {
                    Assert.Fail(query.Error.ToString());
                }
            }
        }
    }

    private static string Nest(string open, string core, string close, int count) =>
        string.Concat(Enumerable.Repeat(open, count)) + core + string.Concat(Enumerable.Repeat(close, count));
}
