using System.Security.Cryptography;
using EntraEmulator.Tokens;

namespace RemoteWriteGateway.Tests.EntraEmulator;

/// <summary>RSA keys that are made once and serve every emulator of the test run: making one costs more than most tests.</summary>
internal static class RsaKeyPool
{
    private static readonly List<RSAParameters> Made = [];

    /// <summary>A source for one emulator, which gets no key twice. Two emulators share keys, but no <c>kid</c>.</summary>
    public static RsaKeySource NewSource()
    {
        int taken = -1;
        return () => RSA.Create(Get(Interlocked.Increment(ref taken)));
    }

    private static RSAParameters Get(int index)
    {
        lock (Made)
        {
            while (Made.Count <= index)
            {
                using RSA key = RSA.Create(2048);
                Made.Add(key.ExportParameters(includePrivateParameters: true));
            }

            return Made[index];
        }
    }
}
