using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace RemoteWriteGateway.Admin;

/// <summary>A list's answer: some of its items, and where the next ones begin.</summary>
/// <param name="Items">At most as many as the limit.</param>
/// <param name="Next">The cursor of the next page, or null if this is the last one.</param>
internal sealed record Page<T>(ImmutableArray<T> Items, string? Next);

/// <summary>
/// Which part of a list a request wants. A cursor is opaque to callers: a position that the list gave before, with a checksum that
/// binds it to the route and its filters, so that it is refused elsewhere. It is no secret and grants nothing: every page is made of what its
/// own caller may see.
/// </summary>
/// <param name="Limit">Most items of the page.</param>
/// <param name="After">The position behind which the page begins, as <see cref="CursorAfter"/> got it; null for the beginning.</param>
internal sealed record Paging(int Limit, string? After)
{
    public const string LimitName = "limit";
    public const string CursorName = "cursor";

    public const int DefaultLimit = 100;
    public const int MaxLimit = 1000;

    private const int ChecksumBytes = 8;

    /// <summary>The parameters that a route of a list takes.</summary>
    public static ImmutableArray<QueryParameter> Parameters { get; } =
    [
        new(LimitName, "Most items of the page: 1 to 1000, 100 if left out.") { Type = "integer" },
        new(CursorName, "The member next of the page before, under the same filters."),
    ];

    private string Binding { get; init; } = "";

    /// <summary>Reads it. What is wrong is added to the query's refusal.</summary>
    /// <param name="query">The request's.</param>
    /// <param name="route">Of the list.</param>
    public static Paging Read(AdminQuery query, AdminRoute route)
    {
        int limit = query.Number(LimitName, 1, MaxLimit) ?? DefaultLimit;
        string binding = string.Join('\n', [route.Path, .. query.Filters.Select(one => $"{one.Key}={one.Value}")]);
        string? after = null;
        if (query.Text(CursorName) is { } cursor && !TryOpen(cursor, binding, out after))
        {
            query.Fault(CursorName, "is not a cursor of this list with these filters; begin without one");
        }

        return new Paging(limit, after) { Binding = binding };
    }

    /// <summary>The cursor of the page behind <paramref name="position"/>.</summary>
    public string CursorAfter(string position)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(position);
        return Base64Url.EncodeToString([.. Checksum(Binding, bytes), .. bytes]);
    }

    /// <summary>A page of a list that is at hand whole.</summary>
    /// <param name="all">Sorted by <paramref name="positionOf"/>, ordinally, without repeats.</param>
    /// <param name="positionOf">What an item is found by: it must not change between two pages.</param>
    public Page<T> Of<T>(IEnumerable<T> all, Func<T, string> positionOf)
    {
        ImmutableArray<T> found = [.. all.Where(one => After is null || string.CompareOrdinal(positionOf(one), After) > 0).Take(Limit + 1)];
        return found.Length <= Limit ? new Page<T>(found, null) : new Page<T>(found[..Limit], CursorAfter(positionOf(found[Limit - 1])));
    }

    private static bool TryOpen(string cursor, string binding, out string? position)
    {
        position = null;
        if (!Base64Url.IsValid(cursor) || Base64Url.DecodeFromChars(cursor) is not { Length: > ChecksumBytes } bytes)
        {
            return false;
        }

        ReadOnlySpan<byte> text = bytes.AsSpan(ChecksumBytes);
        if (!Checksum(binding, text).SequenceEqual(bytes.AsSpan(0, ChecksumBytes)))
        {
            return false;
        }

        position = Encoding.UTF8.GetString(text);
        return true;
    }

    private static ReadOnlySpan<byte> Checksum(string binding, ReadOnlySpan<byte> position) =>
        SHA256.HashData([.. Encoding.UTF8.GetBytes(binding), 0, .. position]).AsSpan(0, ChecksumBytes);
}
