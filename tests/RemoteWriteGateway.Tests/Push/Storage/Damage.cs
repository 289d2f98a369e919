using RemoteWriteGateway.Catalog;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Tests.Push.Storage;

/// <summary>What can happen to a payload where it lies.</summary>
internal static class Damage
{
    public const string Newer = "newer";

    /// <summary>Both engines, each with every kind.</summary>
    public static TheoryData<string, string> OnBothProviders
    {
        get
        {
            TheoryData<string, string> all = [];
            foreach (string provider in (string[])["Sqlite", "PostgreSql"])
            {
                foreach (string kind in (string[])[Newer, "cut", "flipped", "empty"])
                {
                    all.Add(provider, kind);
                }
            }

            return all;
        }
    }

    /// <param name="kind">A version that this program does not know, a cut body, changed bytes inside the snappy block, or nothing left.</param>
    /// <param name="body">As it was stored.</param>
    public static byte[] Of(string kind, byte[] body) => kind switch
    {
        Newer => [9, .. body[1..]],
        "cut" => body[..(body.Length * 2 / 3)],
        "flipped" => [.. body.Select((value, i) => i > 10 && i % 40 == 0 ? (byte)~value : value)],
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
}
