using System.Collections.Immutable;
using System.Security.Cryptography;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Tenancy;

/// <summary>The bytes of a policy file, and what they are called.</summary>
internal sealed class PolicyDocument
{
    private const int VersionDigits = 16;

    public PolicyDocument(string fileName, ReadOnlyMemory<byte> bytes)
    {
        FileName = fileName;
        Bytes = bytes;
        Sha256 = [.. SHA256.HashData(bytes.Span)];
        Version = Convert.ToHexStringLower(Sha256.AsSpan())[..VersionDigits];
    }

    /// <summary>The file's name as the operator wrote it: faults begin with it.</summary>
    public string FileName { get; }

    /// <summary>The document, verbatim.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    public ImmutableArray<byte> Sha256 { get; }

    /// <summary>First 16 hex digits of <see cref="Sha256"/>, lower case.</summary>
    public string Version { get; }

    /// <summary>Reads a file, at most one byte more than a policy may have: too long is then for the loader to say.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be read.</exception>
    public static async Task<PolicyDocument> ReadAsync(string path, CancellationToken cancellationToken)
    {
        await using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        byte[] bytes = new byte[StrictYaml.MaxBytes + 1];
        int length = await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        return new PolicyDocument(path, bytes.AsMemory(0, length).ToArray());
    }
}
