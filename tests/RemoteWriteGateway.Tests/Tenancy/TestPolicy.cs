using System.Text;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tests.Tenancy;

/// <summary>Policies written in a test.</summary>
internal static class TestPolicy
{
    public const string FileName = "policy.yaml";

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
