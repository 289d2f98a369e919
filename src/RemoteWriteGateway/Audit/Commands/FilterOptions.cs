using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using RemoteWriteGateway.Audit.Reading;

namespace RemoteWriteGateway.Audit.Commands;

/// <summary>The conditions of a search as options of a command.</summary>
internal sealed class FilterOptions
{
    private readonly Option<DateTimeOffset?> _from = TimeOption("--from", "The first moment, for example 2026-11-24T12:00:00Z.");
    private readonly Option<DateTimeOffset?> _to = TimeOption("--to", "The first moment that is not asked for any more.");
    private readonly Option<string?> _event = new("--event") { Description = "For example query, refusal, admin, write-summary." };
    private readonly Option<string?> _outcome = new("--outcome") { Description = "allow, deny or error." };
    private readonly Option<string?> _reason = new("--reason") { Description = "A reason's id, for example permission-denied." };
    private readonly Option<Guid?> _subject = new("--subject") { Description = "Object id of the subject." };
    private readonly Option<Guid?> _client = new("--client") { Description = "Client id of the app that presented the token." };
    private readonly Option<string?> _tenant = new("--tenant") { Description = "The record's tenant, or one of its tenants." };
    private readonly Option<string?> _permission = new("--permission") { Description = "For example metrics:read." };
    private readonly Option<string?> _requestId = new("--request-id") { Description = "The id that stands in an answer and in the log." };
    private readonly Option<string?> _policyVersion = new("--policy-version") { Description = "The policy that decided." };

    public FilterOptions()
    {
        _event.AcceptOnlyFromAmong(AuditEvents.All);
        _outcome.AcceptOnlyFromAmong(AuditOutcomes.All);
    }

    /// <summary>A time with an offset: whoever asks means one moment.</summary>
    public static Option<DateTimeOffset?> TimeOption(string name, string description) => new(name) { Description = description, CustomParser = ParseTime };

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_from, _to, _event, _outcome, _reason, _subject, _client, _tenant, _permission, _requestId, _policyVersion])
        {
            command.Add(option);
        }
    }

    public AuditFilter Of(ParseResult parsed) => new()
    {
        From = parsed.GetValue(_from),
        To = parsed.GetValue(_to),
        Event = parsed.GetValue(_event),
        Outcome = parsed.GetValue(_outcome),
        Reason = parsed.GetValue(_reason),
        Subject = parsed.GetValue(_subject),
        Client = parsed.GetValue(_client),
        Tenant = parsed.GetValue(_tenant),
        Permission = parsed.GetValue(_permission),
        RequestId = parsed.GetValue(_requestId),
        PolicyVersion = parsed.GetValue(_policyVersion),
    };

    private static DateTimeOffset? ParseTime(ArgumentResult argument)
    {
        string text = argument.Tokens.Count > 0 ? argument.Tokens[0].Value : "";
        string[] forms = ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];
        if (text.Length > 19 && DateTimeOffset.TryParseExact(text, forms, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset time))
        {
            return time;
        }

        argument.AddError($"\"{text}\" is not a time such as 2026-11-24T12:00:00Z");
        return null;
    }
}
