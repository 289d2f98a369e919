using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Tenancy;
using static RemoteWriteGateway.Tests.Tenancy.TestCaller;

namespace RemoteWriteGateway.Tests.Tenancy;

public sealed class AccessReviewTests
{
    private static readonly PolicySnapshot Policy = TestPolicy.Of("""
          - { id: on-a, match: { kind: app, role: [R] }, grant: { permissions: [metrics:read], tenants: [a] } }
          - { id: on-b, match: { kind: app, role: [R] }, grant: { permissions: [metrics:read], tenants: [b] } }
          - { id: idle, match: { kind: user, role: [R] }, grant: { permissions: [metrics:read], tenants: [c] } }
        """);

    [Fact]
    public void A_call_on_two_tenants_by_two_bindings_counts_for_each_what_it_gave()
    {
        AccessReview review = AccessReview.Of([Use("on-a", "a"), Use("on-a", "b"), Use("on-b", "a"), Use("on-b", "b")], Policies(Policy));

        Assert.Equal("on-a a 1, on-b b 1", Show(review));
        Assert.Equal(["idle"], review.UnusedBindings);
    }

    [Fact]
    public void Uses_under_several_versions_are_one_line_from_the_first_to_the_last()
    {
        PolicySnapshot other = TestPolicy.Of("  - { id: on-a, match: { kind: app, role: [R] }, grant: { permissions: [metrics:read], tenants: [a, b] } }");

        AccessReview review = AccessReview.Of(
            [Use("on-a", "a", uses: 3), Use("on-a", "a", other.Version, uses: 4, at: Now.AddDays(1)), Use("on-a", "a", "unknown", at: Now.AddDays(-1))],
            Policies(Policy, other));

        ReviewedUse use = Assert.Single(review.Uses);
        Assert.Equal((8, Now.AddDays(-1), Now.AddDays(1)), (use.Uses, use.FirstUsed, use.LastUsed));
        Assert.Equal(["idle", "on-b"], review.UnusedBindings);
    }

    [Theory]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("@cmd", "'@cmd")]
    [InlineData("Ann, of \"Ops\"", "\"Ann, of \"\"Ops\"\"\"")]
    [InlineData("ann@example.org", "ann@example.org")]
    public void A_name_is_a_cell_and_no_formula(string name, string cell) => Assert.Equal(cell, CsvCell.Quoted(CsvCell.Harmless(name)));

    private static Dictionary<string, PolicySnapshot> Policies(params PolicySnapshot[] all) => all.ToDictionary(one => one.Version);

    private static AccessUse Use(string binding, string tenant, string? version = null, long uses = 1, DateTimeOffset? at = null) => new()
    {
        PolicyVersion = version ?? Policy.Version,
        Binding = binding,
        SubjectOid = App().ObjectId,
        SubjectKind = "app",
        ActorClient = App().Client,
        Tenant = tenant,
        Permission = "metrics:read",
        FirstUsed = at ?? Now,
        LastUsed = at ?? Now,
        Uses = uses,
    };

    private static string Show(AccessReview review) => string.Join(", ", review.Uses.Select(use => $"{use.Binding} {use.Tenant} {use.Uses}"));
}
