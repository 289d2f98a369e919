using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.Protocol.PromQL;
using RemoteWriteGateway.Protocol.Tests.PromQL;

namespace RemoteWriteGateway.EndToEnd.Tests.PromQL;

/// <summary>Our parser says what a real one says, and what we emit means what was asked, with our matcher on every selector.</summary>
public partial class AgreementTests(ParserStand stand) : IClassFixture<ParserStand>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Handwritten_texts_are_valid_here_when_they_are_valid_there()
    {
        IReadOnlyList<Judgement> judgements = await stand.JudgeAllAsync([.. HandwrittenQueries.All.Select(Encoding.UTF8.GetBytes)], Cancellation);
        AssertAgreement(judgements, KnownDifference.None);
        Assert.InRange(judgements.Count(judgement => judgement.IsValid), 250, judgements.Count - 150);
    }

    [Theory]
    [InlineData(21)]
    [InlineData(22)]
    public async Task Generated_queries_have_the_tree_of_what_was_asked_and_our_matcher_on_every_selector(int seed)
    {
        QueryGenerator generator = new(new Random(seed), stand.KnownFunctions, withNewest: false);
        List<GeneratedQuery> queries = [.. Enumerable.Range(0, 2_500).Select(_ => generator.Next())];
        IReadOnlyList<Judgement> judgements = await stand.JudgeAllAsync([.. queries.Select(query => Encoding.UTF8.GetBytes(query.Text))], Cancellation);
        AssertAgreement(judgements, KnownDifference.None);
        Assert.All(judgements, judgement => Assert.True(judgement.IsValid, judgement.ToString()));
        Assert.Equal(queries.Select(query => query.Selectors), judgements.Select(judgement => judgement.Selectors));
    }

    /// <summary>The tree that the server shows has no arithmetic of durations in it, but what it prints has.</summary>
    [Fact]
    public async Task Generated_durations_are_printed_like_what_was_asked()
    {
        QueryGenerator generator = new(new Random(23), stand.KnownFunctions, withNewest: false);
        EnforcedQuery query = new();
        HashSet<string> printed = [];
        for (int i = 0; i < 2_000; i++)
        {
            string asked = generator.NextSubquery();
            Assert.True(query.TryEnforce(Encoding.UTF8.GetBytes(asked), PromQLEntry.Query, null, ParserStand.Options), asked);
            string expected = await stand.Server.FormatAsync(asked, Cancellation);
            Assert.Equal(expected, await stand.Server.FormatAsync(Encoding.UTF8.GetString(query.Span), Cancellation));
            printed.Add(expected);
        }

        Assert.InRange(printed.Count, 1_000, 2_000);
    }

    /// <summary>9,000 by default; the environment variable RWGATEWAY_FUZZ_SECONDS asks for longer.</summary>
    [Fact]
    public async Task Mutated_queries_are_valid_here_when_they_are_valid_there()
    {
        const int Batch = 3_000;
        foreach (int seed in Seeds(least: 3))
        {
            QueryMutator mutator = new(new Random(seed), withNewest: false, stand.KnownFunctions);
            IReadOnlyList<Judgement> judgements = await stand.JudgeAllAsync([.. Enumerable.Range(0, Batch).Select(_ => mutator.Next())], Cancellation);
            AssertAgreement(judgements, KnownDifference.Find);
            Assert.InRange(judgements.Count(judgement => judgement.IsValid), Batch / 20, Batch / 2);
        }
    }

    [Fact]
    public async Task Regular_expressions_are_valid_here_when_they_are_valid_there()
    {
        const string Alphabet = "ab\\\\\\|()()[]{}*+?^$.-,:<>=!019PQEdxz";
        foreach (int seed in Seeds(least: 1))
        {
            Random random = new(seed);
            List<string> patterns = [.. Enumerable.Range(0, 2_000).Select(_ => PatternGenerator.Next(random).Text)];
            patterns.AddRange(Enumerable.Range(0, 4_000).Select(_ => string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => Alphabet[random.Next(Alphabet.Length)]))));

            // A selector with nothing but this matcher: it is refused for a pattern that is wrong, and for one that matches the empty text.
            byte[][] texts = [.. patterns.Select(pattern => Encoding.UTF8.GetBytes($"{{a=~\"{pattern.Replace("\\", "\\\\", StringComparison.Ordinal)}\"}}"))];
            foreach (Judgement judgement in await stand.JudgeAllAsync(texts, Cancellation))
            {
                if (UnknownClassName().IsMatch(judgement.ServerError))
                {
                    // Which names \p{…} may hold depends on the store's version of Unicode: docs/promql.md leaves them to it.
                    Assert.NotEqual((judgement.Text, "invalid"), (judgement.Text, Kind(judgement.Error.Text)));
                    continue;
                }

                Assert.Equal((judgement.Text, Kind(judgement.ServerError)), (judgement.Text, Kind(judgement.Error.Text)));
            }
        }

        static string Kind(string error) =>
            error.Length == 0 ? "valid"
            : error.Contains("error parsing regexp", StringComparison.Ordinal) || error.StartsWith("regular expression", StringComparison.Ordinal) ? "invalid" : "matches the empty text";
    }

    [Fact]
    public async Task Each_difference_is_as_the_guide_says()
    {
        string guide = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "promql.md"), Cancellation);
        List<string> wrong = [];
        foreach (VersionDifference difference in VersionDifference.All)
        {
            Judgement judgement = await stand.JudgeAsync(Encoding.UTF8.GetBytes(difference.Text), Cancellation);
            if (judgement.IsValid != difference.Here || judgement.ServerIsValid == difference.Here)
            {
                wrong.Add(judgement.ToString());
            }

            if (!guide.Contains(difference.Guide, StringComparison.Ordinal))
            {
                wrong.Add($"docs/promql.md does not tell {difference.Guide}");
            }
        }

        foreach (string name in PromQLFunctions.All.Except(stand.KnownFunctions).Select(function => function.Name))
        {
            if (!guide.Contains($"`{name}`", StringComparison.Ordinal))
            {
                wrong.Add($"docs/promql.md does not tell that the server lacks {name}()");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [GeneratedRegex(@"invalid character class range: `\\[pP]\{\^?[^}^][^}]*\}`")]
    private static partial Regex UnknownClassName();

    /// <summary>Seeds of batches: some, and more until the time is over that both fuzz tests of this class share.</summary>
    private static IEnumerable<int> Seeds(int least)
    {
        string? seconds = Environment.GetEnvironmentVariable("RWGATEWAY_FUZZ_SECONDS");
        TimeSpan limit = TimeSpan.FromSeconds(string.IsNullOrEmpty(seconds) ? 0 : double.Parse(seconds, CultureInfo.InvariantCulture) / 2);
        Stopwatch clock = Stopwatch.StartNew();
        return Enumerable.Range(31, int.MaxValue - 31).TakeWhile(seed => seed < 31 + least || clock.Elapsed < limit);
    }

    private static void AssertAgreement(IReadOnlyList<Judgement> judgements, Func<Judgement, string?> known)
    {
        List<Judgement> wrong = [.. judgements.Where(judgement =>
            judgement.TreeDifference is not null || (judgement.IsValid != judgement.ServerIsValid && known(judgement) is null))];
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {judgements.Count}:\n{string.Join('\n', wrong.Take(20))}");
    }
}
