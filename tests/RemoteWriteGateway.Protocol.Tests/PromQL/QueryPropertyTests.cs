using System.Buffers;
using System.Text;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>What holds for every valid text: thousands are made from the grammar.</summary>
public class QueryPropertyTests
{
    private const int Queries = 20_000;
    private static readonly SearchValues<byte> Unwanted = SearchValues.Create("#`'\r\n\t\"\\"u8);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_generated_query_is_valid_and_each_of_its_selectors_is_kept_to_the_tenant(int seed)
    {
        EnforcedQuery query = new();
        ParsedQuery again = new();
        foreach (GeneratedQuery generated in Generate(seed))
        {
            byte[] text = Encoding.UTF8.GetBytes(generated.Text);
            Assert.True(query.TryEnforce(text, PromQLEntry.Query, Enforcing.Red, Enforcing.Open), $"{generated.Text}\n{query.Error} {query.Difference}");
            Assert.Equal((generated.Text, generated.Selectors), (generated.Text, query.Parsed.Selectors.Length));

            // Read by other means than the check's: what stands at the end of each brace.
            string emitted = Encoding.UTF8.GetString(query.Span);
            Assert.True(PromQLParser.TryParse(query.Span, PromQLEntry.Query, ParseOptions.Default, again), emitted);
            Assert.Equal(generated.Selectors, again.Selectors.Length);
            foreach (SelectorMark selector in again.Selectors)
            {
                int end = again.Tokens[selector.RightBrace].Start;
                Assert.EndsWith("tenant=~\"red\"", emitted[..Chars(query.Span[..end])], StringComparison.Ordinal);
                Assert.Equal(1, Count(again, selector, emitted));
            }
        }
    }

    [Fact]
    public void What_is_written_is_written_the_same_when_it_is_read_again()
    {
        EnforcedQuery query = new();
        EnforcedQuery second = new();
        foreach (GeneratedQuery generated in Generate(4))
        {
            foreach (TenantMatcher? matcher in new[] { Enforcing.Red, null })
            {
                Assert.True(query.TryEnforce(Encoding.UTF8.GetBytes(generated.Text), PromQLEntry.Query, matcher, Enforcing.Open));
                Assert.True(second.TryEnforce(query.Span, PromQLEntry.Query, null, Enforcing.Open), Encoding.UTF8.GetString(query.Span));
                Assert.Equal(Encoding.UTF8.GetString(query.Span), Encoding.UTF8.GetString(second.Span));
            }
        }
    }

    [Fact]
    public void What_is_written_has_no_comment_no_line_end_and_no_other_quotes_outside_strings()
    {
        EnforcedQuery query = new();
        ParsedQuery again = new();
        foreach (GeneratedQuery generated in Generate(5))
        {
            Assert.True(query.TryEnforce(Encoding.UTF8.GetBytes(generated.Text), PromQLEntry.Query, Enforcing.Red, Enforcing.Open));
            Assert.True(PromQLParser.TryParse(query.Span, PromQLEntry.Query, ParseOptions.Default, again));
            byte[] outside = query.Span.ToArray();
            foreach (ref readonly Token token in again.Tokens)
            {
                if (token.Kind == TokenKind.String)
                {
                    Assert.Equal((byte)'"', outside[token.Start]);
                    outside.AsSpan(token.Start, token.Length).Fill((byte)'s');
                }
            }

            Assert.False(outside.AsSpan().ContainsAny(Unwanted), Encoding.UTF8.GetString(query.Span));
            Assert.False(outside.AsSpan().ContainsAnyInRange((byte)0x80, (byte)0xFF));
            Assert.DoesNotContain("  ", Encoding.UTF8.GetString(outside), StringComparison.Ordinal);
            Assert.Equal(Encoding.UTF8.GetString(outside).Trim(), Encoding.UTF8.GetString(outside));
        }
    }

    [Fact]
    public void The_emitters_own_bound_of_the_length_holds()
    {
        ParsedQuery query = new();
        ArrayBufferWriter<byte> output = new();
        foreach (GeneratedQuery generated in Generate(6))
        {
            byte[] text = Encoding.UTF8.GetBytes(generated.Text);
            Assert.True(PromQLParser.TryParse(text, PromQLEntry.Query, ParseOptions.Default, query));
            output.ResetWrittenCount();
            PromQLEmitter.Emit(text, query, Enforcing.Red, output);
            Assert.InRange(output.WrittenCount, 1, PromQLEmitter.MaxLength(text.Length, query, Enforcing.Red));
        }
    }

    [Fact]
    public void Equal_texts_of_different_tenants_differ_in_the_matchers_only()
    {
        TenantMatcher blue = new("tenant", ["blue"]);
        EnforcedQuery one = new();
        EnforcedQuery other = new();
        foreach (GeneratedQuery generated in Generate(7).Take(2_000))
        {
            byte[] text = Encoding.UTF8.GetBytes(generated.Text);
            Assert.True(one.TryEnforce(text, PromQLEntry.Query, Enforcing.Red, Enforcing.Open));
            Assert.True(other.TryEnforce(text, PromQLEntry.Query, blue, Enforcing.Open));
            Assert.DoesNotContain("\"red\"", Encoding.UTF8.GetString(other.Span), StringComparison.Ordinal);
            Assert.Equal(Encoding.UTF8.GetString(one.Span), Encoding.UTF8.GetString(other.Span).Replace("\"blue\"}", "\"red\"}", StringComparison.Ordinal));
        }
    }

    private static IEnumerable<GeneratedQuery> Generate(int seed)
    {
        QueryGenerator generator = new(new Random(seed), [.. PromQLFunctions.All.Where(function => !function.IsLegacy)], withNewest: true);
        return Enumerable.Range(0, Queries).Select(_ => generator.Next());
    }

    private static int Chars(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetCharCount(utf8);

    private static int Count(ParsedQuery query, SelectorMark selector, string emitted)
    {
        byte[] text = Encoding.UTF8.GetBytes(emitted);
        int count = 0;
        for (int i = selector.LeftBrace; i < selector.RightBrace; i++)
        {
            bool isOurs = query.Tokens[i].Role == TokenRole.MatcherLabel
                && text.AsSpan(query.Tokens[i].Start).StartsWith("tenant=~\"red\""u8);
            count += isOurs ? 1 : 0;
        }

        return count;
    }
}
