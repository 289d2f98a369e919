using System.Text;

namespace RemoteWriteGateway.Protocol.Tests.RemoteWrite;

/// <summary>The order of label names, written down as plainly as can be: by the bytes of UTF-8.</summary>
internal static class Utf8Order
{
    public static IComparer<string> Comparer { get; } = Comparer<string>.Create(static (a, b) =>
        Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b)));
}
