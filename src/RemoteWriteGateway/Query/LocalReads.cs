using System.Text.Json;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Query;

/// <summary><c>/api/v1/status/buildinfo</c>: ours, with the store's version. Without a member <c>features</c>, by which Grafana knows Mimir.</summary>
internal sealed class BuildInfoReads(StoreQuestions questions) : IReadHandler
{
    public async Task<Refusal?> HandleAsync(ReadContext read)
    {
        StoreProof proof = questions.ProofOf(read);
        if (proof.Version is null)
        {
            await proof.ProbeAsync().WaitAsync(read.Gone);
        }

        byte[] version = JsonSerializer.SerializeToUtf8Bytes(proof.Version ?? "");
        return await ReadAnswers.WriteAsync(
            read,
            [.. """{"status":"success","data":{"version":"""u8, .. version, .. ""","revision":"","branch":"","buildUser":"","buildDate":"","goVersion":""}}"""u8]);
    }
}

/// <summary><c>/api/v1/metadata</c>: no matcher scopes it, so stores that are isolated by label are not asked; others are.</summary>
internal sealed class MetadataReads(StoreQuestions questions) : IReadHandler
{
    public async Task<Refusal?> HandleAsync(ReadContext read)
    {
        long? limit = read.Parameters.Number("limit");
        long? perMetric = read.Parameters.Number("limit_per_metric");
        ReadOnlyMemory<byte> metric = read.Parameters.One("metric");
        if ((read.Parameters.Fault ?? read.Scope.SeveralAtOnce) is { } refusal)
        {
            return refusal;
        }

        if (read.Scope.Matcher is not null)
        {
            return await ReadAnswers.WriteAsync(read, ReadAnswers.EmptyMap);
        }

        if (!metric.IsEmpty)
        {
            read.Record.AddText(metric.Span);
            read.Form.Add("metric", metric.Span);
        }

        AddNumber(read.Form, "limit", limit);
        AddNumber(read.Form, "limit_per_metric", perMetric);
        return StoreTargets.TryGet(read.Scope, read.Route.Path, read.Form, read.AcceptsGzip, withTenants: true, out StoreReadRequest request)
            ?? await questions.AskAsync(
                read, request, read.Scope.Limits.QueryTimeout, needsProof: true, answer => AnswerRelay.RelayJsonAsync(read, answer));
    }

    private static void AddNumber(FormWriter form, string name, long? number)
    {
        if (number is { } value)
        {
            form.Add(name, value.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }
}
