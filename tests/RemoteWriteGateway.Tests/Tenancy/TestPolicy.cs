using System.Text;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tests.Tenancy;

/// <summary>Policies written in a test.</summary>
internal static class TestPolicy
{
    public const string FileName = "policy.yaml";

    /// <summary>One of everything.</summary>
    public const string Example = """
        version: 1
        directory: 11111111-2222-4333-8444-555555555555
        tokens: { delegatedScope: Metrics.Access, minClientAuth: secret, maxUserAge: 2h }
        tenants: { payments: { owner: team-payments }, payments-stg: {}, platform: {} }
        bindings:
        - id: prom-payments                      # one writer: this client AND this role
          match: { kind: app, client: [99999999-0000-4000-8000-000000000001], role: [Metrics.Write] }
          grant: { permissions: [metrics:write], tenants: [payments] }
        - id: tenant-writers                     # the app role names the tenant: Tenant.payments.Write
          match: { kind: app, roleTemplate: "Tenant.{tenant}.Write" }
          grant: { permissions: [metrics:write, metrics:push], tenants: ["{tenant}"] }
        - id: sre-readers                        # humans of a group, through Grafana only
          match: { kind: user, group: [77777777-0000-4000-8000-000000000001], client: [88888888-0000-4000-8000-000000000001] }
          grant: { permissions: [metrics:read], tenants: [payments, payments-stg] }
        - id: agents-look-only
          match: { kind: agent, role: [Metrics.Read] }
          grant: { permissions: [metrics:read], tenants: [platform], limits: { maxRange: 24h } }
        - id: operators                          # time-boxed: INC-42
          match: { kind: user, role: [Gateway.Admin] }
          grant: { permissions: [gateway:admin] }
          notAfter: 2027-01-31T00:00:00Z
        deny:
        - id: no-static-secrets-for-payments
          match: { kind: app, clientAuth: [secret] }
          deny: { permissions: [metrics:write], tenants: [payments] }
        """;

    /// <summary>A policy that must be valid.</summary>
    public static PolicySnapshot Load(string text, params ITenantSettingsReader[] readers)
    {
        LoadedPolicy loaded = Read(text, readers);
        Assert.Equal("", string.Join('\n', loaded.Faults.Select(fault => fault.In(FileName))));
        return loaded.Snapshot!;
    }

    /// <summary>What is wrong with a policy, as it is printed.</summary>
    public static string[] Faults(string text, params ITenantSettingsReader[] readers) => Faults(Encoding.UTF8.GetBytes(text), readers);

    public static string[] Faults(byte[] bytes, params ITenantSettingsReader[] readers)
    {
        LoadedPolicy loaded = new PolicyLoader(readers, directory: null).Load(new PolicyDocument(FileName, bytes));
        Assert.Equal(loaded.Faults.IsEmpty, loaded.Snapshot is not null);
        return [.. loaded.Faults.Select(fault => fault.In(FileName))];
    }

    /// <summary>A policy of the tenants a, b, c and the given bindings and denials.</summary>
    public static PolicySnapshot Of(string bindings, string denials = "", string tokens = "{}", string revocations = "[]") => Load($"""
        version: 1
        tokens: {tokens}
        tenants: {"{"} a: {"{}"}, b: {"{}"}, c: {"{}"} {"}"}
        bindings:
        {(bindings.Length == 0 ? "  []" : bindings)}
        deny:
        {(denials.Length == 0 ? "  []" : denials)}
        revocations: {revocations}
        """);

    private static LoadedPolicy Read(string text, ITenantSettingsReader[] readers) =>
        new PolicyLoader(readers, directory: null).Load(new PolicyDocument(FileName, Encoding.UTF8.GetBytes(text)));
}
