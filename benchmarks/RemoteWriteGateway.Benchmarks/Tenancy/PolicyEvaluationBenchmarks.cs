using System.Globalization;
using System.Text;
using BenchmarkDotNet.Attributes;
using RemoteWriteGateway.Identity;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Benchmarks.Tenancy;

/// <summary>
/// What does it cost a request to be decided? Token rules, revocations, bindings, denials and the choice of the tenant. Baseline is
/// the obvious way: ask every binding. Budget: 2 µs, 0 B when one binding decides.
/// </summary>
[MemoryDiagnoser]
public class PolicyEvaluationBenchmarks
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly AccessQuestion _write = new(Permissions.MetricsWrite, TenantChoice.One, RequestedTenants.None, 100);
    private readonly AccessQuestion _named = new(Permissions.MetricsWrite, TenantChoice.One, new RequestedTenants("team-7"), 100);
    private readonly AccessQuestion _read = new(Permissions.MetricsRead, TenantChoice.Several, RequestedTenants.None, 100);

    private PolicySnapshot _policy = null!; // Set before the first measurement, as the rest.
    private Caller _writer = null!;
    private Caller _templated = null!;
    private Caller _reader = null!;
    private Caller _stranger = null!;

    /// <summary>Tenants, each with a binding of its writer and one of its readers' group.</summary>
    [Params(10, 1000)]
    public int Tenants { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        LoadedPolicy loaded = new PolicyLoader([], directory: null).Load(new PolicyDocument("policy.yaml", Encoding.UTF8.GetBytes(Text())));
        _policy = loaded.Snapshot ?? throw new InvalidOperationException("The benchmark's policy is invalid: " + loaded.Faults[0].Message);
        _writer = App(Id("99999999", 7), "Metrics.Write");
        _templated = App(Id("99999999", 999_999), "Tenant.team-7.Write");
        _stranger = App(Id("99999999", 999_999), "Some.Role");
        _reader = _writer with
        {
            Kind = CallerKind.User,
            Client = Id("88888888", 1),
            Scopes = ["Metrics.Access"],
            Groups = [.. Enumerable.Range(0, 200).Select(i => Id("77777777", i == 0 ? 7 : 100_000 + i)).Order()],
        };
        string[] decided = [OneBindingByClient(), OneBindingByClientAndTheTenantIsNamed(), OneTemplate(), OneBindingOf200Groups()];
        if (decided.Any(tenant => tenant != "team-7") || NothingGranted() != "refused")
        {
            throw new InvalidOperationException("The benchmark's callers get something else: " + string.Join(", ", decided));
        }
    }

    [Benchmark(Baseline = true)]
    public int EveryBindingAsked()
    {
        int matched = 0;
        CallerView caller = CallerView.Of(_writer);
        foreach (Binding binding in _policy.Bindings)
        {
            matched += binding.FirstMismatch(in caller, Now) is RuleCondition.None ? 1 : 0;
        }

        return matched;
    }

    [Benchmark]
    public string OneBindingByClient() => Decide(_writer, _write);

    [Benchmark]
    public string OneBindingByClientAndTheTenantIsNamed() => Decide(_writer, _named);

    [Benchmark]
    public string OneTemplate() => Decide(_templated, _write);

    /// <summary>A user with 200 groups, one of them in the policy.</summary>
    [Benchmark]
    public string OneBindingOf200Groups() => Decide(_reader, _read);

    [Benchmark]
    public string NothingGranted() => Decide(_stranger, _write);

    private string Decide(Caller caller, AccessQuestion question) =>
        PolicyEvaluator.CheckToken(_policy, caller, Now) is { } violation
            ? throw new InvalidOperationException("The benchmark's token was refused: " + violation)
            : PolicyEvaluator.Decide(_policy, caller, question, Now) is { Reason: null, Tenants: [Tenant only] } ? only.Name : "refused";

    private string Text()
    {
        StringBuilder text = new("version: 1\ntenants:\n");
        for (int i = 0; i < Tenants; i++)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  team-{i}: {{}}");
        }

        text.AppendLine("bindings:");
        for (int i = 0; i < Tenants; i++)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"- {{ id: writer-{i}, match: {{ kind: app, client: [{Id("99999999", i)}], role: [Metrics.Write] }}, grant: {{ permissions: [metrics:write], tenants: [team-{i}] }} }}");
            text.AppendLine(CultureInfo.InvariantCulture,
                $"- {{ id: readers-{i}, match: {{ kind: user, group: [{Id("77777777", i)}] }}, grant: {{ permissions: [metrics:read], tenants: [team-{i}] }} }}");
        }

        text.AppendLine("- { id: templated, match: { kind: app, roleTemplate: 'Tenant.{tenant}.Write' }, grant: { permissions: [metrics:write], tenants: ['{tenant}'] } }");
        text.AppendLine("deny: [ { id: no-secrets, match: { kind: app, clientAuth: [secret] }, deny: { permissions: [metrics:write], allTenants: true } } ]");
        text.AppendLine(CultureInfo.InvariantCulture, $"revocations: [ {{ client: {Id("99999999", 500_000)}, reason: left }} ]");
        return text.ToString();
    }

    private static Caller App(Guid client, string role) => new()
    {
        Kind = CallerKind.App,
        Directory = Id("11111111", 1),
        ObjectId = Id("66666666", 1),
        Client = client,
        ClientAuth = ClientAuth.Assertion,
        Roles = [role],
        KeyId = "key-1",
        TokenId = "token-1",
        TokenVersion = TokenVersion.V2,
        IssuedAt = Now.AddMinutes(-5),
        ExpiresAt = Now.AddHours(1),
    };

    private static Guid Id(string head, int number) =>
        Guid.Parse(string.Create(CultureInfo.InvariantCulture, $"{head}-0000-4000-8000-{number:x12}"));
}
