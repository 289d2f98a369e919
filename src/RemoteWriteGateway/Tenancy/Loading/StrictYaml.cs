using System.Globalization;
using System.Text;
using System.Text.Unicode;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>Reads a YAML document of which nothing is guessed: scalars stay text (<c>no</c> and <c>0755</c> mean themselves), and every node knows its line and column.</summary>
internal static class StrictYaml
{
    /// <summary>The largest document, in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Reads the document's outermost map, or gives null after reporting why there is none.</summary>
    public static YamlMap? Read(ReadOnlySpan<byte> bytes, FaultList faults)
    {
        if (bytes.Length > MaxBytes)
        {
            faults.Add(1, 1, FaultList.WholeDocument, string.Create(
                CultureInfo.InvariantCulture, $"has {bytes.Length} bytes or more, limit {MaxBytes}"));
            return null;
        }

        return ReadText(bytes, faults) is { } text && Parse(text, faults) is { } root
            ? new YamlValue("", root, root.Start, faults).Map()
            : null;
    }

    private static string? ReadText(ReadOnlySpan<byte> bytes, FaultList faults)
    {
        if (bytes.StartsWith(Encoding.UTF8.Preamble))
        {
            bytes = bytes[Encoding.UTF8.Preamble.Length..];
        }

        if (!Utf8.IsValid(bytes))
        {
            (long line, long column) = PlaceOf(Encoding.UTF8.GetString(bytes), '\uFFFD');
            faults.Add(line, column, FaultList.WholeDocument, "is not UTF-8 from here on");
            return null;
        }

        string text = Encoding.UTF8.GetString(bytes);
        foreach (char one in text)
        {
            // The parser ends at a NUL without a word, and breaks lines where editors show none.
            if ((char.IsControl(one) && one is not ('\t' or '\n' or '\r')) || one is '\u2028' or '\u2029' or '\uFEFF')
            {
                (long line, long column) = PlaceOf(text, one);
                faults.Add(line, column, FaultList.WholeDocument, string.Create(
                    CultureInfo.InvariantCulture, $"has the character U+{(int)one:X4}, which shows nothing; write it as an escape in double quotes"));
                return null;
            }
        }

        return text;
    }

    private static YamlNode? Parse(string text, FaultList faults)
    {
        PlainEvents events = new(new Parser(new StringReader(text)), faults);
        try
        {
            YamlStream stream = [];
            stream.Load(events);
            if (stream.Documents is [{ RootNode: { } root }])
            {
                return root;
            }

            faults.Add(1, 1, FaultList.WholeDocument, "is empty");
        }
        catch (MaximumRecursionLevelReachedException)
        {
            // Reported where it was found.
        }
        catch (YamlException fault)
        {
            faults.Add(fault.Start, FaultList.WholeDocument, "is not YAML: " + fault.Message);
        }
        catch (InvalidOperationException fault)
        {
            // How the parser says that it lost its way, for example behind the end of a document.
            faults.Add(events.Current?.End ?? Mark.Empty, FaultList.WholeDocument, "is not YAML: " + fault.Message);
        }

        return null;
    }

    private static (long Line, long Column) PlaceOf(string text, char wanted)
    {
        ReadOnlySpan<char> before = text.AsSpan(0, Math.Max(0, text.IndexOf(wanted, StringComparison.Ordinal)));
        return (before.Count('\n') + 1, before.Length - before.LastIndexOf('\n'));
    }
}
