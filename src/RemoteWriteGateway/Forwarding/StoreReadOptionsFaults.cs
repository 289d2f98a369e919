using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Forwarding;

/// <summary>What cannot be right about a store's read side: above all what would not keep tenants apart.</summary>
internal static class StoreReadOptionsFaults
{
    private static readonly string[] OwnParameters =
    [
        "query", "time", "timeout", "limit", "lookback_delta", "stats", "start", "end", "step", "match", "match[]", "extra_filters", "extra_filters[]",
        "extra_label", "type", "exclude_alerts", "rule_name[]", "rule_group[]", "file[]", "group_limit", "group_next_token", "metric", "limit_per_metric",
    ];

    /// <summary>The keys, from <c>Read:</c> on, and what is wrong with each.</summary>
    /// <param name="kind">What the store is.</param>
    /// <param name="options">The whole store; its write side has been checked.</param>
    public static IEnumerable<(string Key, string Fault)> Of(StoreKind kind, StoreOptions options)
    {
        StoreReadOptions read = options.Read;

        // A store that was configured for writes alone, in a way that gives no read side, has none; that is no fault.
        return read.Enabled == false || (read.Enabled is null && IsUntouched(read)) ? [] : Faults(kind, options);
    }

    /// <summary>Whether readers may reach the store: unless it is said otherwise, if what is configured gives a read side.</summary>
    public static bool IsEnabled(StoreKind kind, StoreOptions options) =>
        options.Read.Enabled ?? !Faults(kind, options).Any();

    private static bool IsUntouched(StoreReadOptions read) =>
        read is { Url: null, Path: null, Isolation: null, Label: null, Header: null, Auth: null, Tls: null, Federation: false, Constants: null, Belt: null, SeriesMatcher: null }
        && read is { InfoFunction: InfoRule.Refuse, LegacyFunctions: false, RemoteRead: null }
        && read.AnswerTimeout == new StoreReadOptions().AnswerTimeout;

    private static IEnumerable<(string Key, string Fault)> Faults(StoreKind kind, StoreOptions options)
    {
        StorePreset preset = StorePreset.Of(kind);
        StoreReadOptions read = options.Read;
        return [.. AddressFaults(kind, preset, read), .. IsolationFaults(kind, preset, options), .. OtherFaults(kind, preset, read)];
    }

    private static IEnumerable<(string Key, string Fault)> AddressFaults(StoreKind kind, StorePreset preset, StoreReadOptions read)
    {
        if (read.Url is not null && StoresOptionsValidator.UrlFault(read.Url) is { } fault)
        {
            yield return ("Read:Url", fault);
        }
        else if (read.Url is null && preset.HasOwnReadUrl)
        {
            yield return ("Read:Url", $"is missing; {kind} is read at another address than it is written to, the query endpoint of the workspace");
        }

        string path = read.Path ?? preset.ReadPath;
        if (path.Length > 0 && (!StoresOptionsValidator.IsPath(path) || path.Contains('?', StringComparison.Ordinal) || path.EndsWith('/')))
        {
            yield return ("Read:Path", $"\"{path}\" is not a path without a slash at its end, such as /prometheus");
        }
        else if (kind == StoreKind.VictoriaMetricsCluster && path.Contains("multitenant", StringComparison.OrdinalIgnoreCase))
        {
            yield return ("Read:Path", "the multitenant endpoint reads all tenants; use /select/{tenant}/prometheus");
        }
    }

