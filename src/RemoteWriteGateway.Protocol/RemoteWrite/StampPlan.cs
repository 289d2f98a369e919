using System.Buffers;
using System.Text;

namespace RemoteWriteGateway.Protocol.RemoteWrite;

/// <summary>What <see cref="StampOptions"/> come to once names and values are encoded: built once, read by every request.</summary>
internal sealed class StampPlan
{
    /// <summary>A series with more raw labels than so many times the limit is refused before any of them is looked at.</summary>
    private const int RawLabelFactor = 4;

    /// <summary>Reserved on every store: labels by which other systems pick a tenant, or would.</summary>
    private static readonly string[] AlwaysReserved = ["vm_account_id", "vm_project_id", "__tenant_id__"];

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly SearchValues<byte> LegacyLabelBytes =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"u8);

    private static readonly SearchValues<byte> LegacyMetricBytes =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:"u8);

    private readonly WireRange[] _exportedNames;
    private readonly byte[][] _reserved;

    /// <exception cref="ArgumentException">The label cannot be put on a series: name or value empty, not encodable, or the metric name's own.</exception>
    public StampPlan(StampOptions options)
    {
        Options = options;
        ArgumentException.ThrowIfNullOrEmpty(options.TenantLabel);
        if (options.TenantLabel == "__name__")
        {
            throw new ArgumentException("The tenant label cannot be __name__: that is the metric's name.", nameof(options));
        }

        if (options.Stamp)
        {
            // An empty value is an absent label: such a stamp would be none.
            ArgumentException.ThrowIfNullOrEmpty(options.TenantValue);
        }

        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxFutureMs);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxPastMs);
        byte[] name = StrictUtf8.GetBytes(options.TenantLabel);
        byte[] value = StrictUtf8.GetBytes(options.TenantValue);
        Texts = BuildTexts(name, value, options.MaxLabelNameBytes, out _exportedNames);
        NameRange = new WireRange(0, name.Length);
        ValueRange = new WireRange(name.Length, value.Length);
        NamePrefix = NameOrder.Prefix(name);
        byte[] field = EncodeLabelField(name, value);
        LabelFieldBytes = field.Length;
        PaddedLabelField = [.. field, .. new byte[WriteBuffer.Slack]];
        MaxRawLabels = checked(options.MaxLabelsPerSeries * RawLabelFactor);
        MaxKeptLabels = int.Max(MaxRawLabels, ItemRules.MaxExemplarCharacters / 2);
        _reserved = [.. AlwaysReserved.Concat(options.ReservedLabels).Distinct().Select(StrictUtf8.GetBytes)];
        Filter = NameFilter.Of([name, .. _reserved]);
        byte[][] specials = [.. _reserved.Append(name).DistinctBy(Convert.ToHexString)];
        Array.Sort(specials, static (a, b) => a.AsSpan().SequenceCompareTo(b));
        TenantSpecial = Array.FindIndex(specials, special => special.AsSpan().SequenceEqual(name));
        SpecialPrefixes = [.. specials.Select(static special => NameOrder.Prefix(special)), ulong.MaxValue];
        HasShortLimits = int.Min(int.Min(options.MaxLabelNameBytes, options.MaxLabelValueBytes), options.MaxMetricNameBytes) <= sbyte.MaxValue;
        SymbolFilter = NameFilter.Of([name, .. _reserved, value, "__name__"u8.ToArray()]);
        MaxPlainSymbolBytes = options.NameScheme == NameScheme.Utf8
            ? int.Min(int.Min(options.MaxLabelNameBytes, options.MaxLabelValueBytes), int.Min(options.MaxMetricNameBytes, options.MaxMetadataBytes))
            : 0;
    }

    public StampOptions Options { get; }

    /// <summary>Tenant label, tenant value and the <c>exported_</c> names, one behind the other.</summary>
    public byte[] Texts { get; }

    /// <summary>Name of the tenant label, in <see cref="Texts"/>.</summary>
    public WireRange NameRange { get; }

    /// <summary>Value of the tenant label, in <see cref="Texts"/>.</summary>
    public WireRange ValueRange { get; }

    /// <summary>First eight bytes of the tenant label's name, see <see cref="NameOrder.Prefix(ReadOnlySpan{byte})"/>.</summary>
    public ulong NamePrefix { get; }

    public ReadOnlySpan<byte> TenantName => Texts.AsSpan(NameRange.Start, NameRange.Length);

    public ReadOnlySpan<byte> TenantValue => Texts.AsSpan(ValueRange.Start, ValueRange.Length);

    /// <summary>The tenant label as a field of a 1.0 series: tag, length, name, value; <see cref="LabelFieldBytes"/>, and behind them room to read on.</summary>
    public byte[] PaddedLabelField { get; }

    public int LabelFieldBytes { get; }

    /// <summary>Which names are worth comparing with the tenant label's and the reserved ones'.</summary>
    public NameFilter Filter { get; }

    /// <summary>First bytes of the tenant label's name and of the reserved ones, in byte order, and behind them a number that no name's is above.</summary>
    public ulong[] SpecialPrefixes { get; }

    /// <summary>Which of them are the tenant label's.</summary>
    public int TenantSpecial { get; }

    /// <summary>Whether names or values whose length takes one byte, so below 128, can be over a limit.</summary>
    public bool HasShortLimits { get; }

    /// <summary>2.0: which symbols are worth comparing with those names, with <c>__name__</c>, and with the tenant label's value.</summary>
    public NameFilter SymbolFilter { get; }

    /// <summary>2.0: most bytes of a symbol that is within all limits, whatever it stands for; 0 if each has to be looked at.</summary>
    public int MaxPlainSymbolBytes { get; }

    /// <summary>Most labels of a series as sent, empty and reserved ones counted.</summary>
    public int MaxRawLabels { get; }

    /// <summary>Most labels that are looked at, of a series or of an exemplar, which may have as many as its characters allow: two for each.</summary>
    public int MaxKeptLabels { get; }

    /// <summary>How many <c>exported_</c> names there are. A longer one would be over the limit of names anyway.</summary>
    public int ExportedNameCount => _exportedNames.Length;

    public bool IsTenantLabel(ReadOnlySpan<byte> name) => name.SequenceEqual(TenantName);

    /// <summary>Whether no writer may set this label. The tenant label itself is none of these: it is always removed.</summary>
    public bool IsReserved(ReadOnlySpan<byte> name)
    {
        foreach (byte[] reserved in _reserved)
        {
            if (name.SequenceEqual(reserved))
            {
                return !IsTenantLabel(name);
            }
        }

        return Options.TenantLabelIgnoresCase && EqualsIgnoringCase(name, TenantName) && !IsTenantLabel(name);
    }

    /// <summary>Where <c>exported_</c> × (<paramref name="depth"/> + 1) + tenant label stands in <see cref="Texts"/>.</summary>
    public WireRange ExportedName(int depth) => _exportedNames[depth];

    /// <summary>Whether the scheme of names allows this label name, which is valid UTF-8 and not empty.</summary>
    public bool AllowsLabelName(ReadOnlySpan<byte> name) =>
        Options.NameScheme == NameScheme.Utf8 || IsLegacy(name, LegacyLabelBytes);

    /// <summary>Whether the scheme of names allows this metric name, which is valid UTF-8 and not empty.</summary>
    public bool AllowsMetricName(ReadOnlySpan<byte> name) =>
        Options.NameScheme == NameScheme.Utf8 || IsLegacy(name, LegacyMetricBytes);

    /// <summary>Equal but for the case of ASCII letters; all other bytes must be the same.</summary>
    private static bool EqualsIgnoringCase(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        if (a.Length != b.Length)
        {
            return false;
        }

        for (int i = 0; i < a.Length; i++)
        {
            int difference = a[i] ^ b[i];
            if (difference != 0 && !(difference == 0x20 && char.IsAsciiLetter((char)a[i])))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsLegacy(ReadOnlySpan<byte> name, SearchValues<byte> allowed) =>
        name[0] is not (>= (byte)'0' and <= (byte)'9') && !name.ContainsAnyExcept(allowed);

    private static byte[] BuildTexts(byte[] name, byte[] value, int maxNameBytes, out WireRange[] exportedNames)
    {
        var texts = new List<byte>([.. name, .. value]);
        var ranges = new List<WireRange>();
        byte[] exported = name;
        do
        {
            exported = [.. "exported_"u8, .. exported];
            ranges.Add(new WireRange(texts.Count, exported.Length));
            texts.AddRange(exported);
        }
        while (exported.Length <= maxNameBytes);

        exportedNames = [.. ranges];
        return [.. texts];
    }

    private static byte[] EncodeLabelField(byte[] name, byte[] value)
    {
        int length = WireWriter.FieldSize(name.Length) + WireWriter.FieldSize(value.Length);
        byte[] field = new byte[WireWriter.FieldSize(length)];
        field[0] = V1Tags.Labels;
        int position = WireWriter.WriteVarint(field, 1, (uint)length);
        position = WireWriter.WriteBytes(field, position, V1Tags.LabelName, name);
        WireWriter.WriteBytes(field, position, V1Tags.LabelValue, value);
        return field;
    }
}
