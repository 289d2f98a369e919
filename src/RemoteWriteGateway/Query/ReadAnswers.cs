using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Query;

/// <summary>Answers that are ours, not a store's.</summary>
internal static class ReadAnswers
{
    public static ReadOnlySpan<byte> EmptyVector => """{"status":"success","data":{"resultType":"vector","result":[]}}"""u8;

    public static ReadOnlySpan<byte> EmptyMatrix => """{"status":"success","data":{"resultType":"matrix","result":[]}}"""u8;

    public static ReadOnlySpan<byte> EmptyList => """{"status":"success","data":[]}"""u8;

    public static ReadOnlySpan<byte> EmptyMap => """{"status":"success","data":{}}"""u8;

    /// <summary>What a route answers when a store has no data at all.</summary>
    public static Task<Refusal?> EmptyAsync(ReadContext read) => WriteAsync(read, read.Route.Api switch
    {
        ReadApi.Query => EmptyVector,
        ReadApi.QueryRange => EmptyMatrix,
        ReadApi.Metadata => EmptyMap,
        ReadApi.Rules => """{"status":"success","data":{"groups":[]}}"""u8,
        ReadApi.Alerts => """{"status":"success","data":{"alerts":[]}}"""u8,
        _ => EmptyList,
    });

    public static Task<Refusal?> WriteAsync(ReadContext read, ReadOnlySpan<byte> json) => WriteAsync(read, new ReadOnlyMemory<byte>(json.ToArray()));

    public static async Task<Refusal?> WriteAsync(ReadContext read, ReadOnlyMemory<byte> json)
    {
        HttpResponse response = read.Http.Response;
        AnswerRelay.SetHead(response, "application/json");
        response.ContentLength = json.Length;
        read.Record.NoteFirstByte();
        read.Record.ResultBytes = json.Length;
        await response.Body.WriteAsync(json, read.Gone);
        return null;
    }
}
