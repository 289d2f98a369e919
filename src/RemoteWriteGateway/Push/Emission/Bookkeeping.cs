namespace RemoteWriteGateway.Push.Emission;

/// <summary>The two series of every group that say when it was pushed. Their help is an interface: tools compare it with the Pushgateway's.</summary>
internal static class Bookkeeping
{
    public static ReadOnlySpan<byte> PushTime => "push_time_seconds"u8;

    public static ReadOnlySpan<byte> FailureTime => "push_failure_time_seconds"u8;

    public static ReadOnlySpan<byte> PushTimeHelp => "Last Unix time when changing this group in the Pushgateway succeeded."u8;

    public static ReadOnlySpan<byte> FailureTimeHelp => "Last Unix time when changing this group in the Pushgateway failed."u8;
}
