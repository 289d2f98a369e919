using System.CommandLine;

namespace RemoteWriteGateway.LoadDriver;

/// <summary>An option that takes an absolute http URL; the library has no parser for them.</summary>
internal static class UrlOption
{
    public static Option<Uri?> Create(string name, string description, bool required) => new(name)
    {
        Required = required,
        Description = description,
        CustomParser = argument =>
        {
            string text = argument.Tokens[0].Value;
            if (Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Scheme == Uri.UriSchemeHttp)
            {
                return url;
            }

            argument.AddError($"{name} takes an absolute http URL, not {text}");
            return null;
        },
    };
}
