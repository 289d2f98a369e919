using System.Text;
using RemoteWriteGateway.Protocol.Exposition;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>A row of <c>push_names</c>.</summary>
/// <param name="Type">What all holders agree on; null if there are none.</param>
/// <param name="Holders">Groups that have a family of this name.</param>
internal readonly record struct NameRow(FamilyType? Type, int Holders);

/// <summary>What a row is to become.</summary>
internal readonly record struct NameUpdate(string Name, FamilyType? Type, int Delta);

/// <summary>
/// Whether a group may have its new names beside those of the tenant's other groups: one type for a name, and no name that a histogram or
/// summary writes its own series under (step 5 of the push transaction).
/// </summary>
internal sealed class NameClaims
{
    private static readonly string[] Suffixes = ["_bucket", "_count", "_sum", "_gcount", "_gsum"];

    private readonly Dictionary<string, NameChange> _changes;

    public NameClaims(IReadOnlyList<NameChange> changes)
    {
        _changes = changes.ToDictionary(static change => change.Name, StringComparer.Ordinal);
        Locked = InOrder(changes.SelectMany(static change => BaseOf(change.Name) is { } name ? (string[])[change.Name, name] : [change.Name]));
        Read = InOrder(Locked.Concat(changes.Where(static change => change.After is not null).SelectMany(static change => Forms(change.Name))));
    }

    /// <summary>Names whose rows are to be made and locked, in this order: those that change, and what they may be a form of. A name comes before its forms.</summary>
    public IReadOnlyList<string> Locked { get; }

    /// <summary>Names whose rows decide, once the others are locked: whoever takes or gives back one of these holds a lock that we waited for.</summary>
    public IReadOnlyList<string> Read { get; }

    /// <summary>Decides, given the rows of <see cref="Read"/>.</summary>
    public PushRefusal? Check(IReadOnlyDictionary<string, NameRow> rows)
    {
        foreach (NameChange change in _changes.Values)
        {
            if (change.After is not { } type)
            {
                continue;
            }

            NameRow row = rows.GetValueOrDefault(change.Name);
            if (Others(change.Name, row) > 0 && row.Type != type)
            {
                return new PushRefusal(
                    "type-conflict",
                    $"{change.Name} is pushed as {Text(type)}, and other groups of the tenant have it as {Text(row.Type)}; push it with that type, or under another name");
            }

            if (Collision(change.Name, type, rows) is { } other)
            {
                return new PushRefusal(
                    "name-collision", $"{change.Name} ({Text(type)}) and {other} would write series of the same name; rename one of them");
            }
        }

        return null;
    }

    /// <summary>What the rows become.</summary>
    public IReadOnlyList<NameUpdate> Updates(IReadOnlyDictionary<string, NameRow> rows) => [.. _changes.Values.Select(change => new NameUpdate(
        change.Name,
        TypeAfter(change.Name, rows.GetValueOrDefault(change.Name)),
        (change.After is null ? 0 : 1) - (change.Before is null ? 0 : 1)))];

    /// <summary>The other family that one cannot stand beside, in words; null if there is none.</summary>
    private string? Collision(string name, FamilyType type, IReadOnlyDictionary<string, NameRow> rows)
    {
        foreach (string suffix in FormsOf(type))
        {
            if (TypeAfter(name + suffix, rows.GetValueOrDefault(name + suffix)) is not null)
            {
                return name + suffix;
            }
        }

        return BaseOf(name) is { } stem && TypeAfter(stem, rows.GetValueOrDefault(stem)) is { } stemType && FormsOf(stemType).Contains(name[stem.Length..])
            ? $"{stem} ({Text(stemType)})"
            : null;
    }

    /// <summary>The name's type when this push is stored; null if nobody has it then.</summary>
    private FamilyType? TypeAfter(string name, NameRow row) =>
        _changes.TryGetValue(name, out NameChange change) && change.After is { } type ? type : Others(name, row) > 0 ? row.Type : null;

    /// <summary>Groups beside this one that have the name, or this one if it keeps it as it is.</summary>
    private int Others(string name, NameRow row) => row.Holders - (_changes.TryGetValue(name, out NameChange change) && change.Before is not null ? 1 : 0);

    private static string[] FormsOf(FamilyType type) => type switch
    {
        FamilyType.Histogram => ["_bucket", "_count", "_sum"],
        FamilyType.Summary => ["_count", "_sum"],
        FamilyType.GaugeHistogram => Suffixes,
        _ => [],
    };

    private static IEnumerable<string> Forms(string name) => Suffixes.Select(suffix => name + suffix);

    private static string? BaseOf(string name) =>
        Suffixes.FirstOrDefault(suffix => name.Length > suffix.Length && name.EndsWith(suffix, StringComparison.Ordinal)) is { } suffix ? name[..^suffix.Length] : null;

    /// <summary>The order in which all transactions lock names.</summary>
    public static IReadOnlyList<string> InOrder(IEnumerable<string> names)
    {
        List<string> sorted = [.. names.Distinct(StringComparer.Ordinal)];
        // By bytes of UTF-8, as the database orders them: ordinal order of UTF-16 puts some characters elsewhere.
        sorted.Sort(static (a, b) => Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b)));
        return sorted;
    }

    private static string Text(FamilyType? type) => type switch
    {
        FamilyType.Counter => "counter",
        FamilyType.Gauge => "gauge",
        FamilyType.Summary => "summary",
        FamilyType.Histogram => "histogram",
        FamilyType.GaugeHistogram => "gauge histogram",
        _ => "untyped",
    };
}
