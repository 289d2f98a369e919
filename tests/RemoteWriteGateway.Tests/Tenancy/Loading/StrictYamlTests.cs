using System.Text;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tests.Tenancy.Loading;

public sealed class StrictYamlTests
{
    private const string Bomb = """
        version: 1
        tenants: &a { t0: {}, t1: {} }
        b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
        c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
        """;

    [Fact]
    public void Anchors_and_aliases_are_refused_each_at_its_place()
    {
        string[] faults = TestPolicy.Faults(Bomb);

        Assert.Equal("policy.yaml:2:10: tenants: anchors are not allowed; write the value out where it is needed", faults[0]);
        Assert.Contains("policy.yaml:3:8: b[0]: aliases are not allowed; write the value out", faults);
        Assert.Contains("policy.yaml:4:40: c[8]: aliases are not allowed; write the value out", faults);
    }

    [Theory]
    [InlineData("version: !!int 1", "1:10: version: tags are not allowed; all values are text")]
    [InlineData("version: ! 1", "1:10: version: tags are not allowed; all values are text")]
    [InlineData("version: 1\ntenants: !include other.yaml", "2:10: tenants: tags are not allowed; all values are text", "2:10: tenants: expected a map, found text")]
    [InlineData("!!map\nversion: 1", "1:1: document: tags are not allowed; all values are text")]
    [InlineData("%TAG ! tag:example.org,2026:\n---\nversion: 1", "1:1: document: %TAG is not allowed; all values are text")]
    [InlineData("version: 1\n&k tenants: {}", "2:1: tenants: anchors are not allowed; write the value out where it is needed")]
    [InlineData("version: 1\ntenants: { a: &x {}, b: *x }", "2:15: tenants.a: anchors are not allowed; write the value out where it is needed", "2:25: tenants.b: aliases are not allowed; write the value out")]
    [InlineData("version: 1\n<<: { tenants: {} }", "2:1: <<: merge keys are not allowed; write the keys out")]
    [InlineData("version: 1\n---\nversion: 1", "2:1: document: a second document begins here; a file holds one")]
    [InlineData("version: 1\n...\nversion: 1", "3:1: document: a second document begins here; a file holds one")]
    [InlineData("version: 1\ntenants: {}\ntenants: {}", "3:1: tenants: is given twice, first in line 2")]
    [InlineData("version: 1\ntenants: { a: {}, b: {}, a: { x: [1, { y: z }] } }", "2:26: tenants.a: is given twice, first in line 2")]
    [InlineData("version: 1\n? [a, b]\n: c", "2:3: document: a key must be text")]
    [InlineData("version: 1\ntenants: { { a: b }: c }", "2:12: tenants: a key must be text")]
    [InlineData("- version", "1:1: document: expected a map, found a list")]
    [InlineData("version", "1:1: document: expected a map, found text")]
    [InlineData("", "1:1: document: is empty")]
    [InlineData("# nothing", "1:1: document: is empty")]
    [InlineData("version: 1\ntenants: { a: {}", "3:1: document: is not YAML: While parsing a flow mapping,  did not find expected ',' or '}'.")]
    [InlineData("version: 1\n\ttenants: {}", "1:10: document: is not YAML: While scanning a plain scalar, found a tab character that violate indentation.")]
    public void A_document_that_is_more_than_a_plain_tree_is_refused(string text, params string[] expected) =>
        Assert.Equal(expected.Select(fault => "policy.yaml:" + fault), TestPolicy.Faults(text));

    [Fact]
    public void Structure_and_content_are_told_in_the_same_run() => Assert.Equal(
        [
            "policy.yaml:1:10: version: \"2\" is not a version of this schema; expected 1",
            "policy.yaml:3:1: tokens: is given twice, first in line 2",
            "policy.yaml:4:1: unknown: unknown key; expected version, directory, tokens, tenantDefaults, tenants, bindings, deny, revocations",
        ],
        TestPolicy.Faults("version: 2\ntokens: {}\ntokens: {}\nunknown: {}"));

    [Theory]
    [InlineData("\uFEFF", "\r\n")]
    [InlineData("", "\r\n")]
    [InlineData("\uFEFF", "\n")]
    [InlineData("---\n", "\n")]
    [InlineData("%YAML 1.2\n---\n", "\n")]
    public void A_byte_order_mark_line_ends_and_a_document_start_are_no_matter(string before, string lineEnd) =>
        Assert.Equal(3, TestPolicy.Load(before + TestPolicy.Example.ReplaceLineEndings(lineEnd)).Tenants.Length);

