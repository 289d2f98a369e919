using RemoteWriteGateway.Http;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Push;

/// <summary>Decides the mode of a push: its header, else its URL, else the tenant's rule, else replace.</summary>
internal static class PushModes
{
    public static Refusal? TryDecide(PushHeaders headers, PushTarget target, PushRule? rule, out PushMode mode)
    {
        PushMode? named = headers.Mode ?? target.Mode;
        mode = named ?? rule?.Mode ?? PushMode.Replace;
        if (headers.Mode is { } inHeader && target.Mode is { } inUrl && inHeader != inUrl)
        {
            return Conflict($"the header {PushHeaders.ModeName} says {Word(inHeader)} and the URL {Word(inUrl)}; name one");
        }

        return named is { } asked && rule is { Pinned: true, Mode: { } pinned } && asked != pinned
            ? Conflict($"the policy pins the mode of this group to {Word(pinned)}, the push asks for {Word(asked)}; leave it out")
            : null;
    }

    public static string Word(PushMode mode) => mode == PushMode.Sum ? "sum" : "replace";

    private static Refusal Conflict(string text) => new("mode-conflict", StatusCodes.Status400BadRequest, text);
}
