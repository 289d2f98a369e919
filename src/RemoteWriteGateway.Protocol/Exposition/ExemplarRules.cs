using System.Text.Unicode;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Exposition;

/// <summary>Which exemplars are kept: §5.4 of the write reference.</summary>
internal static class ExemplarRules
{
    /// <summary>Most characters (Unicode scalars) of an exemplar's label names and values together.</summary>
    public const int MaxCharacters = 128;

    public static bool IsShort(MetricFamilies families, ReadOnlySpan<LabelRange> labels)
    {
        int characters = 0;
        foreach (ref readonly LabelRange label in labels)
        {
            characters += Utf8Text.CountCharacters(families.Text(label.Name), MaxCharacters + 1)
                + Utf8Text.CountCharacters(families.Text(label.Value), MaxCharacters + 1);
            if (characters > MaxCharacters)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether the labels of an exemplar in protobuf may stay: short, UTF-8, each name once and none empty.</summary>
    public static bool AreValid(MetricFamilies families, ReadOnlySpan<LabelRange> labels)
    {
        if (!IsShort(families, labels))
        {
            return false;
        }

        for (int i = 0; i < labels.Length; i++)
        {
            ReadOnlySpan<byte> name = families.Text(labels[i].Name);
            ReadOnlySpan<byte> value = families.Text(labels[i].Value);
            if (name.IsEmpty || !Utf8.IsValid(name) || !Utf8.IsValid(value) || name.Contains((byte)0) || value.Contains((byte)0))
            {
                return false;
            }

            for (int other = 0; other < i; other++)
            {
                if (families.Text(labels[other].Name).SequenceEqual(name))
                {
                    return false;
                }
            }
        }

        return true;
    }
}
