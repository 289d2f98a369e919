using System.Collections.Frozen;
using System.Collections.Immutable;

namespace RemoteWriteGateway.Tenancy;

/// <summary>
/// Finds the rules that may match a caller without looking at the others. Each rule stands in one of the tables, under what
/// is most telling of it: client, else object id, else group, else role; the rest is always looked at.
/// </summary>
internal sealed class RuleIndex
{
    private readonly FrozenDictionary<Guid, ImmutableArray<int>> _byClient;
    private readonly FrozenDictionary<Guid, ImmutableArray<int>> _byObjectId;
    private readonly FrozenDictionary<Guid, ImmutableArray<int>> _byGroup;
    private readonly FrozenDictionary<string, ImmutableArray<int>> _byRole;
    private readonly ImmutableArray<Guid> _groups;
    private readonly ImmutableArray<int> _inAGroup;
    private readonly ImmutableArray<int> _rest;

    /// <summary>Indexes those of <paramref name="rules"/> that <paramref name="isWanted"/>; the index speaks of them by their place in the list.</summary>
    public RuleIndex(IReadOnlyList<PolicyRule> rules, Func<PolicyRule, bool> isWanted)
    {
        Dictionary<Guid, List<int>> byClient = [], byObjectId = [], byGroup = [];
        Dictionary<string, List<int>> byRole = new(StringComparer.Ordinal);
        List<int> inAGroup = [], rest = [];
        for (int i = 0; i < rules.Count; i++)
        {
            RuleMatch match = rules[i].Match;
            if (!isWanted(rules[i]))
            {
                continue;
            }

            if (match.Clients is not null)
            {
                Add(byClient, match.Clients, i);
            }
            else if (match.ObjectIds is not null)
            {
                Add(byObjectId, match.ObjectIds, i);
            }
            else if (match.Groups is { } groups)
            {
                Add(byGroup, groups, i);
                inAGroup.Add(i);
            }
            else if (match.Roles is not null)
            {
                Add(byRole, match.Roles, i);
            }
            else
            {
                rest.Add(i);
            }
        }

        _byClient = Freeze(byClient);
        _byObjectId = Freeze(byObjectId);
        _byGroup = Freeze(byGroup);
        _byRole = Freeze(byRole);
        _groups = [.. byGroup.Keys];
        _inAGroup = [.. inAGroup];
        _rest = [.. rest];
    }

    /// <summary>Sets the bits of all rules that match <paramref name="caller"/>, and of some that do not: each is still to be asked.</summary>
    public void Mark(in CallerView caller, BitSpan candidates)
    {
        MarkThose(_byClient, caller.Client, candidates);
        if (caller.ObjectId is { } subject)
        {
            MarkThose(_byObjectId, subject, candidates);
        }

        if (caller.IsInAnyGroup)
        {
            MarkAll(_inAGroup, candidates);
        }
        else
        {
            MarkGroups(caller.Groups, candidates);
        }

        if (_byRole.Count > 0)
        {
            foreach (string role in caller.Roles)
            {
                MarkThose(_byRole, role, candidates);
            }
        }

        MarkAll(_rest, candidates);
    }

    // A token has up to 200 groups. Where the rules name much fewer, each of those is searched for among the token's, which are sorted:
    // PolicyEvaluationBenchmarks.OneBindingOf200Groups.
    private void MarkGroups(ReadOnlySpan<Guid> groups, BitSpan candidates)
    {
        if (_groups.Length <= groups.Length / 8)
        {
            foreach (Guid group in _groups)
            {
                if (groups.BinarySearch(group) >= 0)
                {
                    MarkThose(_byGroup, group, candidates);
                }
            }

            return;
        }

        foreach (Guid group in groups)
        {
            MarkThose(_byGroup, group, candidates);
        }
    }

    private static void MarkThose<TKey>(FrozenDictionary<TKey, ImmutableArray<int>> table, TKey key, BitSpan candidates)
        where TKey : notnull
    {
        if (table.TryGetValue(key, out ImmutableArray<int> found))
        {
            MarkAll(found, candidates);
        }
    }

    private static void MarkAll(ImmutableArray<int> rules, BitSpan candidates)
    {
        foreach (int rule in rules)
        {
            candidates.Set(rule);
        }
    }

    private static void Add<TKey>(Dictionary<TKey, List<int>> table, IEnumerable<TKey> keys, int rule)
        where TKey : notnull
    {
        foreach (TKey key in keys)
        {
            if (!table.TryGetValue(key, out List<int>? list))
            {
                table[key] = list = [];
            }

            list.Add(rule);
        }
    }

    private static FrozenDictionary<TKey, ImmutableArray<int>> Freeze<TKey>(Dictionary<TKey, List<int>> table)
        where TKey : notnull =>
        table.ToFrozenDictionary(entry => entry.Key, entry => entry.Value.ToImmutableArray(), table.Comparer);
}
