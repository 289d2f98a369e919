using System.Text;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>Valid texts with tokens and bytes swapped, cut out and put in: refused with a place, or enforced like any other.</summary>
public class QueryFuzzTests
{
    private const string Alphabet = "ab(){}[]\"'`\\#,:=~!<>+-*/%^@. 015mhexX_\n\r";

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public void A_mutated_query_is_refused_with_a_place_in_it_or_enforced(int seed)
    {
        Random random = new(seed);
        QueryMutator mutator = new(random, withNewest: true);
        EnforcedQuery query = new();
        EnforcedQuery second = new();
        int valid = 0;
        for (int i = 0; i < 50_000; i++)
        {
            byte[] text = mutator.Next();
            if (query.TryEnforce(text, i % 10 == 0 ? PromQLEntry.Selector : PromQLEntry.Query, Enforcing.Red, Enforcing.Open))
            {
                valid++;
                Assert.True(second.TryEnforce(query.Span, query.Parsed.Entry, null, Enforcing.Open), Encoding.UTF8.GetString(text));
                Assert.Equal(query.Span, second.Span);
            }
            else
            {
                PromQLError error = query.Error;
                Assert.True(error.Fault is PromQLFault.Invalid or PromQLFault.QueryTooDeep or PromQLFault.LabelForbidden, $"{Encoding.UTF8.GetString(text)}\n{error} {query.Difference}");
                Assert.InRange(error.Position, 0, text.Length);
                Assert.Equal(1 + text.AsSpan(0, error.Position).Count((byte)'\n'), error.Line);
                Assert.True(query.Text.IsEmpty);
            }
        }

        // Mutations that are all refused, or none, would try little.
        Assert.InRange(valid, 2_000, 30_000);
    }

    [Fact]
    public void Random_bytes_are_refused_or_enforced()
    {
        Random random = new(13);
        EnforcedQuery query = new();
        byte[] text = new byte[40];
        for (int i = 0; i < 50_000; i++)
        {
            int length = random.Next(text.Length);
            for (int at = 0; at < length; at++)
            {
                text[at] = (byte)(i % 2 == 0 ? random.Next(256) : Alphabet[random.Next(Alphabet.Length)]);
            }

            if (!query.TryEnforce(text.AsSpan(0, length), PromQLEntry.Query, Enforcing.Red, Enforcing.Open))
            {
                Assert.NotEqual(PromQLFault.EnforcementMismatch, query.Error.Fault);
                Assert.NotEmpty(query.Error.ToString());
            }
        }
    }
}
