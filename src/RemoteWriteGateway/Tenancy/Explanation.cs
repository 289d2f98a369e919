using System.Collections.Immutable;
using System.Text.Json.Serialization;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>A decision and how it came about, as the API and the command line give it to scripts.</summary>
/// <param name="Allow">Whether it is granted.</param>
/// <param name="Reason">The reason's id if not.</param>
/// <param name="Tenants">The tenants that a request would be about.</param>
/// <param name="Bindings">The bindings that grant it.</param>
/// <param name="Rules">Every binding of the permission, in the order of the document.</param>
/// <param name="Denied">The denials that match.</param>
/// <param name="Revocations">The revocation that refuses the token, if one does.</param>
/// <param name="PolicyVersion">The policy that was asked.</param>
internal sealed record Explanation(
    bool Allow,
    string? Reason,
    ImmutableArray<string> Tenants,
    ImmutableArray<string> Bindings,
    ImmutableArray<RuleItem> Rules,
    ImmutableArray<DenialRuleItem> Denied,
    ImmutableArray<RevocationItem> Revocations,
    string PolicyVersion)
{
    public static Explanation Of(PolicyTrace trace, PolicySnapshot policy) => new(
        trace.Decision.IsAllowed,
        trace.Decision.Reason,
        [.. trace.Decision.Tenants.Select(tenant => tenant.Name)],
        trace.Decision.Bindings,
        [.. trace.Bindings.Select(RuleItem.Of)],
        [.. trace.Denials.Where(rule => rule.Matched).Select(rule => new DenialRuleItem(rule.Id))],
        trace.Revocation is { } revocation ? [RevocationItem.Of(revocation)] : [],
        policy.Version);
}

/// <summary>What became of one binding.</summary>
/// <param name="Id">The binding's id.</param>
/// <param name="Matched">Whether all its conditions hold.</param>
/// <param name="Failed">The first condition that does not; absent if it matched.</param>
/// <param name="Why">The same in words; absent if it matched.</param>
/// <param name="As">As whom an agent that acts for a human was looked at; absent for every other caller.</param>
internal sealed record RuleItem(
    string Id,
    bool Matched,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Failed,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Why,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? As)
{
    public static RuleItem Of(RuleTrace rule) => new(
        rule.Id,
        rule.Matched,
        rule.Matched ? null : NameOf(rule.Failed),
        rule.Why,
        rule.As is { } kind ? MatchReader.NameOf(kind) : null);

    /// <summary>A condition by the name of its key.</summary>
    public static string NameOf(RuleCondition condition)
    {
        string name = condition.ToString();
        return char.ToLowerInvariant(name[0]) + name[1..];
    }
}

/// <summary>A denial that matches.</summary>
/// <param name="Id">Its id.</param>
internal sealed record DenialRuleItem(string Id);

/// <summary>A revocation that refuses the token.</summary>
/// <param name="Kind"><c>subject</c>, <c>client</c>, <c>token</c> or <c>key</c>.</param>
/// <param name="Value">The id that it names.</param>
/// <param name="IssuedBefore">Only tokens issued earlier; null for all.</param>
/// <param name="Until">When it ends; null for never.</param>
/// <param name="Reason">Why.</param>
internal sealed record RevocationItem(string Kind, string Value, DateTimeOffset? IssuedBefore, DateTimeOffset? Until, string Reason)
{
    public static RevocationItem Of(Revocation one) =>
        new(RevocationsReader.NameOf(one.Kind), one.Value, one.IssuedBefore, one.Until, one.Reason);
}
