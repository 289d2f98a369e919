using System.Text;
using System.Text.Json;
using RemoteWriteGateway.EndToEnd.Tests.Programs;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.EndToEnd.Tests.PromQL;

/// <summary>A real Prometheus 3 that parses expressions, with everything switched on that it has, beside our own parser.</summary>
public sealed class ParserStand : IAsyncLifetime
{
    private const int AtOnce = 8;

    /// <summary>Info passes: what the parser takes is compared, not what a policy allows.</summary>
    internal static readonly EnforceOptions Options = EnforceOptions.Default with { InfoFunction = InfoFunction.Allow };
    internal static readonly TenantMatcher Red = new("tenant", ["red"]);

    private readonly Workspace _workspace = new();
    private PrometheusServer? _server;

    internal PrometheusServer Server => _server ?? throw new InvalidOperationException("not started");

    /// <summary>The functions that the server knows, found by asking it.</summary>
    internal IReadOnlyList<PromQLFunction> KnownFunctions { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        _server = await PrometheusServer.StartAsync(
            _workspace,
            "parser",
            PrometheusServer.Version3,
            _ => "{}",
            cancellationToken,
            "promql-experimental-functions,promql-duration-expr");
        List<PromQLFunction> known = [];
        foreach (PromQLFunction function in PromQLFunctions.All)
        {
            (_, string error) = await Server.ParseAsync(Encoding.UTF8.GetBytes($"{function.Name}()"), cancellationToken);
            bool isUnknown = error.Contains("unknown function", StringComparison.Ordinal) || error.Contains("unexpected \"(\"", StringComparison.Ordinal);
            if (!isUnknown)
            {
                known.Add(function);
            }
        }

        KnownFunctions = known;
    }

    public ValueTask DisposeAsync() => _workspace.DisposeAsync();

    /// <summary>Enforces a text and asks the server about it and about what was emitted.</summary>
    internal async Task<Judgement> JudgeAsync(byte[] text, CancellationToken cancellationToken)
    {
        EnforcedQuery query = new();
        bool isValid = query.TryEnforce(text, PromQLEntry.Query, Red, Options);
        (JsonElement? tree, string error) = await Server.ParseAsync(text, cancellationToken);
        string emitted = Encoding.UTF8.GetString(query.Span);
        Judgement judgement = new(Encoding.UTF8.GetString(text), isValid, query.Error, emitted, tree is not null, error, query.Parsed.Selectors.Length);
        if (!isValid || tree is null)
        {
            return judgement;
        }

        (JsonElement? emittedTree, error) = await Server.ParseAsync(Encoding.UTF8.GetBytes(emitted), cancellationToken);
        return judgement with
        {
            TreeDifference = emittedTree is null ? "the emitted text is not valid: " + error : ServerTree.Difference(tree.Value, emittedTree.Value, query.Parsed.Selectors.Length),
        };
    }

    /// <summary>The same for many, some at once.</summary>
    internal async Task<IReadOnlyList<Judgement>> JudgeAllAsync(IReadOnlyList<byte[]> texts, CancellationToken cancellationToken)
    {
        Judgement[] judgements = new Judgement[texts.Count];
        await Parallel.ForAsync(0, texts.Count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken }, async (i, stop) =>
            judgements[i] = await JudgeAsync(texts[i], stop));
        return judgements;
    }
}

/// <summary>What our parser and the server's say of one text.</summary>
/// <param name="Text">The text.</param>
/// <param name="IsValid">What we say.</param>
/// <param name="Error">Our refusal.</param>
/// <param name="Emitted">What a store would get.</param>
/// <param name="ServerIsValid">What the server says.</param>
/// <param name="ServerError">Its refusal.</param>
/// <param name="Selectors">How many selectors we found.</param>
internal sealed record Judgement(string Text, bool IsValid, PromQLError Error, string Emitted, bool ServerIsValid, string ServerError, int Selectors)
{
    /// <summary>How the tree of the emitted text differs from the caller's with our matcher on every selector; null if it does not.</summary>
    public string? TreeDifference { get; init; }

    public override string ToString() => $"{Text}\n  we: {(IsValid ? Emitted : Error.ToString())}\n  server: {(ServerIsValid ? "valid" : ServerError)}\n  {TreeDifference}";
}
