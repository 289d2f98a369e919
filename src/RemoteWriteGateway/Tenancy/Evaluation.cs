using System.Collections.Immutable;
using RemoteWriteGateway.Identity;

namespace RemoteWriteGateway.Tenancy;

/// <summary>One evaluation under way: the sets that the steps of <see cref="PolicyEvaluator"/> fill.</summary>
/// <remarks>Tenants are bits by <see cref="Tenant.Ordinal"/>; a permission on the gateway is bit 0, as if the gateway were the only tenant.</remarks>
internal ref struct Evaluation
{
    private readonly PolicySnapshot _policy;
    private readonly Caller _caller;
    private readonly AccessQuestion _question;
    private readonly DateTimeOffset _now;
    private readonly BitSpan _tenants;
    private readonly BitSpan _otherTenants;
    private readonly BitSpan _denied;
    private readonly BitSpan _bindings;
    private readonly BitSpan _agentBindings;
    private readonly BitSpan _denials;
    private bool _allTenants;
    private int _undeclared;

    /// <summary>Begins one in <paramref name="memory"/>: at least <see cref="WordsFor"/> words, all zero.</summary>
    public Evaluation(PolicySnapshot policy, Caller caller, AccessQuestion question, DateTimeOffset now, Span<ulong> memory)
    {
        _policy = policy;
        _caller = caller;
        _question = question;
        _now = now;
        int tenants = TenantWords(policy);
        int bindings = BitSpan.Words(policy.Bindings.Length);
        _tenants = new BitSpan(memory[..tenants]);
        _otherTenants = new BitSpan(memory.Slice(tenants, tenants));
        _denied = new BitSpan(memory.Slice(2 * tenants, tenants));
        memory = memory[(3 * tenants)..];
        _bindings = new BitSpan(memory[..bindings]);
        _agentBindings = new BitSpan(memory.Slice(bindings, bindings));
        _denials = new BitSpan(memory.Slice(2 * bindings, BitSpan.Words(policy.Denials.Length)));
    }

    /// <summary>Granted by <c>allTenants</c>, and no denial took one away.</summary>
    private readonly bool IsOnAllTenants => _allTenants && !IsOnGateway && _tenants.Count == _policy.Tenants.Length;

    private readonly bool IsOnGateway => Permissions.IsGatewayPermission(_question.Permission);

    /// <summary>How much memory an evaluation works in.</summary>
    public static int WordsFor(PolicySnapshot policy) =>
        (3 * TenantWords(policy)) + (2 * BitSpan.Words(policy.Bindings.Length)) + BitSpan.Words(policy.Denials.Length);

    /// <param name="alsoDenied">A permission whose denials count as well, or null.</param>
    public PolicyDecision Decide(string? alsoDenied)
    {
        // 1 and 2.
        Grant(assumeGroups: false);
        int undeclared = _undeclared;
        bool anyGranted = !_tenants.IsEmpty;
        if (anyGranted)
        {
            // 3.
            Deny(_question.Permission);
            if (alsoDenied is not null)
            {
                Deny(alsoDenied);
            }

            _tenants.Subtract(_denied);
        }

        // 4.
        if (_tenants.IsEmpty)
        {
            return PolicyDecision.Refused(anyGranted ? Reasons.DeniedByPolicy : WhyNothing(), undeclared);
        }

        // 5.
        string? reason = Choose(out ImmutableArray<Tenant> chosen);
        if (reason is not null)
        {
            return PolicyDecision.Refused(reason, undeclared) with { TooMany = reason is Reasons.TooManyTenants ? _tenants.Count : 0 };
        }

        // 6.
        ImmutableArray<string> ids = Contributors(out Binding? only, out TimeSpan? maxRange);
        return new PolicyDecision(null, chosen.IsDefault ? ChosenOf(only) : chosen, ids, maxRange, undeclared)
        {
            AllTenants = IsOnAllTenants && _question.Requested.Count == 0,
        };
    }

    /// <summary>The tenants of steps 1 and 2, which denials are still to be taken from; for a permission on the gateway nothing, but <paramref name="any"/>.</summary>
    public ImmutableArray<Tenant> Granted(out bool any)
    {
        Grant(assumeGroups: false);
        any = !_tenants.IsEmpty;
        return any && !IsOnGateway ? ChosenOf(only: null) : [];
    }

    private static int TenantWords(PolicySnapshot policy) => BitSpan.Words(Math.Max(1, policy.Tenants.Length));

    private void Grant(bool assumeGroups)
    {
        // 1.
        CallerView caller = OwnView(assumeGroups);
        _allTenants = Collect(in caller, _tenants, _bindings);
        if (_caller.OnBehalfOfUser)
        {
            // 2.
            CallerView agent = CallerView.AsAgent(_caller);
            _allTenants &= Collect(in agent, _otherTenants, _agentBindings);
            _tenants.IntersectWith(_otherTenants);
        }
    }

    private readonly CallerView OwnView(bool inAnyGroup) =>
        (_caller.OnBehalfOfUser ? CallerView.AsUser(_caller) : CallerView.Of(_caller)).InAnyGroup(inAnyGroup);

    /// <summary>Adds what the bindings give that match <paramref name="caller"/>, and leaves exactly those in <paramref name="bindings"/>.</summary>
    /// <returns>Whether one of them gives all tenants.</returns>
    private bool Collect(in CallerView caller, BitSpan tenants, BitSpan bindings)
    {
        bool all = false;
        _policy.BindingsOf(_question.Permission).Mark(in caller, bindings);
        for (int i = bindings.Next(0); i >= 0; i = bindings.Next(i + 1))
        {
            Binding binding = _policy.Bindings[i];
            if (binding.FirstMismatch(in caller, _now) is RuleCondition.None && CaptureFits(binding, in caller, tenants))
            {
                Add(binding, tenants);
                all |= binding.AllTenants;
            }
            else
            {
                bindings.Unset(i);
            }
        }

        return all;
    }

    /// <summary>Whether the binding has no template, or a role fits it and names a declared tenant; those are added if the binding grants them.</summary>
    private bool CaptureFits(Binding binding, in CallerView caller, BitSpan tenants)
    {
        if (binding.Match.RoleTemplate is not { } template)
        {
            return true;
        }

        bool any = false;
        foreach (string role in caller.Roles)
        {
            if (!template.TryCapture(role, out ReadOnlySpan<char> name))
            {
                continue;
            }

            if (_policy.FindTenant(name) is not { } tenant)
            {
                _undeclared++;
                continue;
            }

            any = true;
            if (binding.GrantsCaptured)
            {
                tenants.Set(tenant.Ordinal);
            }
        }

        return any;
    }

    private readonly void Add(PolicyRule rule, BitSpan tenants)
    {
        if (IsOnGateway)
        {
            tenants.Set(0);
        }
        else if (rule.AllTenants)
        {
            tenants.SetAll(_policy.Tenants.Length);
        }
        else
        {
            foreach (Tenant tenant in rule.Tenants)
            {
                tenants.Set(tenant.Ordinal);
            }
        }
    }

    private readonly void Deny(string permission)
    {
        // A caller whose groups are unknown may be in any: a denial by group applies, as a binding by group does not.
        CallerView caller = OwnView(_caller.GroupsUnknown);
        DenyThose(in caller, permission);
        if (_caller.OnBehalfOfUser)
        {
            CallerView agent = CallerView.AsAgent(_caller);
            DenyThose(in agent, permission);
        }
    }

    private readonly void DenyThose(in CallerView caller, string permission)
    {
        _denials.Clear();
        _policy.DenialsOf(permission).Mark(in caller, _denials);
        for (int i = _denials.Next(0); i >= 0; i = _denials.Next(i + 1))
        {
            DenyRule denial = _policy.Denials[i];
            if (denial.FirstMismatch(in caller, _now) is RuleCondition.None)
            {
                Add(denial, _denied);
            }
        }
    }

    private string WhyNothing()
    {
        if (_caller.GroupsUnknown)
        {
            _tenants.Clear();
            _otherTenants.Clear();
            _bindings.Clear();
            _agentBindings.Clear();
            Grant(assumeGroups: true);
            if (!_tenants.IsEmpty)
            {
                return Reasons.GroupsOverage;
            }
        }

        return _caller.Roles.IsEmpty && _caller.Scopes.IsEmpty ? Reasons.NoRoles : Reasons.PermissionDenied;
    }

    /// <summary>Narrows the granted tenants to those that the request is about.</summary>
    /// <param name="chosen">They, or default if they are the bits that are left.</param>
    private readonly string? Choose(out ImmutableArray<Tenant> chosen)
    {
        chosen = default;
        RequestedTenants requested = _question.Requested;
        if (IsOnGateway || _question.Choice is TenantChoice.None)
        {
            chosen = [];
            return null;
        }

        if (_question.Choice is TenantChoice.All)
        {
            return IsOnAllTenants ? null : Reasons.TenantNotGranted;
        }

        if (requested.Count == 0)
        {
            return ChooseUnasked(out chosen);
        }

        _otherTenants.Clear();
        for (int i = 0; i < requested.Count; i++)
        {
            // A name that is not declared gets the answer of one that is not granted: nobody learns which tenants exist.
            if (_policy.FindTenant(requested[i]) is not { } tenant || !_tenants[tenant.Ordinal])
            {
                return Reasons.TenantNotGranted;
            }

            _otherTenants.Set(tenant.Ordinal);
        }

        _tenants.IntersectWith(_otherTenants);
        return requested.Count > _question.MaxTenants ? Reasons.TooManyTenants : ChooseCounted(out chosen);
    }

    private readonly string? ChooseUnasked(out ImmutableArray<Tenant> chosen)
    {
        chosen = default;
        int count = _tenants.Count;
        if (_question.Choice is TenantChoice.One)
        {
            // All tenants that there are may be one today and two tomorrow: whoever may write to all must always say to which.
            return count > 1 || _allTenants ? Reasons.TenantAmbiguous : ChooseCounted(out chosen);
        }

        return count > _question.MaxTenants ? Reasons.TooManyTenants : ChooseCounted(out chosen);
    }

    private readonly string? ChooseCounted(out ImmutableArray<Tenant> chosen)
    {
        int first = _tenants.Next(0);
        bool isOne = _tenants.Next(first + 1) < 0;
        chosen = isOne ? _policy.Tenants[first].Alone : default;
        return isOne || _question.Choice is TenantChoice.Several
            ? null
            : throw new InvalidOperationException("A route of one tenant was asked about several.");
    }

    /// <summary>The chosen tenants as a list: the ones that the rule or the policy holds already, if they are the same.</summary>
    private readonly ImmutableArray<Tenant> ChosenOf(Binding? only)
    {
        int count = _tenants.Count;
        if (count == _policy.Tenants.Length)
        {
            return _policy.Tenants;
        }

        // Equal numbers are equal sets: with a single binding what is chosen is a part of what it gives.
        if (only is { AllTenants: false, GrantsCaptured: false } && only.Tenants.Length == count)
        {
            return only.Tenants;
        }

        ImmutableArray<Tenant>.Builder chosen = ImmutableArray.CreateBuilder<Tenant>(count);
        for (int i = _tenants.Next(0); i >= 0; i = _tenants.Next(i + 1))
        {
            chosen.Add(_policy.Tenants[i]);
        }

        return chosen.MoveToImmutable();
    }

    private readonly ImmutableArray<string> Contributors(out Binding? only, out TimeSpan? maxRange)
    {
        only = null;
        maxRange = null;
        ImmutableArray<string>.Builder? ids = null;
        CallerView caller = OwnView(inAnyGroup: false);
        CallerView agent = CallerView.AsAgent(_caller);
        for (int i = NextBinding(0); i >= 0; i = NextBinding(i + 1))
        {
            Binding binding = _policy.Bindings[i];
            if (!(_bindings[i] && Gives(binding, in caller)) && !(_agentBindings[i] && Gives(binding, in agent)))
            {
                continue;
            }

            maxRange = maxRange < binding.MaxRange ? maxRange : binding.MaxRange ?? maxRange;
            if (only is null && ids is null)
            {
                only = binding;
                continue;
            }

            ids ??= ImmutableArray.CreateBuilder<string>();
            if (only is not null)
            {
                ids.Add(only.Id);
                only = null;
            }

            ids.Add(binding.Id);
        }

        return ids?.ToImmutable() ?? only!.IdAlone; // Something was granted, so there is a binding that granted it.
    }

    private readonly int NextBinding(int from)
    {
        int own = _bindings.Next(from);
        int agents = _agentBindings.Next(from);
        return own < 0 ? agents : agents < 0 ? own : Math.Min(own, agents);
    }

    private readonly bool Gives(Binding binding, in CallerView caller)
    {
        if (IsOnGateway || binding.AllTenants)
        {
            return true;
        }

        foreach (Tenant tenant in binding.Tenants)
        {
            if (_tenants[tenant.Ordinal])
            {
                return true;
            }
        }

        if (binding is { GrantsCaptured: true, Match.RoleTemplate: { } template })
        {
            foreach (string role in caller.Roles)
            {
                if (template.TryCapture(role, out ReadOnlySpan<char> name)
                    && _policy.FindTenant(name) is { } tenant && _tenants[tenant.Ordinal])
                {
                    return true;
                }
            }
        }

        return false;
    }
}
