using System.Text.Json;
using System.Text.Json.Nodes;

namespace RemoteWriteGateway.EndToEnd.Tests.PromQL;

/// <summary>Compares the trees that a server makes of a caller's text and of ours.</summary>
internal static class ServerTree
{
    /// <summary>The first difference of the trees, our matcher aside, or null.</summary>
    /// <param name="asked">Of the caller's text.</param>
    /// <param name="emitted">Of ours: every selector, found by walking all members whatever they are called, has our matcher as its last one.</param>
    /// <param name="selectors">How many selectors there must be.</param>
    public static string? Difference(JsonElement asked, JsonElement emitted, int selectors)
    {
        JsonNode? theirs = JsonSerializer.SerializeToNode(asked);
        JsonNode? ours = JsonSerializer.SerializeToNode(emitted);
        int found = 0;
        string? fault = TakeMatchers(ours, ref found);
        int asCounted = CountSelectors(theirs);
        NormalizeNames(theirs);
        NormalizeNames(ours);
        return fault
            ?? (found != selectors || asCounted != selectors ? $"{asCounted} selectors in the caller's tree, {found} in ours, {selectors} counted" : null)
            ?? (JsonNode.DeepEquals(theirs, ours) ? null : $"trees differ:\n  {theirs?.ToJsonString()}\n  {ours?.ToJsonString()}");
    }

    /// <summary>Removes our matcher from every selector. A text, if one lacks it, has it not as its last one, or has it twice.</summary>
    private static string? TakeMatchers(JsonNode? node, ref int found)
    {
        foreach (JsonObject selector in Selectors(node))
        {
            found++;
            JsonArray matchers = selector["matchers"]!.AsArray(); // Not null: this is how selectors are found.
            List<JsonNode?> own = [.. matchers.Where(IsOurs)];
            // The server puts a name outside the braces behind the matchers.
            JsonNode? last = matchers.LastOrDefault(matcher => !IsOuterName(selector, matcher));
            if (own.Count == 0 || !IsOurs(last))
            {
                return "a selector lacks our matcher: " + selector.ToJsonString();
            }

            matchers.Remove(last);
        }

        return null;
    }

    private static int CountSelectors(JsonNode? node) => Selectors(node).Count();

    /// <summary>A name may stand outside the braces or inside: both ways it is the same matcher, wherever it stands.</summary>
    private static void NormalizeNames(JsonNode? node)
    {
        foreach (JsonObject selector in Selectors(node))
        {
            JsonArray matchers = selector["matchers"]!.AsArray(); // Not null: this is how selectors are found.
            if (matchers.FirstOrDefault(matcher => IsOuterName(selector, matcher)) is { } name)
            {
                matchers.Remove(name);
                matchers.Insert(0, name);
                selector["name"] = "";
            }
        }
    }

    private static IEnumerable<JsonObject> Selectors(JsonNode? node) => node switch
    {
        JsonObject members => (members.ContainsKey("matchers") ? [members] : Array.Empty<JsonObject>()).Concat(members.SelectMany(member => Selectors(member.Value)).ToList()),
        JsonArray items => items.SelectMany(Selectors).ToList(),
        _ => [],
    };

    private static bool IsOurs(JsonNode? matcher) => Is(matcher, "tenant", "=~", "red");

    private static bool IsOuterName(JsonObject selector, JsonNode? matcher) =>
        selector["name"]?.GetValue<string>() is { Length: > 0 } name && Is(matcher, "__name__", "=", name);

    private static bool Is(JsonNode? matcher, string name, string type, string value) =>
        matcher?["name"]?.GetValue<string>() == name && matcher["type"]?.GetValue<string>() == type && matcher["value"]?.GetValue<string>() == value;
}
