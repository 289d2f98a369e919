using System.Globalization;

namespace RemoteWriteGateway.Tenancy.Loading;

/// <summary>One thing that is wrong in a document.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in characters.</param>
/// <param name="Key">Where it is, for example <c>bindings[0].grant.tenants[0]</c>.</param>
/// <param name="Message">What is wrong, and what to do.</param>
internal sealed record PolicyFault(long Line, long Column, string Key, string Message)
{
    /// <summary><c>file:line:column: key: message</c>, as editors and compilers write it.</summary>
    public string In(string fileName) => string.Create(CultureInfo.InvariantCulture, $"{fileName}:{Line}:{Column}: {Key}: {Message}");
}
