using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Push.Storage;

/// <summary>What a path names: the group's labels at the store, and the sixteen bytes by which the catalog knows it.</summary>
internal sealed class GroupKey
{
    private const int KeyBytes = 16;

    // The text stands in a column and in JSON answers, not in a page.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly byte[] _bytes;

    private GroupKey(byte[] bytes, ImmutableArray<KeyValuePair<string, string>> spelling)
    {
        _bytes = bytes;
        Spelling = spelling;
        Labels = [.. spelling.Where(static label => label.Value.Length > 0)];
    }

    /// <summary>Column <c>key</c>: 16 bytes, a pure function of <see cref="Labels"/>.</summary>
    public byte[] Bytes => _bytes;

    /// <summary>The labels that the group's series have at the store, none of them empty, by ascending bytes of their names.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Labels { get; }

    /// <summary>The same and those that were given without a value, for the group's JSON.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Spelling { get; }

    /// <summary>Column <c>labels</c>: <see cref="Spelling"/> as a JSON object.</summary>
    public string LabelsJson => field ??= Json(Spelling);

    /// <summary>Names the group of a path.</summary>
    /// <param name="path">The path's labels, <c>job</c> included, each name once; values may be empty.</param>
    /// <param name="options">The tenant's, as for its writes: the tenant label and reserved labels leave, or are kept as <c>exported_…</c>.</param>
    /// <param name="key">The group.</param>
    /// <param name="refusal">If there is none: why the path is refused (a silent refusal).</param>
    public static bool TryCreate(
        IEnumerable<KeyValuePair<string, string>> path, StampOptions options, out GroupKey key, out PushRefusal? refusal)
    {
        (string Reason, string Text)? fault = GroupingRules.Apply(path, options, out KeyValuePair<string, string>[] labels);
        key = Of(labels);
        refusal = fault is { } found ? new PushRefusal(found.Reason, found.Text) : null;
        return fault is null;
    }

    /// <summary>The key of labels that went through the rules before, sorted.</summary>
    public static GroupKey Of(IReadOnlyCollection<KeyValuePair<string, string>> labels)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, string value) in labels)
        {
            if (value.Length > 0)
            {
                Append(hash, name);
                Append(hash, value);
            }
        }

        return new GroupKey(hash.GetHashAndReset()[..KeyBytes], [.. labels]);
    }

    /// <summary>As it stands in the catalog.</summary>
    public static GroupKey Stored(byte[] bytes, string labelsJson)
    {
        ImmutableArray<KeyValuePair<string, string>>.Builder labels = ImmutableArray.CreateBuilder<KeyValuePair<string, string>>();
        using JsonDocument document = JsonDocument.Parse(labelsJson);
        foreach (JsonProperty label in document.RootElement.EnumerateObject())
        {
            labels.Add(KeyValuePair.Create(label.Name, label.Value.GetString() ?? ""));
        }

        return new GroupKey(bytes, labels.DrainToImmutable());
    }

    /// <summary>What overwrites the labels of a body, for <see cref="ContentRules.Check"/> and for <see cref="PushRequest"/>: labels without a value take the body's away.</summary>
    public GroupingLabels ForBody() => GroupingLabels.Create(Spelling);

    private static void Append(IncrementalHash hash, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }

    private static string Json(ImmutableArray<KeyValuePair<string, string>> labels)
    {
        using MemoryStream text = new();
        using (Utf8JsonWriter writer = new(text, Plain))
        {
            writer.WriteStartObject();
            foreach ((string name, string value) in labels)
            {
                writer.WriteString(name, value);
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(text.ToArray());
    }
}
