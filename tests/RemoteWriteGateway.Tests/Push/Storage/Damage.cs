using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>What can happen to a payload where it lies.</summary>
internal static class Damage
{
    public const string Newer = "newer";

    private static readonly string[] Plain = [Newer, "cut", "flipped", "empty"];

    /// <summary>Both engines, each with every kind that shows when the directory is read.</summary>
    public static TheoryData<string, string> OnBothProviders => Both(Plain);

    /// <summary>The same, and a payload that can be read but does not fit together.</summary>
    public static TheoryData<string, string> AllOnBothProviders => Both([.. Plain, "changed"]);

    /// <param name="kind">
    /// A version that this program does not know, a cut body, changed bytes inside the snappy block, a changed byte of a hash before it was packed, or nothing
    /// left.
    /// </param>
    /// <param name="body">As it was stored, packed.</param>
    public static byte[] Of(string kind, byte[] body) => kind switch
    {
        Newer => [9, .. body[1..]],
        "cut" => body[..(body.Length * 2 / 3)],
        "flipped" => [.. body.Select((value, i) => i > 10 && i % 40 == 0 ? (byte)~value : value)],
        "changed" => Changed(body),
        _ => [],
    };

    /// <summary>Damages the newest payload of a group.</summary>
    public static async Task DoAsync(CatalogDatabase database, string kind, GroupKey key)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        byte[] body = (await database.QueryFirstOrDefaultAsync<byte[]>(
            "SELECT body FROM push_payloads WHERE key = @Bytes ORDER BY generation DESC", new { key.Bytes }, cancel))!; // it has one
        await database.ExecuteAsync(
            """
            UPDATE push_payloads SET body = @body WHERE key = @Bytes AND generation = (SELECT max(p.generation) FROM push_payloads p WHERE p.key = @Bytes)
            """,
            new { key.Bytes, body = Of(kind, body) },
            cancel);
    }

    private static byte[] Changed(byte[] body)
    {
        byte[] plain = IronSnappy.Snappy.Decode(body.AsSpan(1));
        plain[plain.AsSpan().IndexOf(PayloadBody.Parse(body).SeriesOf(0).Span)] ^= 1;
        return [PayloadBody.Packed, .. IronSnappy.Snappy.Encode(plain)];
    }

    private static TheoryData<string, string> Both(string[] kinds)
    {
        TheoryData<string, string> all = [];
        foreach (string provider in (string[])["Sqlite", "PostgreSql"])
        {
            foreach (string kind in kinds)
            {
                all.Add(provider, kind);
            }
        }

        return all;
    }
}
