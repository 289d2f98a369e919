using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using EntraEmulator.Faults;
using EntraEmulator.Tokens;
using Microsoft.Net.Http.Headers;

namespace EntraEmulator.Hooks;

/// <summary>What tests and developers do with the emulator and nobody can do with Entra. Answers are plain text or JSON, faults 400 with a sentence.</summary>
internal static class HookEndpoints
{
    private const long MaxOffsetSeconds = 100L * 365 * 24 * 3600;

    // A misspelt member is a fault: a token that quietly lacks what was asked for makes a test that cannot fail.
    private static readonly JsonSerializerOptions Strict = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <summary>Maps the page at <c>/</c> and everything under <c>/test/</c>.</summary>
    public static void MapHooks(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder hooks = routes.MapGroup("").AddEndpointFilter(RefuseOtherOriginsAsync);
        hooks.MapGet("/", TokenPage.Show);
        hooks.MapPost("/test/mint", MintAsync);
        hooks.MapPost("/test/token", MintShapeAsync);
        hooks.MapPost("/test/rotate", (SigningKeys keys, bool keep = true) => Results.Text(keys.Rotate(keep).Kid));
        hooks.MapPost("/test/fault", SetFaultsAsync);
        hooks.MapPost("/test/clock", SetClock);
        hooks.MapPost("/test/reset", Reset);
        hooks.MapGet("/test/stats", (RequestCounts counts) => Results.Json(
            new JsonObject(Enum.GetValues<EmulatedEndpoint>().Select(CountOf(counts)))));
        hooks.MapGet("/test/kid", (SigningKeys keys, string key = "current") =>
            WithKey(keys, key, found => Results.Text(found.Kid)));
        hooks.MapGet("/test/pem", (SigningKeys keys, string key = "current") =>
            WithKey(keys, key, found => Results.Text(found.PublicKeyPem, "application/x-pem-file")));
    }

