using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>
/// A YAML parser that passes on a plain tree only: one document of maps with text keys, lists and text, each key once, at most
/// <see cref="MaxDepth"/> deep. Whatever else the language has (anchors, aliases, tags, merge keys, further documents) is reported
/// and left out, so that what follows can be read and its faults told in the same run; only what is too deep ends it.
/// </summary>
internal sealed class PlainEvents(IParser inner, FaultList faults) : IParser
{
    /// <summary>Maps and lists within each other, the document's own map included.</summary>
    public const int MaxDepth = 16;

    private const string MergeKey = "<<";

    private readonly Stack<Level> _levels = new();
    private int _documents;
    private bool _hasEnded;

    public ParsingEvent? Current { get; private set; }

    public bool MoveNext()
    {
        while (!_hasEnded && inner.MoveNext())
        {
            if (Plain(inner.Current!) is { } plain) // MoveNext was true
            {
                Current = plain;
                return true;
            }
        }

        Current = null;
        return false;
    }

    /// <summary>The event to pass on in place of <paramref name="next"/>, or null for none.</summary>
    private ParsingEvent? Plain(ParsingEvent next)
    {
        switch (next)
        {
            case DocumentStart start:
                return PlainDocument(start);

            case MappingEnd or SequenceEnd:
                return _levels.Pop().Key is null ? next : throw NoValue(next);

            case NodeEvent or AnchorAlias:
                return _levels.TryPeek(out Level? level) && level.IsAtKey ? PlainKey(next, level) : PlainValue(next);

            default:
                return next;
        }
    }

    private ParsingEvent PlainDocument(DocumentStart start)
    {
        if (++_documents > 1)
        {
            // What stands behind it is not looked at: it is not part of this document.
            faults.Add(start.Start, FaultList.WholeDocument, "a second document begins here; a file holds one");
            _hasEnded = true;
            return new StreamEnd(start.Start, start.End);
        }

        if (start.Tags?.Any(tag => !IsDefault(tag)) == true)
        {
            faults.Add(start.Start, FaultList.WholeDocument, "%TAG is not allowed; all values are text");
        }

        return start;
    }

    // The parser lists these two for every document.
    private static bool IsDefault(YamlDotNet.Core.Tokens.TagDirective tag) => tag is { Handle: "!", Prefix: "!" } or { Handle: "!!", Prefix: "tag:yaml.org,2002:" };

    private Scalar? PlainKey(ParsingEvent node, Level map)
    {
        if (node is not Scalar { Value: var name } key)
        {
            faults.Add(node.Start, NameOf(map.Path), "a key must be text");
            SkipRestOf(node, map.Path);
            SkipNext(map.Path);
            return null;
        }

        string path = map.PathOf(name);
        if (name == MergeKey && key.Style is ScalarStyle.Plain)
        {
            faults.Add(key.Start, path, "merge keys are not allowed; write the keys out");
            SkipNext(path);
            return null;
        }

        if (!map.Lines.TryAdd(name, key.Start.Line))
        {
            faults.Add(key.Start, path, $"is given twice, first in line {map.Lines[name]}");
            SkipNext(path);
            return null;
        }

        CheckDecoration(key, path);
        map.Key = name;
        return key;
    }

    private ParsingEvent PlainValue(ParsingEvent value)
    {
        string path = _levels.TryPeek(out Level? parent) ? parent.NextPath() : "";
        if (value is AnchorAlias)
        {
            faults.Settle(value.Start, NameOf(path), "aliases are not allowed; write the value out");
            return Nothing(value);
        }

        CheckDecoration((NodeEvent)value, path);
        if (value is not (MappingStart or SequenceStart))
        {
            return value;
        }

        if (_levels.Count == MaxDepth)
        {
            throw TooDeep(value, path);
        }

        _levels.Push(new Level(path, value is MappingStart));
        return value;
    }

    private void CheckDecoration(NodeEvent node, string path)
    {
        if (!node.Anchor.IsEmpty)
        {
            faults.Add(node.Start, NameOf(path), "anchors are not allowed; write the value out where it is needed");
        }

        if (!node.Tag.IsEmpty)
        {
            faults.Add(node.Start, NameOf(path), "tags are not allowed; all values are text");
        }
    }

    private void SkipRestOf(ParsingEvent begun, string path)
    {
        for (int open = begun.NestingIncrease; open > 0 && inner.MoveNext();)
        {
            open += inner.Current!.NestingIncrease; // MoveNext was true
            if (open > MaxDepth)
            {
                throw TooDeep(inner.Current, path);
            }
        }
    }

    private void SkipNext(string path)
    {
        if (inner.MoveNext())
        {
            ParsingEvent next = inner.Current!; // MoveNext was true
            SkipRestOf(next is MappingEnd ? throw NoValue(next) : next, path);
        }
    }

    // The parser lets it pass in some corners ("? : ..." is one), and what reads its events does not expect it.
    private static SemanticErrorException NoValue(ParsingEvent where) => new(where.Start, where.End, "A key has no value.");

    // The end of reading: the time that the parser takes grows with the square of the depth.
    private MaximumRecursionLevelReachedException TooDeep(ParsingEvent where, string path)
    {
        string message = $"is nested more than {MaxDepth} deep";
        faults.Add(where.Start, NameOf(path), message);
        return new MaximumRecursionLevelReachedException(where.Start, where.End, message);
    }

    private static string NameOf(string path) => path.Length == 0 ? FaultList.WholeDocument : path;

    private static Scalar Nothing(ParsingEvent where) =>
        new(AnchorName.Empty, TagName.Empty, "", ScalarStyle.Plain, isPlainImplicit: true, isQuotedImplicit: false, where.Start, where.End);

    /// <summary>A map or list that has begun and not ended.</summary>
    private sealed class Level(string path, bool isMap)
    {
        private int _items;

        public string Path { get; } = path;

        /// <summary>In a map: the key whose value comes next, or null if a key comes next.</summary>
        public string? Key { get; set; }

        /// <summary>In a map: where each key stands.</summary>
        public Dictionary<string, long> Lines { get; } = new(StringComparer.Ordinal);

        public bool IsAtKey => isMap && Key is null;

        public string PathOf(string key) => Path.Length == 0 ? key : $"{Path}.{key}";

        /// <summary>The path of the value that comes next; counts it.</summary>
        public string NextPath()
        {
            if (!isMap)
            {
                return $"{Path}[{_items++}]";
            }

            string path = PathOf(Key!); // a value comes behind its key
            Key = null;
            return path;
        }
    }
}
