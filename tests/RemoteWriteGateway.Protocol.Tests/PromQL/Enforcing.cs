using System.Buffers;
using System.Text;
using RemoteWriteGateway.Protocol.PromQL;

namespace RemoteWriteGateway.Protocol.Tests.PromQL;

/// <summary>Runs texts through the enforcement, in the language of the tests.</summary>
internal static class Enforcing
{
    public static readonly TenantMatcher Red = new("tenant", ["red"]);

    /// <summary>Rules that let everything pass that the parser takes.</summary>
    public static readonly EnforceOptions Open = EnforceOptions.Default with { InfoFunction = InfoFunction.Allow };

    /// <summary>What the store gets, or the error as the caller reads it.</summary>
    public static string Query(string text, EnforceOptions? options = null, TenantMatcher? matcher = null) =>
        Run(Encoding.UTF8.GetBytes(text), PromQLEntry.Query, options, matcher ?? Red);

    /// <summary>The same for bytes, which need not be UTF-8.</summary>
    public static string Query(byte[] text) => Run(text, PromQLEntry.Query, null, Red);

    /// <summary>The same for a <c>match[]</c>.</summary>
    public static string Selector(string text, EnforceOptions? options = null) => Run(Encoding.UTF8.GetBytes(text), PromQLEntry.Selector, options, Red);

    /// <summary>The canonical text without a tenant matcher, as for a store that is isolated by header.</summary>
    public static string Canonical(string text) => Run(Encoding.UTF8.GetBytes(text), PromQLEntry.Query, Open, null);

    /// <summary>The refusal of a text.</summary>
    public static PromQLError Error(string text, EnforceOptions? options = null, TenantMatcher? matcher = null)
    {
        EnforcedQuery query = new();
        Assert.False(query.TryEnforce(Encoding.UTF8.GetBytes(text), PromQLEntry.Query, matcher ?? Red, options ?? EnforceOptions.Default), $"{text} became {Encoding.UTF8.GetString(query.Span)}");
        Assert.True(query.Text.IsEmpty);
        return query.Error;
    }

    public static ParsedQuery Parse(string text, ParseOptions? options = null)
    {
        ParsedQuery query = new();
        PromQLParser.TryParse(Encoding.UTF8.GetBytes(text), PromQLEntry.Query, options ?? ParseOptions.Default, query);
        return query;
    }

    /// <summary>Emits without enforcing and without checking.</summary>
    public static string Emit(string text, TenantMatcher? matcher)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        ParsedQuery query = new();
        Assert.True(PromQLParser.TryParse(utf8, PromQLEntry.Query, ParseOptions.Default, query), query.Error.ToString());
        ArrayBufferWriter<byte> output = new();
        PromQLEmitter.Emit(utf8, query, matcher, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static string Run(byte[] text, PromQLEntry entry, EnforceOptions? options, TenantMatcher? matcher)
    {
        EnforcedQuery query = new();
        return query.TryEnforce(text, entry, matcher, options ?? EnforceOptions.Default) ? Encoding.UTF8.GetString(query.Span) : query.Error.ToString();
    }
}
