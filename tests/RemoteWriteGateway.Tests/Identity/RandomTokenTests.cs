using System.Text;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tests.EntraEmulator;

namespace RemoteWriteGateway.Tests.Identity;

/// <summary>Random changes of headers and payloads: the parsers answer, whatever comes, and never with an exception.</summary>
public sealed class RandomTokenTests
{
    private const int Changes = 20_000;

    private const string Header = """{"typ":"JWT","alg":"RS256","kid":"k1","x5t":"k1","extra":{"a":[1,2,{"b":null}]}}""";

    private const string Payload =
        """{"aud":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","iss":"https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555/v2.0","iat":1,"nbf":1,"exp":4000,"azp":"99999999-0000-4000-8000-000000000001","azpacr":"1","idtyp":"user","name":"Ann","oid":"0f0f0f0f-1111-4222-8333-444444444444","scp":"Metrics.Access","roles":["Metrics.Read"],"groups":["77777777-0000-4000-8000-000000000001"],"_claim_names":{"groups":"src1"},"tid":"11111111-2222-4333-8444-555555555555","uti":"u","ver":"2.0","xms_cc":["cp1"]}""";

    private static readonly EntraDirectory Directory = new(
        new EntraOptions { TenantId = EmulatorHost.DirectoryId, ClientId = EmulatorHost.Gateway }, acceptsEmulator: false);

    [Fact]
    public void A_header_is_read_or_refused()
    {
        Random random = new(7);
        HashSet<string> reasons = [];
        for (int i = 0; i < Changes; i++)
        {
            string token = Forgery.Encoded(Changed(Header, random)) + ".e30.AAAA";
            Refusal? refusal = JoseHeader.Read(token, Directory, out string keyId);
            reasons.Add(refusal?.Reason ?? "");
            Assert.Equal(refusal is null, keyId.Length > 0);
        }

        Assert.Superset(new HashSet<string> { "", "malformed-token", "algorithm-not-allowed", "wrong-token-type", "unknown-key" }, reasons);
    }

    [Fact]
    public void A_payload_is_read_or_refused_and_who_is_read_is_of_the_directory()
    {
        CallerReader reader = new(Directory);
        Random random = new(7);
        HashSet<string> reasons = [];
        for (int i = 0; i < Changes; i++)
        {
            byte[] payload = Encoding.Latin1.GetBytes(Changed(Payload, random));
            bool isRead = reader.TryRead(payload, "k1", [], out Caller? caller, out Refusal? refusal);
            reasons.Add(refusal?.Reason ?? "");
            Assert.Equal(isRead, caller is not null && refusal is null && caller.Directory == Directory.Id);
        }

        Assert.Superset(new HashSet<string> { "", "claims-inconsistent", "directory-not-allowed", "not-an-access-token" }, reasons);
    }

    [Fact]
    public void Characters_are_read_or_refused()
    {
        Random random = new(7);
        for (int i = 0; i < Changes; i++)
        {
            char[] token = new char[random.Next(0, 60)];
            for (int j = 0; j < token.Length; j++)
            {
                token[j] = "abcXYZ019-_..=+/ \0é"[random.Next(19)];
            }

            Assert.NotNull(JoseHeader.Read(token, Directory, out _));
        }
    }

    /// <summary>One to three changes: a character replaced, taken out, or doubled; a piece taken out or doubled.</summary>
    private static string Changed(string text, Random random)
    {
        StringBuilder changed = new(text);
        for (int left = random.Next(1, 4); left > 0 && changed.Length > 8; left--)
        {
            int at = random.Next(changed.Length);
            int length = Math.Min(random.Next(1, 40), changed.Length - at);
            _ = random.Next(5) switch
            {
                0 => changed.Remove(at, 1).Insert(at, "{}[]\",:\\0aZ\u00ff\u0001"[random.Next(13)]),
                1 => changed.Remove(at, 1),
                2 => changed.Insert(at, changed[at]),
                3 => changed.Remove(at, length),
                _ => changed.Insert(at, changed.ToString(at, length)),
            };
        }

        return changed.ToString();
    }
}
