using System.Net;
using System.Security.Cryptography;
using EntraEmulator.Directories;
using Microsoft.Extensions.Options;

namespace EntraEmulator.Configuration;

/// <summary>Says all that is wrong with <see cref="EmulatorOptions"/>, each fault with the key it stands at.</summary>
internal sealed class EmulatorOptionsValidator : IValidateOptions<EmulatorOptions>
{
    /// <summary>Most groups that can be made up for a user.</summary>
    private const int MaxExtraGroups = 10_000;

    /// <summary>Under these stand the real services: a token that says it is from there must not come from here.</summary>
    private static readonly string[] RealDomains = ["windows.net", "chinacloudapi.cn", "azure.com"];

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, EmulatorOptions options)
    {
        FaultList faults = new();
        CheckPublicBaseUrl(options.PublicBaseUrl, faults);
        CheckListener("Https", options.Https, Uri.UriSchemeHttps, options.AllowRemote, faults);
        CheckListener("Http", options.Http, Uri.UriSchemeHttp, options.AllowRemote, faults);
        if (options.Https.Length > 0)
        {
            faults.Check(options.TlsNames.Count > 0, "TlsNames", "names nobody, but Https needs a certificate");
            faults.Check(options.DataDirectory.Length > 0, "DataDirectory", "is empty, but Https needs a place for its keys");
        }

        for (int i = 0; i < options.TlsNames.Count; i++)
        {
            faults.Check(
                Uri.CheckHostName(options.TlsNames[i]) != UriHostNameType.Unknown,
                $"TlsNames:{i}",
                $"\"{options.TlsNames[i]}\" is neither a host name nor an address");
        }

        CheckDirectories(options.Directories, faults);
        return faults.Texts.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults.Texts);
    }

    private static void CheckPublicBaseUrl(string text, FaultList faults)
    {
        const string Key = "PublicBaseUrl";
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url)
            || url.Scheme != Uri.UriSchemeHttps
            || url.PathAndQuery != "/"
            || url.Fragment.Length + url.UserInfo.Length > 0)
        {
            faults.Add(Key, $"\"{text}\" is not https://<host> or https://<host>:<port>");
            return;
        }

        string host = url.IdnHost.TrimEnd('.').ToLowerInvariant();
        string[] labels = host.Split('.');
        bool isReal = (labels.Length >= 2 && labels[^2] == "microsoftonline")
            || RealDomains.Any(domain => host == domain || host.EndsWith("." + domain, StringComparison.Ordinal));
        faults.Check(!isReal, Key, $"{host} belongs to the real Entra; take a name of your own");
    }

    private static void CheckListener(string key, string text, string scheme, bool allowRemote, FaultList faults)
    {
        if (text.Length == 0)
        {
            return;
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || url.Scheme != scheme || url.PathAndQuery != "/")
        {
            faults.Add(key, $"\"{text}\" is not {scheme}://<address>:<port>");
            return;
        }

        bool isAddress = IPAddress.TryParse(url.IdnHost, out IPAddress? address);
        if (!isAddress && url.Host != "localhost")
        {
            faults.Add(key, $"\"{url.Host}\" is not an address; write 127.0.0.1, [::1], localhost or 0.0.0.0");
            return;
        }

        faults.Check(isAddress || url.Port != 0, key, "localhost is two addresses and cannot take a free port; write 127.0.0.1");
        faults.Check(
            allowRemote || address is null || IPAddress.IsLoopback(address),
            key,
            $"{url.Host} can be reached from other machines, and whoever reaches it gets any token; set AllowRemote to permit it");
    }

    private static void CheckDirectories(IReadOnlyList<DirectoryOptions> directories, FaultList faults)
    {
        faults.Check(directories.Count > 0, "Directories", "there is none");
        faults.CheckUnique(directories.Select(directory => directory.Id.ToString()), index => $"Directories:{index}:Id");
        for (int i = 0; i < directories.Count; i++)
        {
            string key = $"Directories:{i}";
            DirectoryOptions directory = directories[i];
            faults.CheckId(directory.Id, $"{key}:Id");
            CheckApis(directory.Apis, key, faults);
            CheckApps(directory.Apps, key, faults);
            CheckManagedIdentities(directory.ManagedIdentities, key, faults);
            CheckUsers(directory.Users, key, faults);
        }

        int systemAssigned = directories.Sum(directory => directory.ManagedIdentities.Count(identity => identity.SystemAssigned));
        faults.Check(systemAssigned <= 1, "Directories", $"{systemAssigned} managed identities are SystemAssigned; at most one can be");
    }

    private static void CheckApis(IReadOnlyList<ApiOptions> apis, string parent, FaultList faults)
    {
        faults.CheckUnique(apis.Select(api => api.ClientId.ToString()), index => $"{parent}:Apis:{index}:ClientId");
        List<string> uris = [];
        for (int i = 0; i < apis.Count; i++)
        {
            string key = $"{parent}:Apis:{i}";
            ApiOptions api = apis[i];
            faults.CheckId(api.ClientId, $"{key}:ClientId");
            faults.Check(api.TokenVersion is 1 or 2, $"{key}:TokenVersion", $"{api.TokenVersion} is neither 1 nor 2");
            faults.Check(api.IdUris.Count > 0, $"{key}:IdUris", "there is none");
            for (int j = 0; j < api.IdUris.Count; j++)
            {
                string uri = api.IdUris[j];
                faults.Check(Uri.IsWellFormedUriString(uri, UriKind.Absolute), $"{key}:IdUris:{j}", $"\"{uri}\" is not a URI");
                faults.Check(!uris.Contains(uri, StringComparer.OrdinalIgnoreCase), $"{key}:IdUris:{j}", $"\"{uri}\" stands twice");
                uris.Add(uri);
            }

            for (int j = 0; j < api.OptionalClaims.Count; j++)
            {
                string claim = api.OptionalClaims[j];
                faults.Check(claim is "idtyp" or "xms_cc", $"{key}:OptionalClaims:{j}", $"\"{claim}\" is neither idtyp nor xms_cc");
            }
        }
    }

    private static void CheckApps(IReadOnlyList<AppOptions> apps, string parent, FaultList faults)
    {
        faults.CheckUnique(apps.Select(app => app.Name), index => $"{parent}:Apps:{index}:Name");
        faults.CheckUnique(apps.Select(app => app.ClientId.ToString()), index => $"{parent}:Apps:{index}:ClientId");
        for (int i = 0; i < apps.Count; i++)
        {
            string key = $"{parent}:Apps:{i}";
            AppOptions app = apps[i];
            faults.CheckName(app.Name, $"{key}:Name");
            faults.CheckId(app.ClientId, $"{key}:ClientId");
            faults.CheckId(app.ObjectId, $"{key}:ObjectId");
            faults.Check(app.Secret is not "", $"{key}:Secret", "is empty; leave it out if the app has none");
            if (app.Certificate is not null)
            {
                faults.CheckReads(() => AppCertificate.Read(app.Certificate), $"{key}:Certificate");
            }

            if (app.Agent is not null)
            {
                faults.CheckId(app.Agent.Parent, $"{key}:Agent:Parent");
            }

            for (int j = 0; j < app.RedirectUris.Count; j++)
            {
                bool isWeb = Uri.TryCreate(app.RedirectUris[j], UriKind.Absolute, out Uri? uri) && uri.Scheme is ("http" or "https") && uri.Fragment.Length == 0;
                faults.Check(isWeb, $"{key}:RedirectUris:{j}", $"\"{app.RedirectUris[j]}\" is not an http or https address without a fragment");
            }

            for (int j = 0; j < app.FederatedIssuers.Count; j++)
            {
                string issuerKey = $"{key}:FederatedIssuers:{j}";
                FederatedIssuerOptions issuer = app.FederatedIssuers[j];
                faults.CheckName(issuer.Issuer, $"{issuerKey}:Issuer");
                faults.CheckName(issuer.Subject, $"{issuerKey}:Subject");
                faults.CheckName(issuer.Audience, $"{issuerKey}:Audience");
                faults.CheckReads(() => ClientKeys.Read(issuer.Keys), $"{issuerKey}:Keys");
            }
        }
    }

    private static void CheckManagedIdentities(IReadOnlyList<ManagedIdentityOptions> identities, string parent, FaultList faults)
    {
        faults.CheckUnique(identities.Select(identity => identity.Name), index => $"{parent}:ManagedIdentities:{index}:Name");
        faults.CheckUnique(identities.Select(identity => identity.ClientId.ToString()), index => $"{parent}:ManagedIdentities:{index}:ClientId");
        for (int i = 0; i < identities.Count; i++)
        {
            string key = $"{parent}:ManagedIdentities:{i}";
            faults.CheckName(identities[i].Name, $"{key}:Name");
            faults.CheckId(identities[i].ClientId, $"{key}:ClientId");
            faults.CheckId(identities[i].PrincipalId, $"{key}:PrincipalId");
            faults.CheckName(identities[i].ResourceId, $"{key}:ResourceId");
        }
    }

    private static void CheckUsers(IReadOnlyList<UserOptions> users, string parent, FaultList faults)
    {
        faults.CheckUnique(users.Select(user => user.Name), index => $"{parent}:Users:{index}:Name");
        faults.CheckUnique(users.Select(user => user.ObjectId.ToString()), index => $"{parent}:Users:{index}:ObjectId");
        for (int i = 0; i < users.Count; i++)
        {
            string key = $"{parent}:Users:{i}";
            faults.CheckName(users[i].Name, $"{key}:Name");
            faults.CheckId(users[i].ObjectId, $"{key}:ObjectId");
            faults.CheckName(users[i].PreferredUsername, $"{key}:PreferredUsername");
            faults.Check(
                users[i].ExtraGroups is >= 0 and <= MaxExtraGroups,
                $"{key}:ExtraGroups",
                $"{users[i].ExtraGroups} is not between 0 and {MaxExtraGroups}");
        }
    }

    /// <summary>Collects faults as <c>key: what is wrong</c>.</summary>
    private sealed class FaultList
    {
        public List<string> Texts { get; } = [];

        public void Add(string key, string text) => Texts.Add($"{key}: {text}");

        public void Check(bool holds, string key, string text)
        {
            if (!holds)
            {
                Add(key, text);
            }
        }

        public void CheckId(Guid id, string key) => Check(id != Guid.Empty, key, "is missing");

        public void CheckName(string name, string key) => Check(name.Length > 0, key, "is missing");

        public void CheckUnique(IEnumerable<string> values, Func<int, string> keyOf)
        {
            HashSet<string> seen = new(StringComparer.OrdinalIgnoreCase);
            foreach ((int index, string value) in values.Index())
            {
                Check(seen.Add(value), keyOf(index), $"\"{value}\" stands twice");
            }
        }

        public void CheckReads(Action read, string key)
        {
            try
            {
                read();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
            {
                Add(key, e.Message);
            }
        }
    }
}
