using System.Globalization;
using System.Text;

namespace RemoteWriteGateway.Benchmarks.Exposition;

/// <summary>The obvious way to read text: lines and labels as strings, a dictionary a sample. It checks nothing.</summary>
internal static class SplittingParser
{
    public static List<(string Name, Dictionary<string, string> Labels, double Value)> Parse(byte[] body)
    {
        List<(string, Dictionary<string, string>, double)> samples = [];
        foreach (string line in Encoding.UTF8.GetString(body).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line[0] == '#')
            {
                continue;
            }

            int brace = line.IndexOf('{', StringComparison.Ordinal);
            int end = line.LastIndexOf('}');
            Dictionary<string, string> labels = [];
            foreach (string label in line[(brace + 1)..end].Split(','))
            {
                string[] parts = label.Split('=');
                labels.Add(parts[0], parts[1].Trim('"'));
            }

            samples.Add((line[..brace], labels, double.Parse(line.AsSpan(end + 2), CultureInfo.InvariantCulture)));
        }

        return samples;
    }
}