    [Theory]
    [InlineData(15, 0)]
    [InlineData(16, 1)]
    public void Nesting_ends_at_sixteen(int lists, int expected)
    {
        string[] faults = TestPolicy.Faults($"version: 1\nx: {new string('[', lists)}{new string(']', lists)}");

        Assert.Equal(expected, faults.Count(fault => fault.EndsWith("is nested more than 16 deep", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("x: ", "[", "1:19: x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: is nested more than 16 deep")]
    [InlineData("x:\n", "- ", "2:31: x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: is nested more than 16 deep")]
    [InlineData("x: ", "{ ", "1:6: x: a key must be text", "1:38: x: is nested more than 16 deep")]
    [InlineData("x: ", "{a: ", "1:64: x.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: is nested more than 16 deep")]
    [InlineData("x:\n", "? ", "2:3: document: a key must be text", "2:35: document: is nested more than 16 deep")]
    public void A_megabyte_of_one_construct_is_told_like_any_other_mistake(string before, string construct, params string[] expected)
    {
        string text = before + string.Concat(Enumerable.Repeat(construct, (StrictYaml.MaxBytes - 3) / construct.Length));

        Assert.Equal(expected.Select(fault => "policy.yaml:" + fault), TestPolicy.Faults(text));
    }

    [Fact]
    public void A_document_may_have_a_mebibyte_and_not_a_byte_more()
    {
        byte[] largest = Encoding.UTF8.GetBytes("version: 1\n#".PadRight(StrictYaml.MaxBytes, 'x'));

        Assert.Empty(TestPolicy.Faults(largest));
        Assert.Equal(["policy.yaml:1:1: document: has 1048577 bytes or more, limit 1048576"], TestPolicy.Faults([.. largest, (byte)'x']));
    }

    [Theory]
    [InlineData(new byte[] { 0xFF }, "2:12")]
    [InlineData(new byte[] { 0xC3 }, "2:12")]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 }, "2:12")]
    [InlineData(new byte[] { 0xC0, 0x80 }, "2:12")]
    [InlineData(new byte[] { (byte)'a', 0x80 }, "2:13")]
    public void What_is_not_UTF8_is_refused_where_it_begins(byte[] bytes, string place) =>
        Assert.Equal([$"policy.yaml:{place}: document: is not UTF-8 from here on"], TestPolicy.Faults([.. "version: 1\ntenants: { "u8, .. bytes]));

    [Fact]
    public void Two_bytes_a_character_is_not_UTF8()
    {
        Assert.NotEmpty(TestPolicy.Faults(Encoding.Unicode.GetBytes("version: 1\n")));
    }

    [Theory]
    [InlineData("version: 1\n\0tenants: {}", "2:1: document: has the character U+0000, which shows nothing; write it as an escape in double quotes")]
    [InlineData("version: 1 # \u2028bindings: []", "1:14: document: has the character U+2028, which shows nothing; write it as an escape in double quotes")]
    [InlineData("version: 1 # \u0085bindings: []", "1:14: document: has the character U+0085, which shows nothing; write it as an escape in double quotes")]
    [InlineData("version: 1 # \u001b[2K", "1:14: document: has the character U+001B, which shows nothing; write it as an escape in double quotes")]
    public void Characters_that_end_or_break_a_line_unseen_are_refused(string text, string expected) =>
        Assert.Equal(["policy.yaml:" + expected], TestPolicy.Faults(text));

    [Fact]
    public void Random_documents_are_valid_or_have_faults_and_nothing_else()
    {
        Random random = new(20260101);
        string[] pieces =
        [
            "version", ": ", "1", "\n", "- ", "  ", "{ ", " }", "[", "]", ", ", "tenants", "a", "\"", "'", "&x ", "*x", "!t ", "? ", "| ", "> ",
            "#", "---\n", "...\n", "%YAML 1.1\n", "<<", "bindings", "match", "kind", "app", "role", "\t", "é", "\U0001F30D", "\r\n", "@", "`", ":", "\\x",
        ];
        for (int i = 0; i < 3000; i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ => pieces[random.Next(pieces.Length)]));

            // Asserts that a snapshot is there exactly if no fault is; any exception fails the test.
            TestPolicy.Faults(text);
        }
    }
}