    private static IEnumerable<(string Key, string Fault)> IsolationFaults(StoreKind kind, StorePreset preset, StoreOptions options)
    {
        StoreReadOptions read = options.Read;
        StoreIsolation written = options.Isolation ?? preset.Isolation;
        StoreIsolation isolation = read.Isolation ?? preset.ReadIsolation ?? written;
        string? label = read.Label ?? preset.ReadLabel;
        if (isolation == StoreIsolation.Label && written != StoreIsolation.Label && label is null && options.Stamp != StampRule.Always)
        {
            yield return ("Read:Isolation", "Label needs a label on every series: set Stamp to Always, or Read:Label to a label that the store itself sets from the tenant");
        }
        else if (isolation != StoreIsolation.Label && (preset.IsolatesByLabelOnly || isolation != written))
        {
            yield return ("Read:Isolation", $"{isolation} keeps tenants apart only where writes are kept apart in the same way, and they are by {written}");
        }

        if (isolation == StoreIsolation.Label && label is not null && !IsTenantLabel(label))
        {
            yield return ("Read:Label", $"\"{label}\" cannot be the tenant label: it must be [a-zA-Z_][a-zA-Z0-9_]*, not __name__ and no word of PromQL");
        }
        else if (isolation != StoreIsolation.Label && read.Label is not null)
        {
            yield return ("Read:Label", $"has no use with isolation {isolation}");
        }

        if (isolation != StoreIsolation.Header && (read.Header is not null || read.Federation))
        {
            yield return (read.Header is not null ? "Read:Header" : "Read:Federation", $"has no use with isolation {isolation}");
        }
        else if (read.Header is { } header && (!StoresOptionsValidator.IsHeaderName(header) || StoresOptionsValidator.IsOwnHeader(header)))
        {
            yield return ("Read:Header", $"\"{header}\" is not a header that can carry the tenant, such as X-Scope-OrgID");
        }

        bool hasTenant = (read.Path ?? preset.ReadPath).Contains(StoreTarget.Placeholder, StringComparison.Ordinal);
        if (hasTenant != (isolation == StoreIsolation.Path))
        {
            yield return ("Read:Path", isolation == StoreIsolation.Path
                ? $"holds no {StoreTarget.Placeholder}, which isolation Path needs"
                : $"holds {StoreTarget.Placeholder}, which has a meaning with isolation Path only");
        }

        if (read.SeriesMatcher == SeriesMatcher.Equality && preset.ReadSeriesMatcher != SeriesMatcher.Equality)
        {
            yield return ("Read:SeriesMatcher", $"Equality is for Azure Monitor, this is {kind}: other stores may read an equality in another way");
        }

        if (isolation != StoreIsolation.Label && (read.Belt == true || read.InfoFunction == InfoRule.Scope))
        {
            yield return (read.Belt == true ? "Read:Belt" : "Read:InfoFunction", $"has no use with isolation {isolation}");
        }
        else if (read.InfoFunction == InfoRule.Scope && kind != StoreKind.Prometheus)
        {
            yield return ("Read:InfoFunction", $"Scope is known to hold at Prometheus only, this is {kind}");
        }

        if (read.Belt == true && kind != StoreKind.VictoriaMetrics)
        {
            yield return ("Read:Belt", $"is known to VictoriaMetrics only, this is {kind}");
        }
    }

    private static IEnumerable<(string Key, string Fault)> OtherFaults(StoreKind kind, StorePreset preset, StoreReadOptions read)
    {
        if (read.AnswerTimeout < TimeSpan.FromSeconds(1) || read.AnswerTimeout > TimeSpan.FromMinutes(5))
        {
            yield return ("Read:AnswerTimeout", $"{read.AnswerTimeout} is not between 00:00:01 and 00:05:00");
        }

        if (read.RemoteRead == true && !preset.TakesRemoteRead)
        {
            yield return ("Read:RemoteRead", $"{kind} does not answer remote read");
        }

        foreach ((string name, string value) in read.Constants ?? new Dictionary<string, string>())
        {
            if (OwnParameters.Contains(name, StringComparer.Ordinal) || name.AsSpan().ContainsAnyExceptInRange('!', '~'))
            {
                yield return ($"Read:Constants:{name}", "is set by the gateway itself, or is no name of a parameter");
            }
            else if (value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            {
                yield return ($"Read:Constants:{name}", "has a value with characters that are not printable ASCII");
            }
        }

        if (read.Auth is { } auth)
        {
            foreach ((string key, string fault) in StoresOptionsValidator.AuthFaults(auth, auth.Kind == StoreAuthKind.Entra && preset.ReadScope is null && preset.Scope is null))
            {
                yield return ("Read:" + key, fault);
            }
        }

        if (read.Tls is { } tls && tls.CertificateFile is null != tls.KeyFile is null)
        {
            yield return ("Read:Tls", "CertificateFile and KeyFile go together; set both or none");
        }
    }

    private static bool IsTenantLabel(string label)
    {
        try
        {
            _ = new TenantMatcher(label, ["a"]);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
