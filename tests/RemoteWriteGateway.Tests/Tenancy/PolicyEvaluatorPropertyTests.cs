using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Tenancy;

/// <summary>Random policies and callers: the compiled indexes decide as <see cref="NaiveEvaluator"/>, which looks at everything.</summary>
public sealed class PolicyEvaluatorPropertyTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Indexes_decide_as_looking_at_every_rule_does(int seed)
    {
        Random random = new(seed);
        HashSet<string> seen = [];
        for (int policies = 0; policies < 75; policies++)
        {
            string text = RandomPolicy(random);
            PolicySnapshot policy = TestPolicy.Load(text);
            for (int callers = 0; callers < 40; callers++)
            {
                Caller caller = RandomCaller(random);
                string permission = Permissions.All[random.Next(Permissions.All.Length)];
                ImmutableArray<string> requested = RandomRequest(random, permission);
                bool isAboutAll = !Permissions.IsGatewayPermission(permission) && random.Next(3) == 0;
                AccessQuestion question = isAboutAll
                    ? new(permission, TenantChoice.All, RequestedTenants.None, int.MaxValue)
                    : new(permission, Permissions.ChoiceOf(permission), new RequestedTenants(requested), MaxTenants: 3);

                PolicyDecision actual = PolicyEvaluator.Decide(policy, caller, question, TestCaller.Now);

                string expected = NaiveEvaluator.Decide(policy, caller, question, TestCaller.Now);
                Assert.True(expected == Show(actual), $"expected {expected}, got {Show(actual)}\n{caller}\n{permission} {string.Join('|', requested)}\n{text}");
                seen.Add(actual.Reason ?? (isAboutAll ? "allowed on all" : "allowed"));

                ImmutableArray<Tenant> given = PolicyEvaluator.GrantedBeforeDenials(policy, caller, permission, TestCaller.Now, out bool any);
                string before = Permissions.IsGatewayPermission(permission) ? any ? NaiveEvaluator.Gateway : "" : string.Join('|', given.Select(tenant => tenant.Name));
                Assert.Equal(NaiveEvaluator.GrantedBeforeDenials(policy, caller, permission, TestCaller.Now), before);
            }
        }

        // That the comparison was about something.
        Assert.Superset(
            new HashSet<string>(["allowed", "allowed on all", "no-roles", "permission-denied", "denied-by-policy", "groups-overage", "tenant-not-granted", "tenant-ambiguous", "too-many-tenants"]),
            seen);
    }

    private static string Show(PolicyDecision decision) => decision.Reason
        ?? $"{string.Join('|', decision.Tenants.Select(tenant => tenant.Name))} by {string.Join(',', decision.Bindings)} up to {decision.MaxRange}{(decision.AllTenants ? ", on all" : "")}";

    private static string RandomPolicy(Random random)
    {
        StringBuilder text = new("version: 1\ntenants: { ");
        // More than one word of bits now and then, and often exactly the ones of the requests.
        int tenants = random.Next(3) == 0 ? 130 : random.Next(1, 6);
        text.AppendJoin(", ", Enumerable.Range(0, tenants).Select(i => Invariant($"t{i}: {{}}"))).Append(" }\nbindings:\n");
        int bindings = random.Next(3) == 0 ? random.Next(60, 80) : random.Next(1, 8);
        for (int i = 0; i < bindings; i++)
        {
            AppendRule(text, random, tenants, Invariant($"b{i}"), isBinding: true);
        }

        text.Append("deny:\n  []\n".AsSpan(0, 6));
        int denials = random.Next(4);
        for (int i = 0; i < denials; i++)
        {
            AppendRule(text, random, tenants, Invariant($"d{i}"), isBinding: false);
        }

        return denials == 0 ? text.Append("  []\n").ToString() : text.ToString();
    }

    private static void AppendRule(StringBuilder text, Random random, int tenants, string id, bool isBinding)
    {
        string[] kinds = Pick(random, ["app", "user", "agent"], 2);
        bool isOnGateway = random.Next(6) == 0;
        bool hasTemplate = isBinding && !isOnGateway && !kinds.Contains("user") && random.Next(4) == 0;
        List<string> match = [$"kind: [{string.Join(", ", kinds)}]"];

        // Every binding has one of the two that are enough for every kind, a template aside.
        int anchor = random.Next(3);
        if (hasTemplate)
        {
            match.Add("roleTemplate: 'T.{tenant}'");
        }

        AddIf(anchor == 0 || random.Next(4) == 0, "oid", Ids('d', random));
        AddIf((anchor > 0 && !hasTemplate) || random.Next(4) == 0, "role", $"[{string.Join(", ", Pick(random, ["r0", "r1", "r2"], 2))}]");
        AddIf(random.Next(3) == 0, "client", Ids('c', random));
        AddIf(random.Next(4) == 0, "group", Ids('a', random));
        AddIf(random.Next(6) == 0, "scope", "[s0]");
        AddIf(random.Next(6) == 0, "clientAuth", $"[{string.Join(", ", Pick(random, ["public", "secret", "assertion"], 2))}]");

        string permissions = isOnGateway
            ? string.Join(", ", Pick(random, ["policy:read", "gateway:admin"], 2))
            : string.Join(", ", Pick(random, ["metrics:write", "metrics:read", "metrics:push", "audit:read"], 3));
        string[] names = Pick(random, [.. Enumerable.Range(0, tenants).Select(i => Invariant($"t{i}"))], 3);
        string scope = isOnGateway ? "" : random.Next(8) == 0 ? ", allTenants: true" : $", tenants: [{string.Join(", ", hasTemplate && random.Next(3) > 0 ? [.. names, "'{tenant}'"] : names)}]";
        string what = !isBinding && random.Next(5) == 0 ? "everything: true" : $"permissions: [{permissions}]{scope}";
        string limits = isBinding && random.Next(3) == 0 ? Invariant($", limits: {{ maxRange: {random.Next(1, 9)}h }}") : "";
        string times = random.Next(8) == 0 ? ", notAfter: 2026-11-24T11:00:00Z" : random.Next(8) == 0 ? ", notBefore: 2026-11-24T13:00:00Z" : "";
        text.AppendLine(Invariant($"- {{ id: {id}, match: {{ {string.Join(", ", match)} }}, {(isBinding ? "grant" : "deny")}: {{ {what}{limits} }}{times} }}"));

        void AddIf(bool condition, string field, string values)
        {
            if (condition)
            {
                match.Add($"{field}: {values}");
            }
        }
    }

    private static Caller RandomCaller(Random random)
    {
        CallerKind kind = (CallerKind)random.Next(3);
        bool groupsUnknown = random.Next(4) == 0;
        return TestCaller.App(random.Next(5) == 0 ? [] : Pick(random, ["r0", "r1", "r2", "T.t0", "T.t1", "T.gone", "other"], 4)) with
        {
            Kind = kind,
            OnBehalfOfUser = kind is CallerKind.Agent && random.Next(2) == 0,
            Client = Id('c', random.Next(3)),
            ObjectId = Id('d', random.Next(3)),
            Scopes = random.Next(2) == 0 ? [] : ["s0"],
            Groups = groupsUnknown || random.Next(2) == 0 ? [] : [.. Pick(random, [Id('a', 0), Id('a', 1), Id('a', 2)], 2).Order()],
            GroupsUnknown = groupsUnknown,
            ClientAuth = (ClientAuth)random.Next(3),
        };
    }

    private static ImmutableArray<string> RandomRequest(Random random, string permission) => Permissions.ChoiceOf(permission) switch
    {
        TenantChoice.One => random.Next(2) == 0 ? [] : [Invariant($"t{random.Next(4)}")],
        TenantChoice.Several => random.Next(2) == 0 ? [] : [.. Pick(random, ["t0", "t1", "t2", "gone"], 2).Order(StringComparer.Ordinal)],
        _ => [],
    };

    /// <summary>One to <paramref name="most"/> of <paramref name="from"/>.</summary>
    private static T[] Pick<T>(Random random, T[] from, int most)
    {
        T[] shuffled = [.. from];
        random.Shuffle(shuffled);
        return shuffled[..Math.Min(from.Length, random.Next(1, most + 1))];
    }

    private static string Ids(char letter, Random random) => $"[{string.Join(", ", Pick(random, [Id(letter, 0), Id(letter, 1), Id(letter, 2)], 2))}]";

    private static Guid Id(char letter, int number) => Guid.Parse(Invariant($"{new string(letter, 8)}-0000-4000-8000-00000000000{number}"));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
