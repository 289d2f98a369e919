using System.Text.Json.Nodes;
using EntraEmulator.Directories;

namespace EntraEmulator.Tokens;

/// <summary>A <see cref="TokenRequest"/> whose names have been found: whom it is about (for the log), for which API, and how its claims are made.</summary>
internal sealed record TokenPlan(
    string Name, EntraDirectory Directory, ApiRegistration Api, TokenVersion Version, Func<TokenContext, JsonObject> Claims)
{
    /// <summary>Finds the names of a request. Unknown and ambiguous ones are its fault; there is never a default somebody.</summary>
    /// <param name="directories">Where to look.</param>
    /// <param name="request">The request.</param>
    /// <exception cref="TokenRequestException">Some name leads nowhere, or to several.</exception>
    public static TokenPlan Make(DirectorySet directories, TokenRequest request)
    {
        IReadOnlyList<EntraDirectory> searched = request.Directory is null
            ? directories.All
            : [directories.Find(request.Directory) ?? throw Unknown("directory", request.Directory)];

        if (request.User is null && (request.Client is not null || request.IdToken))
        {
            throw new TokenRequestException("client and idToken go with user");
        }

        return (request.App, request.ManagedIdentity, request.User) switch
        {
            ({ } app, null, null) => OfApp(searched, app, request),
            (null, { } identity, null) => OfManagedIdentity(searched, identity, request),
            (null, null, { } user) => OfUser(searched, user, request),
            _ => throw new TokenRequestException("name exactly one of app, managedIdentity and user"),
        };
    }

    private static TokenPlan OfApp(IReadOnlyList<EntraDirectory> searched, string name, TokenRequest request)
    {
        (EntraDirectory directory, AppRegistration app) = One(searched, "app", name, (candidate, wanted) => candidate.FindApp(wanted));
        ApiRegistration api = ApiOf(directory, request.Api);
        return new TokenPlan(app.Name, directory, api, VersionOf(request, api), context => TokenShapes.App(context, app, app.UsualAuth));
    }

    private static TokenPlan OfManagedIdentity(IReadOnlyList<EntraDirectory> searched, string name, TokenRequest request)
    {
        (EntraDirectory directory, ManagedIdentity identity) =
            One(searched, "managedIdentity", name, (candidate, wanted) => candidate.FindManagedIdentity(wanted));
        ApiRegistration api = ApiOf(directory, request.Api);
        return new TokenPlan(identity.Name, directory, api, VersionOf(request, api), context => TokenShapes.ManagedIdentity(context, identity));
    }

    private static TokenPlan OfUser(IReadOnlyList<EntraDirectory> searched, string name, TokenRequest request)
    {
        (EntraDirectory directory, DirectoryUser user) = One(searched, "user", name, (candidate, wanted) => candidate.FindUser(wanted));
        ApiRegistration api = ApiOf(directory, request.Api);
        if (request.IdToken)
        {
            return new TokenPlan(user.Name, directory, api, TokenVersion.V2, context => TokenShapes.IdToken(context, user));
        }

        string clientName = request.Client ?? throw new TokenRequestException("a user's token needs the client the user has signed in to");
        AppRegistration client = directory.FindApp(clientName) ?? throw Unknown("client", clientName);
        string label = $"{user.Name} through {client.Name}";
        return new TokenPlan(label, directory, api, VersionOf(request, api), context => TokenShapes.User(context, user, client));
    }

    private static TokenVersion VersionOf(TokenRequest request, ApiRegistration api) => request.Version switch
    {
        null => api.TokenVersion,
        "1.0" => TokenVersion.V1,
        "2.0" => TokenVersion.V2,
        _ => throw new TokenRequestException($"version \"{request.Version}\" is neither 1.0 nor 2.0"),
    };

    private static (EntraDirectory Directory, T Found) One<T>(
        IReadOnlyList<EntraDirectory> directories, string kind, string name, Func<EntraDirectory, string, T?> find)
        where T : class
    {
        var found = directories
            .Select(directory => (Directory: directory, Found: find(directory, name)))
            .Where(hit => hit.Found is not null)
            .ToList();
        return found.Count switch
        {
            0 => throw Unknown(kind, name),
            1 => (found[0].Directory, found[0].Found!), // Filtered above.
            _ => throw new TokenRequestException($"{found.Count} directories know {kind} \"{name}\"; name one as directory"),
        };
    }

    private static ApiRegistration ApiOf(EntraDirectory directory, string? name) => name is not null
        ? directory.FindApi(name) ?? throw Unknown("api", name)
        : directory.Apis.Count == 1
            ? directory.Apis[0]
            : throw new TokenRequestException($"directory {directory.Id} has {directory.Apis.Count} APIs; name one as api");

    private static TokenRequestException Unknown(string kind, string name) => new($"there is no {kind} \"{name}\"");
}
