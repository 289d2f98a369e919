namespace EntraEmulator.Hooks;

internal static class HookEndpoints
{
    public static void MapHooks(this IEndpointRouteBuilder routes) { }
}
