using System.Collections.Immutable;
using System.Globalization;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Admin;

/// <summary>What the admin API refuses beside what identity and policy do.</summary>
internal static class AdminProblems
{
    /// <summary>Reasons, by their ids.</summary>
    public const string BadRequestReason = "bad-request";
    public const string PolicyInvalidReason = "policy-invalid";
    public const string NotFoundReason = "not-found";
    public const string AlreadyExistsReason = "already-exists";
    public const string UnsupportedMediaTypeReason = "unsupported-media-type";
    public const string UnsupportedEncodingReason = "unsupported-encoding";

    public const string CatalogUnavailableReason = "catalog-unavailable";

    private const string BadRequestTitle = "The request is not valid";

    /// <summary>The catalog is away. What it could not take is not done, unless the text says so.</summary>
    public static Refusal CatalogUnavailable(string text) => new(CatalogUnavailableReason, 503, text)
    {
        RetryAfter = TimeSpan.FromSeconds(5),
    };

    public static readonly Refusal UnsupportedMediaType = new(UnsupportedMediaTypeReason, 415, "send Content-Type: application/json");

    public static readonly Refusal UnsupportedEncoding = new(UnsupportedEncodingReason, 415, "send the body as it is, without Content-Encoding");

    /// <param name="what">What there is none of, with an article: <c>a record of this id</c>.</param>
    public static Refusal NotFound(string what) => new(NotFoundReason, 404, $"there is no {what}") { Title = "Not found" };

    /// <param name="text">What is there already, and what to do.</param>
    public static Refusal AlreadyExists(string text) => new(AlreadyExistsReason, 409, text) { Title = "It exists already" };

    public static Refusal BadRequest(ImmutableArray<RefusalError> errors) =>
        new(BadRequestReason, 400, Count(errors.Length)) { Title = BadRequestTitle, Errors = errors };

    public static Refusal BadRequest(string key, string message) => BadRequest([new RefusalError(key, message)]);

    /// <summary>A document that is no policy, or no list of test cases.</summary>
    public static Refusal PolicyInvalid(ImmutableArray<PolicyFault> faults) => new(PolicyInvalidReason, 400, Count(faults.Length))
    {
        Title = "The policy is not valid",
        Errors = [.. faults.Select(Error)],
    };

    /// <summary>Test cases that are none.</summary>
    public static Refusal CasesInvalid(ImmutableArray<PolicyFault> faults) => BadRequest([.. faults.Select(Error)]) with
    {
        Title = "The test cases are not valid",
    };

    /// <summary>The policy file of this replica is not taken.</summary>
    /// <param name="version">The version that stays in force.</param>
    /// <param name="failure">Why, in one line or more, with the file's path.</param>
    /// <param name="faults">The same piece by piece; empty if the file cannot even be read.</param>
    public static Refusal PolicyFileInvalid(string version, string failure, ImmutableArray<PolicyFault> faults) => faults.IsEmpty
        ? PolicyInvalid(faults) with { Text = $"{failure}; version {version} stays in force" }
        : PolicyInvalid(faults) with { Text = $"{Count(faults.Length)} in the policy file; version {version} stays in force" };

    private static RefusalError Error(PolicyFault fault) => new(fault.Key, fault.Message, fault.Line, fault.Column);

    private static string Count(int errors) => string.Create(CultureInfo.InvariantCulture, $"{errors} {(errors == 1 ? "error" : "errors")}");
}
