using System.Globalization;
using System.Text;

namespace RemoteWriteGateway.EndToEnd.Tests.Exposition;

/// <summary>Makes texts of format 0.0.4: valid ones of every construct, and ones that were edited at random.</summary>
internal sealed class RandomTexts(Random random)
{
    private static readonly string[] Tokens =
    [
        "{", "}", "\"", "=", ",", " ", "\n", "#", "# TYPE a counter\n", "# HELP a x\n", "\\", "\\n", "le", "quantile", "NaN", "+Inf", "-1", "1e5", "0x1p4", "1_0",
        "__name__=\"x\",", "a", "7", ":", "\t", "\r\n", ".5", "5.", "e", "1e400", "é", "x=\"1\"", "_sum", "_bucket", "\0",
    ];

    private static readonly string[] Numbers =
    [
        "0", "-0", "1", "+2", "2.50", ".5", "5.", "1e3", "1E-07", "-3.25e+10", "NaN", "nan", "+Inf", "-inf", "Infinity", "123456789012345678", "0.1", "1e-400", "4.9e-324",
        "1.7976931348623157e308", "00012", "1234567", "0.00012", "0.000012", "2.9802322387695312e-08", "9007199254740993", "1000000", "999999",
    ];

    private static readonly string[] Values = ["", "x", "a b", "\\\"q\\\"", "\\\\", "line\\nfeed", "é😀", "},{=", "#", "le"];

    /// <summary>A valid text, with line feeds and blanks as a Pushgateway wants them.</summary>
    public string NextValid()
    {
        StringBuilder text = new();
        int families = random.Next(1, 6);
        for (int i = 0; i < families; i++)
        {
            string name = $"{Pick(["a", "b:c", "_d", "took", "rows_total", "x_count", "E9"])}{i}";
            string type = Pick(["counter", "gauge", "untyped", "summary", "histogram", "", "GAUGE"]);
            bool isHelpLast = random.Next(4) == 0;
            string help = random.Next(2) == 0 ? $"# HELP {name} {Pick(["Some help.", "with \\\\ and \\n", "é", "a  b"])}\n" : "";
            text.Append(isHelpLast ? "" : help);
            text.Append(type.Length > 0 ? $"# TYPE {name} {type}\n" : "");
            text.Append(random.Next(5) == 0 ? "# a comment\n\n" : "");
            foreach (string labels in LabelSets())
            {
                AppendMetric(text, name, type, labels);
            }

            text.Append(isHelpLast ? help : "");
        }

        return text.ToString();
    }

    /// <summary>A text with one to four edits.</summary>
    public string NextEdited()
    {
        StringBuilder text = new(NextValid());
        for (int edits = random.Next(1, 5); edits > 0 && text.Length > 0; edits--)
        {
            int at = random.Next(text.Length);
            switch (random.Next(4))
            {
                case 0:
                    text.Remove(at, Math.Min(random.Next(1, 4), text.Length - at));
                    break;
                case 1:
                    text.Insert(at, Pick(Tokens));
                    break;
                case 2:
                    string line = text.ToString().Split('\n')[^1];
                    text.Append(line).Append(Pick(Tokens));
                    break;
                default:
                    string[] lines = text.ToString().Split('\n');
                    text.Append(Pick(lines)).Append('\n');
                    break;
            }
        }

        return text.ToString();
    }

    private void AppendMetric(StringBuilder text, string name, string type, string labels)
    {
        string Labels(string more) => labels.Length + more.Length == 0 ? "" : $"{{{labels}{(labels.Length > 0 && more.Length > 0 ? "," : "")}{more}}}";
        switch (type)
        {
            case "summary":
                text.Append(CultureInfo.InvariantCulture, $"{name}{Labels("quantile=\"0.5\"")} {Pick(Numbers)}\n{name}{Labels("quantile=\"0.99\"")} {Pick(Numbers)}\n");
                text.Append(CultureInfo.InvariantCulture, $"{name}_sum{Labels("")} {Pick(Numbers)}\n{name}_count{Labels("")} {random.Next(100)}\n");
                break;
            case "histogram":
                int count = random.Next(100);
                string half = random.Next(3) == 0 ? ".5" : "";
                text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{Labels("le=\"0.5\"")} {count / 3}\n{name}_bucket{Labels("le=\"1e+06\"")} {count / 2}{half}\n");
                text.Append(random.Next(2) == 0 ? $"{name}_bucket{Labels("le=\"+Inf\"")} {count}\n" : "");
                text.Append(CultureInfo.InvariantCulture, $"{name}_sum{Labels("")} {Pick(Numbers)}\n{name}_count{Labels("")} {count}\n");
                text.Append(random.Next(5) == 0 ? $"{name}{Labels("")} 5\n" : "");
                break;
            default:
                text.Append(CultureInfo.InvariantCulture, $"{(random.Next(4) == 0 ? " " : "")}{name}{(random.Next(4) == 0 ? "\t" : "")}{Labels("")} {Pick(Numbers)}\n");
                break;
        }
    }

    /// <summary>One to four different label sets, none with an empty value only, since that is the same as no label.</summary>
    private List<string> LabelSets()
    {
        List<string> sets = random.Next(2) == 0 ? [""] : [];
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            string comma = random.Next(4) == 0 ? " , " : ",";
            sets.Add($"n=\"{i}\"{comma}zone=\"{Pick(Values)}\"");
        }

        return sets;
    }

    private string Pick(string[] from) => from[random.Next(from.Length)];
}