    /// <summary>A web page of somebody else, open in a developer's browser, could reach a loopback port.</summary>
    private static async ValueTask<object?> RefuseOtherOriginsAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        HttpRequest request = invocation.HttpContext.Request;
        string origin = request.Headers.Origin.ToString();
        return origin.Length == 0 || origin == $"{request.Scheme}://{request.Host}"
            ? await next(invocation)
            : Results.Text("The hooks do not answer pages of another origin.", statusCode: StatusCodes.Status403Forbidden);
    }

    /// <summary>A token of free content, signed as its header says.</summary>
    private static async Task<IResult> MintAsync(HttpRequest request, TokenMint mint, SigningKeys keys)
    {
        (RawTokenRequest? raw, IResult? fault) = await ReadAsync<RawTokenRequest>(request);
        return raw is null
            ? fault! // One of the two is there.
            : WithKey(keys, raw.Key, key =>
            {
                string header = raw.Header is { } given ? TextOf(given) : TokenMint.HeaderJson(Directories.TokenVersion.V2, key);
                return TokenText(request.HttpContext, mint.MintRaw(header, TextOf(raw.Payload), key, raw.Hmac));
            });

        // Text stands for itself, so that a part can be something else than JSON; the rest as it was written, duplicates included.
        static string TextOf(JsonElement part) => part.ValueKind == JsonValueKind.String ? part.GetString()! : part.GetRawText();
    }

    /// <summary>A token of Entra's shape, with changes.</summary>
    private static async Task<IResult> MintShapeAsync(HttpRequest request, TokenMint mint)
    {
        (TokenRequest? wanted, IResult? fault) = await ReadAsync<TokenRequest>(request);
        if (wanted is null)
        {
            return fault!; // One of the two is there.
        }

        try
        {
            return TokenText(request.HttpContext, mint.Mint(wanted));
        }
        catch (TokenRequestException e)
        {
            return BadRequest(e.Message);
        }
    }

    private static async Task<IResult> SetFaultsAsync(HttpRequest request, FaultSwitch faults)
    {
        (Dictionary<string, string>? wanted, IResult? fault) = await ReadAsync<Dictionary<string, string>>(request);
        if (wanted is null)
        {
            return fault!; // One of the two is there.
        }

        Dictionary<EmulatedEndpoint, Fault> changes = [];
        foreach ((string endpointName, string faultName) in wanted)
        {
            if (!FaultNames.Endpoints.TryGetValue(endpointName, out EmulatedEndpoint endpoint))
            {
                return BadRequest($"\"{endpointName}\" is not one of {string.Join(", ", FaultNames.Endpoints.Keys.Order())}");
            }

            if (!FaultNames.FaultsOf(endpoint).TryGetValue(faultName, out Fault kind))
            {
                return BadRequest($"\"{faultName}\" is not one of {string.Join(", ", FaultNames.FaultsOf(endpoint).Keys.Order())}");
            }

            changes[endpoint] = kind;
        }

        faults.Set(changes);
        return Results.Json(new JsonObject(FaultNames.Endpoints.Select(name =>
            KeyValuePair.Create<string, JsonNode?>(name.Key, FaultNames.NameOf(name.Value, faults[name.Value])))));
    }

    private static IResult SetClock(long offset, EmulatorClock clock)
    {
        if (offset is > MaxOffsetSeconds or < -MaxOffsetSeconds)
        {
            return BadRequest($"offset {offset} is over {MaxOffsetSeconds} seconds");
        }

        clock.Offset = TimeSpan.FromSeconds(offset);
        return Results.Json(new JsonObject { ["offset"] = offset, ["now"] = clock.UtcNow.ToUnixTimeSeconds() });
    }

    /// <summary>As after the start, but for the key: a new one would make every token of before a forgery.</summary>
    private static IResult Reset(FaultSwitch faults, RequestCounts counts, EmulatorClock clock, SigningKeys keys)
    {
        faults.Reset();
        counts.Reset();
        clock.Offset = TimeSpan.Zero;
        keys.Forget();
        return Results.NoContent();
    }

    private static Func<EmulatedEndpoint, KeyValuePair<string, JsonNode?>> CountOf(RequestCounts counts) => endpoint =>
        KeyValuePair.Create<string, JsonNode?>(JsonNamingPolicy.CamelCase.ConvertName(endpoint.ToString()), counts[endpoint]);

    private static IResult WithKey(SigningKeys keys, string name, Func<SigningKey, IResult> answer) =>
        Enum.TryParse(name, ignoreCase: true, out SigningKeyName known) && Enum.IsDefined(known)
            ? WithKey(keys, known, answer)
            : BadRequest($"key \"{name}\" is not current, previous or foreign");

    private static IResult WithKey(SigningKeys keys, SigningKeyName name, Func<SigningKey, IResult> answer) =>
        keys.Find(name) is { } key ? answer(key) : BadRequest("there is no previous key before the first rotation");

    private static IResult TokenText(HttpContext http, string token)
    {
        http.Response.Headers.CacheControl = CacheControlHeaderValue.NoStoreString;
        return Results.Text(token);
    }

    private static IResult BadRequest(string text) => Results.Text(text, statusCode: StatusCodes.Status400BadRequest);

    /// <summary>Reads JSON whatever media type the request claims: curl's default is a form.</summary>
    private static async Task<(T? Value, IResult? Fault)> ReadAsync<T>(HttpRequest request)
        where T : class
    {
        try
        {
            T? value = await JsonSerializer.DeserializeAsync<T>(request.Body, Strict, request.HttpContext.RequestAborted);
            return (value, value is null ? BadRequest("the body is null") : null);
        }
        catch (JsonException e)
        {
            return (null, BadRequest(e.Message));
        }
    }

    /// <summary>The body of <c>POST /test/mint</c>.</summary>
    private sealed record RawTokenRequest
    {
        /// <summary>An object, or the header's text as a string. Absent: the header of v2.0 tokens, which names the key.</summary>
        public JsonElement? Header { get; init; }

        /// <summary>An object, or the payload's text as a string.</summary>
        public required JsonElement Payload { get; init; }

        /// <summary>The key that signs.</summary>
        public SigningKeyName Key { get; init; }

        /// <summary>The form of the public key for the HS algorithms.</summary>
        public HmacKeyForm Hmac { get; init; }
    }
}
