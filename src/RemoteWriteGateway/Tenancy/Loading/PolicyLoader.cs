using System.Collections.Immutable;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>What became of a document: a snapshot, or everything that is wrong with it.</summary>
/// <param name="Snapshot">Null if there are faults.</param>
/// <param name="Faults">By line and column.</param>
internal sealed record LoadedPolicy(PolicySnapshot? Snapshot, ImmutableArray<PolicyFault> Faults);

/// <summary>Makes a <see cref="PolicySnapshot"/> of a policy document. Nothing is guessed and nothing is skipped: what is not understood is a fault.</summary>
internal sealed class PolicyLoader
{
    private readonly TenantsReader _tenants;
    private readonly Guid? _directory;

    /// <param name="readers">Of all features that have keys under <c>tenants</c>.</param>
    /// <param name="directory">The configured directory, or null where none is known: on the command line.</param>
    /// <exception cref="InvalidOperationException">Two readers name the same key: a bug of ours.</exception>
    public PolicyLoader(IEnumerable<ITenantSettingsReader> readers, Guid? directory)
    {
        _tenants = new TenantsReader([.. readers]);
        _directory = directory;
    }

    public LoadedPolicy Load(PolicyDocument document)
    {
        FaultList faults = new();
        PolicySnapshot? snapshot = StrictYaml.Read(document.Bytes.Span, faults) is { } root ? Read(document, root, faults) : null;
        return faults.IsEmpty ? new LoadedPolicy(snapshot, []) : new LoadedPolicy(null, faults.Ordered);
    }

    private PolicySnapshot Read(PolicyDocument document, YamlMap root, FaultList faults)
    {
        root.Expect("version", "directory", "tokens", "tenantDefaults", "tenants", "bindings", "deny", "revocations");
        if (root.Require("version") is { } version && version.Text() is { } schema && schema != "1")
        {
            version.Fault($"\"{schema}\" is not a version of this schema; expected 1");
        }

        Guid? directory = ReadDirectory(root);
        TokenRules tokens = ReadTokens(root.Find("tokens")?.Map());
        ImmutableArray<Tenant> tenants = _tenants.Read(root, faults);
        RulesReader rules = new(tenants);
        ImmutableArray<Binding> bindings = rules.ReadBindings(root.Find("bindings"));
        ImmutableArray<DenyRule> denials = rules.ReadDenials(root.Find("deny"));
        RevocationList revocations = new(RevocationsReader.Read(root.Find("revocations")));
        return new PolicySnapshot(document, directory, tokens, tenants, bindings, denials, revocations);
    }

    private Guid? ReadDirectory(YamlMap root)
    {
        if (root.Find("directory") is not { } value || value.Id() is not { } directory)
        {
            return null;
        }

        if (_directory is { } configured && directory != configured)
        {
            value.Fault($"this policy is for directory {directory}, the gateway is configured for {configured}");
        }

        return directory;
    }

    private static TokenRules ReadTokens(YamlMap? tokens)
    {
        TokenRules rules = new();
        if (tokens is null)
        {
            return rules;
        }

        tokens.Expect("delegatedScope", "requireIdtyp", "minClientAuth", "maxUserAge");
        return new TokenRules(
            tokens.Find("delegatedScope")?.Text() ?? rules.DelegatedScope,
            tokens.Find("requireIdtyp")?.Flag() ?? rules.RequireIdTyp,
            tokens.Find("minClientAuth") is { } auth ? MatchReader.ClientAuthOf(auth) ?? rules.MinClientAuth : rules.MinClientAuth,
            tokens.Find("maxUserAge")?.Duration());
    }
}
