namespace RemoteWriteGateway.Catalog.Commands;

/// <summary>What the commands of <c>rwgateway</c> exit with.</summary>
internal static class ExitCode
{
    /// <summary>Valid; done; all tests passed; no difference; explained, whatever the decision.</summary>
    public const int Fine = 0;

    /// <summary>A test failed; there are differences.</summary>
    public const int Different = 1;

    /// <summary>Invalid input: a file or a configuration that cannot be read or is wrong, a catalog that is not to be had, a command line that is not understood.</summary>
    public const int Invalid = 2;
}
