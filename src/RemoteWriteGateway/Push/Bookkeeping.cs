using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push;

/// <summary>The two gauges that every group has: when a push last succeeded, and when one last failed.</summary>
internal static class Bookkeeping
{
    public const string PushTime = "push_time_seconds";
    public const string FailureTime = "push_failure_time_seconds";

    // Tools compare these texts.
    public const string PushTimeHelp = "Last Unix time when changing this group in the Pushgateway succeeded.";
    public const string FailureTimeHelp = "Last Unix time when changing this group in the Pushgateway failed.";

    /// <summary>The group's labels as they are shown: with <c>instance=""</c> if there is no such label, so that a scrape does not fill it in.</summary>
    public static IEnumerable<KeyValuePair<string, string>> ShownLabels(GroupKey key)
    {
        IEnumerable<KeyValuePair<string, string>> labels = key.Labels;
        return key.Labels.Any(static label => label.Key == "instance")
            ? labels
            : labels.Append(KeyValuePair.Create("instance", "")).OrderBy(static label => label.Key, StringComparer.Ordinal);
    }

    public static double Seconds(long milliseconds) => milliseconds / 1000.0;
}
