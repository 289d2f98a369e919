using System.Collections.Immutable;
using System.Globalization;
using RemoteWriteGateway.Audit.Reading;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Admin;

/// <summary>That a version of the policy was in force on a replica.</summary>
/// <param name="Version">The version.</param>
/// <param name="Replica">The replica's name.</param>
/// <param name="From">When the replica took it.</param>
/// <param name="To">When it took the next one; null if it has not, also if the replica is gone.</param>
internal sealed record PolicyVersionItem(string Version, string Replica, DateTimeOffset From, DateTimeOffset? To);

/// <summary>Something that is granted by one of two policies and not by the other.</summary>
/// <param name="Caller">The caller that wins or loses it, where callers were asked for.</param>
/// <param name="Binding">Else the binding that makes the difference,</param>
/// <param name="Deny">or the denial,</param>
/// <param name="Revocation">or whom a revocation in the policy refuses.</param>
/// <param name="Who">Whom the rule matches, in words.</param>
/// <param name="Permission">The permission; <c>everything</c> for revocations.</param>
/// <param name="Tenants">The tenants; empty for permissions on the gateway, and for revocations.</param>
internal sealed record DifferenceItem(
    CallerItem? Caller, string? Binding, string? Deny, string? Revocation, string? Who, string Permission, ImmutableArray<string> Tenants);

/// <summary>A setting that two policies differ in, and that concerns many.</summary>
/// <param name="Key">Its key in the policy file.</param>
/// <param name="Old">Before.</param>
/// <param name="New">After.</param>
internal sealed record SettingItem(string Key, string Old, string New);

/// <summary>Who gains and who loses from one policy to another.</summary>
/// <param name="Gains">What is granted by the second only.</param>
/// <param name="Loses">What is granted by the first only.</param>
/// <param name="Changed">Settings that differ; told with rules, not with callers.</param>
/// <param name="Callers">How many known callers were asked for; null where rules are told.</param>
internal sealed record DifferenceAnswer(
    ImmutableArray<DifferenceItem> Gains, ImmutableArray<DifferenceItem> Loses, ImmutableArray<SettingItem> Changed, int? Callers);

/// <summary><c>/admin/v1/policy/versions</c>: what the policy file said, when and where, and what changed.</summary>
internal sealed class PolicyVersionRoutes(PolicyVersionStore store, PolicyLoader loader, KnownCallers known, TimeProvider time)
{
    private const string Path = AdminFeature.Prefix + "/policy/versions";
    private const string Unknown = "policy of this version";
    private const string Callers = "callers";

    public void AddTo(AdminRoutes routes)
    {
        routes.Add(
            AdminRoute.Get(Path, "listPolicyVersions", Permissions.PolicyRead, "Which policy was in force on which replica, newest first.", typeof(Page<PolicyVersionItem>)) with
            {
                Query = Paging.Parameters,
            },
            ListAsync);
        routes.Add(
            AdminRoute.Get(Path + "/{version}", "getPolicyVersion", Permissions.PolicyRead, "The document of a version.", typeof(PolicyItem)) with
            {
                Problems = [(StatusCodes.Status404NotFound, AdminProblems.NotFoundReason)],
            },
            FindAsync);
        routes.Add(
            AdminRoute.Get(Path + "/{a}/diff/{b}", "diffPolicyVersions", Permissions.PolicyRead, "Who gains and who loses from one version to another.", typeof(DifferenceAnswer)) with
            {
                Query = [new QueryParameter(Callers, $"Tell it for callers known from the audit of this time until now, such as {Quantity.DurationExamples}, instead of rules.")],
                Problems = [(StatusCodes.Status404NotFound, AdminProblems.NotFoundReason), (StatusCodes.Status400BadRequest, AdminProblems.PolicyInvalidReason)],
            },
            DiffAsync);
    }

