using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Admin;

/// <summary>The JSON of the admin API: camelCase, times by RFC 3339 in UTC, members that have no value are null, nothing unknown or twice.</summary>
internal static class AdminJson
{
    /// <summary>Deepest nesting of a body.</summary>
    public const int MaxDepth = 16;

    /// <summary>For bodies.</summary>
    public static JsonSerializerOptions Input { get; } = Make(MaxDepth);

    /// <summary>For answers: how deep they are is ours to say.</summary>
    public static JsonSerializerOptions Output { get; } = Make(maxDepth: 64);

    private static JsonSerializerOptions Make(int maxDepth)
    {
        JsonSerializerOptions options = new(JsonSerializerDefaults.Web)
        {
            // For terminals: quotes stay quotes. No browser takes it for a page: the type is JSON and must not be guessed.
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
            PropertyNameCaseInsensitive = false,
            NumberHandling = JsonNumberHandling.Strict,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            AllowDuplicateProperties = false,
            RespectNullableAnnotations = true,
            MaxDepth = maxDepth,
            Converters = { new Rfc3339() },
        };
        options.MakeReadOnly();
        return options;
    }

    private sealed class Rfc3339 : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            Instant.TryParse(reader.GetString()!, out DateTimeOffset time) ? time : throw new JsonException();

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture));
    }
}
