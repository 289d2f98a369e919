namespace RemoteWriteGateway.Http;

/// <summary>The path of a request as its sender wrote it. <see cref="HttpRequest.Path"/> is decoded, without dot segments, and no longer tells a slash from <c>%2F</c>.</summary>
internal static class RawPath
{
    /// <summary>The path of a raw target, without its query; of an absolute one what stands behind the authority.</summary>
    public static string Of(string target)
    {
        int mark = target.IndexOf('?', StringComparison.Ordinal);
        string path = mark < 0 ? target : target[..mark];
        int authority = path.StartsWith('/') ? -1 : path.IndexOf("://", StringComparison.Ordinal);
        if (authority < 0)
        {
            return path;
        }

        int slash = path.IndexOf('/', authority + 3);
        return slash < 0 ? "/" : path[slash..];
    }
}