    private async Task<AdminAnswer> ListAsync(AdminCall call)
    {
        Paging paging = Paging.Read(call.Query, call.Route);
        if (call.Query.Refusal is { } refusal)
        {
            return refusal;
        }

        ImmutableArray<PolicyPeriod> found = await store.ListAsync(AfterOf(paging.After), paging.Limit + 1, call.Aborted);
        ImmutableArray<PolicyPeriod> page = [.. found.Take(paging.Limit)];
        return AdminAnswer.Ok(new Page<PolicyVersionItem>(
            [.. page.Select(one => new PolicyVersionItem(one.Version, one.Replica, one.From, one.To))],
            found.Length > paging.Limit ? paging.CursorAfter(PositionOf(page[^1])) : null));
    }

    private async Task<AdminAnswer> FindAsync(AdminCall call) =>
        await store.FindAsync(call.PathValue("version"), call.Aborted) is { } found
            ? AdminAnswer.Ok(new PolicyItem(found.Version, found.Document, found.LoadedAt))
            : AdminProblems.NotFound(Unknown);

    private async Task<AdminAnswer> DiffAsync(AdminCall call)
    {
        TimeSpan? back = call.Query.Duration(Callers);
        if (back is { } asked && (asked <= TimeSpan.Zero || asked > KnownCallers.MaxAge))
        {
            call.Query.Fault(Callers, $"is not a time from 1ms to {Quantity.Show(KnownCallers.MaxAge)}");
        }

        if (call.Query.Refusal is { } refusal)
        {
            return refusal;
        }

        if (await store.FindAsync(call.PathValue("a"), call.Aborted) is not { } a || await store.FindAsync(call.PathValue("b"), call.Aborted) is not { } b)
        {
            return AdminProblems.NotFound(Unknown);
        }

        LoadedPolicy old = loader.Load(a.ToDocument());
        LoadedPolicy now = loader.Load(b.ToDocument());
        if (old.Snapshot is null || now.Snapshot is null)
        {
            // It was valid once, for another version of the program or another directory.
            return AdminProblems.PolicyInvalid([.. old.Faults, .. now.Faults]);
        }

        return back is null ? Rules(PolicyDiff.Between(old.Snapshot, now.Snapshot)) : await CallersAsync(call, old.Snapshot, now.Snapshot, back.Value);
    }

    private async Task<AdminAnswer> CallersAsync(AdminCall call, PolicySnapshot old, PolicySnapshot now, TimeSpan back)
    {
        DateTimeOffset at = time.GetUtcNow();
        if (await known.SinceAsync(at - back, call.Aborted) is not { } callers)
        {
            return AdminProblems.BadRequest(Callers, string.Create(
                CultureInfo.InvariantCulture, $"more than {KnownCallers.MaxCallers} callers are known of that time, the limit; shorten it"));
        }

        PolicyReplay replay = PolicyReplay.Between(old, now, callers.Select(PolicyReplay.CallerOf), at);
        return AdminAnswer.Ok(new DifferenceAnswer(
            [.. replay.Gains.Select(ItemOf)], [.. replay.Loses.Select(ItemOf)], [], callers.Length));
    }

    private static AdminAnswer Rules(PolicyDiff diff) => AdminAnswer.Ok(new DifferenceAnswer(
        [.. diff.Gains.Select(ItemOf)],
        [.. diff.Loses.Select(ItemOf)],
        [.. diff.Changed.Select(one => new SettingItem(one.Key, one.Old, one.New))],
        null));

    private static DifferenceItem ItemOf(CallerChange change) =>
        new(CallerItem.Of(change.Caller), null, null, null, null, change.Permission, change.Tenants);

    private static DifferenceItem ItemOf(AccessChange change) => new(
        null,
        change.Kind == "binding" ? change.Id : null,
        change.Kind == "deny" ? change.Id : null,
        change.Id is null ? change.Who : null,
        change.Who,
        change.Permission,
        change.Tenants);

    private static string PositionOf(PolicyPeriod one) =>
        string.Create(CultureInfo.InvariantCulture, $"{one.From.UtcTicks} {one.Replica}");

    /// <summary>The place that a cursor of ours names.</summary>
    private static PolicyPeriod? AfterOf(string? position)
    {
        if (position is null)
        {
            return null;
        }

        string[] parts = position.Split(' ', 2);
        return new PolicyPeriod("", parts[1], new DateTimeOffset(long.Parse(parts[0], CultureInfo.InvariantCulture), TimeSpan.Zero), null);
    }
}
