using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.Net.Http.Headers;
using RemoteWriteGateway.Http;
using RemoteWriteGateway.Tenancy.Loading;

namespace RemoteWriteGateway.Admin;

/// <summary>A body that was read as <typeparamref name="T"/>, or why not. What is found wrong with its values is added by <see cref="Fault"/>.</summary>
internal sealed class AdminBody<T>
    where T : class
{
    private readonly Dictionary<string, (long Line, long Column)> _places = new(StringComparer.Ordinal);
    private readonly FaultList _faults = new();
    private readonly Refusal? _unreadable;

    private AdminBody(Refusal unreadable) => _unreadable = unreadable;

    private AdminBody(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            _faults.Add(1, 1, JsonShape.WholeBody, "is not UTF-8");
            return;
        }

        JsonShape.Check(json, typeof(T), AdminJson.Input, _faults, _places);
        if (_faults.IsEmpty)
        {
            Value = Deserialize(json);
        }
    }

    public T? Value { get; }

    /// <summary>Everything that is wrong, or null.</summary>
    public Refusal? Refusal => _unreadable ?? (_faults.IsEmpty ? null : AdminProblems.BadRequest(
        [.. _faults.Ordered.Select(fault => new RefusalError(fault.Key, fault.Message, fault.Line, fault.Column))]));

    /// <summary>Reads the body of a request, counted while it is read.</summary>
    /// <exception cref="BadHttpRequestException">The body is slower than the minimum rate, or breaks off.</exception>
    public static async Task<AdminBody<T>> ReadAsync(HttpRequest request, int maxBytes, CancellationToken cancellationToken)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            || !type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || (type.Charset.HasValue && !HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase)))
        {
            return new AdminBody<T>(AdminProblems.UnsupportedMediaType);
        }

        if (request.Headers.ContentEncoding.Count > 0)
        {
            return new AdminBody<T>(AdminProblems.UnsupportedEncoding);
        }

        using MemoryStream? body = await ReadBytesAsync(request, maxBytes, cancellationToken);
        return body is null
            ? new AdminBody<T>(AdminProblems.BadRequest(JsonShape.WholeBody, string.Create(
                CultureInfo.InvariantCulture, $"has {request.ContentLength?.ToString(CultureInfo.InvariantCulture) ?? $"more than {maxBytes}"} bytes, limit {maxBytes}")))
            : new AdminBody<T>(body.GetBuffer().AsSpan(0, (int)body.Length));
    }

    /// <summary>Says that a member's value will not do.</summary>
    /// <param name="key">The member, for example <c>tenants[0]</c>; one that is not there counts as the body's own.</param>
    /// <param name="message">What is wrong, without the value.</param>
    public void Fault(string key, string message)
    {
        (long line, long column) = _places.TryGetValue(key, out (long, long) place) ? place : (1, 1);
        _faults.Add(line, column, key, message);
    }

    /// <summary>Whether everything is right so far.</summary>
    public bool IsValid([NotNullWhen(true)] out T? value, [NotNullWhen(false)] out Refusal? refusal)
    {
        value = Value;
        refusal = Refusal;
        return refusal is null && (value is not null ? true : throw new InvalidOperationException("A body without faults was not read."));
    }

    private T? Deserialize(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, AdminJson.Input);
        }
        catch (JsonException)
        {
            // What the comparison leaves to it: members that are given twice below a member of any shape.
            _faults.Add(1, 1, JsonShape.WholeBody, "has a member twice, or a text that is none");
            return null;
        }
    }

    /// <summary>The whole body, or null if it is longer than <paramref name="maxBytes"/>; the rest is not read then.</summary>
    private static async Task<MemoryStream?> ReadBytesAsync(HttpRequest request, int maxBytes, CancellationToken cancellationToken)
    {
        if (request.ContentLength > maxBytes)
        {
            return null;
        }

        MemoryStream body = new();
        PipeReader reader = request.BodyReader;
        while (true)
        {
            ReadResult read = await reader.ReadAsync(cancellationToken);
            if (read.Buffer.Length > maxBytes - body.Length)
            {
                reader.AdvanceTo(read.Buffer.End);
                return null;
            }

            foreach (ReadOnlyMemory<byte> segment in read.Buffer)
            {
                body.Write(segment.Span);
            }

            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return body;
            }
        }
    }
}
