using System.Buffers;

namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>One text of a caller, kept to the caller's tenants and written anew. Reused from request to request, for one request at a time.</summary>
/// <remarks>
/// Every text runs through all steps anew: (1) length and UTF-8, (2) tokens, (3) grammar, types and checks, (4) policy, (5) writing with
/// the tenant matcher on every selector, (6) the check of what was written. Nothing of a text is cached, and once the memory has grown to
/// what texts need, nothing is allocated.
/// </remarks>
public sealed class EnforcedQuery
{
    /// <summary>Memory kept from request to request; more is let go by <see cref="Recycle"/>.</summary>
    private const int MaxKeptBytes = 256 << 10;

    private readonly ParsedQuery _parsed = new();
    private readonly ParsedQuery _again = new();
    private ArrayBufferWriter<byte> _output = new();
    private ParseOptions? _parse;
    private ParseOptions _parseAgain = ParseOptions.Default;

    /// <summary>The refusal, or nothing.</summary>
    public PromQLError Error => _parsed.Error;

    /// <summary>What the caller's text is: selectors, type, functions, depth.</summary>
    public ParsedQuery Parsed => _parsed;

    /// <summary>The text for the store; empty after a refusal. Valid until the next call.</summary>
    public ReadOnlyMemory<byte> Text => _output.WrittenMemory;

    /// <summary>The same as a span.</summary>
    public ReadOnlySpan<byte> Span => _output.WrittenSpan;

    /// <summary>What differed, if <see cref="Error"/> is <see cref="PromQLFault.EnforcementMismatch"/>: for the log, it quotes nobody.</summary>
    public string? Difference { get; private set; }

    /// <summary>Parses, checks, enforces and writes a text.</summary>
    /// <param name="text">The caller's text.</param>
    /// <param name="entry">What it must be.</param>
    /// <param name="matcher">What every selector is kept to; null only where the store keeps tenants apart by header or path.</param>
    /// <param name="options">Limits and rules.</param>
    /// <returns>Whether <see cref="Text"/> may be sent. If not, <see cref="Error"/> says why.</returns>
    public bool TryEnforce(ReadOnlySpan<byte> text, PromQLEntry entry, TenantMatcher? matcher, EnforceOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _output.ResetWrittenCount();
        Difference = null;

        // 1 to 3.
        if (!PromQLParser.TryParse(text, entry, options.Parse, _parsed))
        {
            return false;
        }

        // 4.
        if (!QueryPolicy.Check(text, _parsed, matcher, options))
        {
            return false;
        }

        // 5.
        if (!TryEmit(text, matcher, options, out int emitted))
        {
            return false;
        }

        // 6.
        Difference = emitted == _parsed.SelectorCount
            ? EnforcementCheck.FindDifference(text, _parsed, _output.WrittenSpan, matcher, ParseAgain(options), _again)
            : "not every selector was written";
        return Difference is null
            || Refuse(PromQLFault.EnforcementMismatch, "the text written for the store differs from what was asked; nothing was sent, and this is a fault of the gateway");
    }

    /// <summary>Lets go of what one large text needed. To be called when the request is over.</summary>
    public void Recycle()
    {
        _parsed.Trim(MaxKeptBytes);
        _again.Trim(MaxKeptBytes);
        _output.ResetWrittenCount();
        if (_output.Capacity > MaxKeptBytes)
        {
            _output = new ArrayBufferWriter<byte>();
        }
    }

    private bool TryEmit(ReadOnlySpan<byte> text, TenantMatcher? matcher, EnforceOptions options, out int emitted)
    {
        // The matchers alone can be more than may be written; they are not written only to be counted.
        long matchers = (long)_parsed.SelectorCount * (matcher?.Utf8.Length ?? 0);
        emitted = matchers > options.MaxRewrittenBytes ? 0 : PromQLEmitter.Emit(text, _parsed, matcher, _output);
        long size = Math.Max(matchers, _output.WrittenCount);
        return size <= options.MaxRewrittenBytes || Refuse(
            PromQLFault.RewrittenQueryTooLong,
            $"the text of {text.Length} bytes becomes {(_output.WrittenCount == 0 ? "more than " : "")}{size} with the tenants on its "
                + $"{_parsed.SelectorCount} selectors, limit {options.MaxRewrittenBytes} (maxRewrittenBytes); name fewer tenants in the request, or shorten it");
    }

    private bool Refuse(PromQLFault fault, string message)
    {
        _output.ResetWrittenCount();
        _parsed.Refuse(PromQLError.WithoutPlace(fault, message));
        return false;
    }

    /// <summary>The caller's limits, but for the length, which has a limit of its own.</summary>
    private ParseOptions ParseAgain(EnforceOptions options)
    {
        if (!ReferenceEquals(_parse, options.Parse))
        {
            _parse = options.Parse;
            _parseAgain = options.Parse with { MaxBytes = int.MaxValue };
        }

        return _parseAgain;
    }
}
