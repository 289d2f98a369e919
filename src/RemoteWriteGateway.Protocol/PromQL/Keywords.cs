using System.Text;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Words that mean something outside braces, in any letter case.</summary>
/// <remarks>
/// All of them are reserved as metric names: a store's language, which may be another version of PromQL or MetricsQL, could read a bare
/// one as something else. They still work as names, written as <c>{__name__="…"}</c>.
/// </remarks>
internal static class Keywords
{
    private const int LongestWord = 17;
    private const int Buckets = 256;

    private static readonly Keyword[] All =
    [
        new("and", TokenKind.And), new("or", TokenKind.Or), new("unless", TokenKind.Unless), new("atan2", TokenKind.Atan2),
        Aggregation("sum"), Aggregation("avg"), Aggregation("count"), Aggregation("min"), Aggregation("max"), Aggregation("group"),
        Aggregation("stddev"), Aggregation("stdvar"), Aggregation("topk"), Aggregation("bottomk"), Aggregation("count_values"),
        Aggregation("quantile"), Aggregation("limitk"), Aggregation("limit_ratio"),
        new("by", TokenKind.By), new("without", TokenKind.Without), new("offset", TokenKind.Offset),
        new("on", TokenKind.On), new("ignoring", TokenKind.Ignoring), new("group_left", TokenKind.GroupLeft),
        new("group_right", TokenKind.GroupRight), new("bool", TokenKind.Bool),
        new("anchored", TokenKind.Anchored), new("smoothed", TokenKind.Smoothed),
        new("fill", TokenKind.Fill), new("fill_left", TokenKind.FillLeft), new("fill_right", TokenKind.FillRight),
        new("start", TokenKind.Start), new("end", TokenKind.EndWord), new("step", TokenKind.Step), new("range", TokenKind.Range),
        new("min_of", TokenKind.MinOf), new("max_of", TokenKind.MaxOf),
        new("inf", TokenKind.Number), new("nan", TokenKind.Number),

        // Words of MetricsQL only: plain names for us.
        new("with", TokenKind.Word), new("default", TokenKind.Word), new("if", TokenKind.Word), new("ifnot", TokenKind.Word),
        new("limit", TokenKind.Word), new("prefix", TokenKind.Word), new("keep_metric_names", TokenKind.Word), new("union", TokenKind.Word),
    ];

    private static readonly byte[] FirstInBucket = MakeBuckets();

    /// <summary>Whether a word means something; its kind and, for an aggregation, which one.</summary>
    public static bool TryFind(ReadOnlySpan<byte> word, out Keyword keyword)
    {
        if (word.Length <= LongestWord)
        {
            for (int i = FirstInBucket[Bucket(word)]; i != 0; i = All[i - 1].Next)
            {
                if (Ascii.EqualsIgnoreCase(word, All[i - 1].Utf8))
                {
                    keyword = All[i - 1];
                    return true;
                }
            }
        }

        keyword = default;
        return false;
    }

    private static Keyword Aggregation(string word) => new(word, TokenKind.Aggregation, PromQLFunctions.IndexOf(Encoding.ASCII.GetBytes(word), legacy: false));

    private static byte[] MakeBuckets()
    {
        byte[] first = new byte[Buckets];
        for (int i = 0; i < All.Length; i++)
        {
            ref byte bucket = ref first[Bucket(All[i].Utf8)];
            All[i].Next = bucket;
            bucket = (byte)(i + 1);
        }

        return first;
    }

    // Ends and length tell nearly all of these words apart, and most names that are none of them from all of them.
    private static int Bucket(ReadOnlySpan<byte> word) => ((word[0] | 0x20) + ((word[^1] | 0x20) * 7) + (word.Length * 37)) & (Buckets - 1);

    internal struct Keyword(string word, TokenKind kind, int function = -1)
    {
        public readonly byte[] Utf8 { get; } = Encoding.ASCII.GetBytes(word);

        public readonly TokenKind Kind { get; } = kind;

        /// <summary>Of an aggregation: its index in <see cref="PromQLFunctions.All"/>.</summary>
        public readonly int Function { get; } = function;

        /// <summary>One more than the index of the next word in the bucket, 0 at its end.</summary>
        public int Next { get; set; }
    }
}
