using Prometheus;

namespace RemoteWriteGateway.Identity;

/// <summary>What is known of the signing keys, as metrics.</summary>
internal sealed class MetadataMetrics
{
    private readonly Gauge _state;
    private readonly Gauge _keys;
    private readonly Gauge _loaded;
    private readonly Counter _refreshes;

    public MetadataMetrics(IMetricFactory metrics)
    {
        _state = metrics.CreateGauge("rwgateway_identity_state", "1 for the state that the signing keys are in", ["state"]);
        _keys = metrics.CreateGauge("rwgateway_identity_keys", "Signing keys that are accepted");
        _loaded = metrics.CreateGauge("rwgateway_identity_keys_loaded_timestamp_seconds", "The last successful fetch of the signing keys");
        _refreshes = metrics.CreateCounter(
            "rwgateway_identity_refresh_total", "Fetches of the signing keys, by cause and result", ["trigger", "result"]);
        foreach (FetchTrigger trigger in Enum.GetValues<FetchTrigger>())
        {
            _refreshes.WithLabels(Name(trigger), "success");
            _refreshes.WithLabels(Name(trigger), "failure");
        }

        SetState(MetadataState.Loading);
    }

    public void SetState(MetadataState current)
    {
        foreach (MetadataState state in Enum.GetValues<MetadataState>())
        {
            _state.WithLabels(state.ToString()).Set(state == current ? 1 : 0);
        }
    }

    public void SetKeys(MetadataSnapshot snapshot)
    {
        _keys.Set(snapshot.Keys.Length);
        _loaded.Set(snapshot.LoadedAt.ToUnixTimeMilliseconds() / 1000.0);
    }

    public void CountRefresh(FetchTrigger trigger, bool succeeded) =>
        _refreshes.WithLabels(Name(trigger), succeeded ? "success" : "failure").Inc();

    private static string Name(FetchTrigger trigger) => trigger switch
    {
        FetchTrigger.Start => "start",
        FetchTrigger.Periodic => "periodic",
        FetchTrigger.UnknownKey => "unknown-key",
        _ => "operator",
    };
}
