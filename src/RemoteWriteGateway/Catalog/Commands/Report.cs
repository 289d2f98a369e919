using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RemoteWriteGateway.Catalog.Commands;

/// <summary>What a command prints: lines for people, or one JSON object for scripts.</summary>
internal sealed class Report(TextWriter output, TextWriter error, bool isJson)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        // For terminals and files: nothing of it is ever put into a page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>The option that every command has.</summary>
    public static Option<bool> JsonOption() => new("--json") { Description = "Print one JSON object, for scripts." };

    public static Report Of(ParseResult parsed, Option<bool> json) =>
        new(parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, parsed.GetValue(json));

    /// <summary>Prints the outcome: the lines, or the object.</summary>
    public void Write(object forScripts, IEnumerable<string> forPeople)
    {
        if (isJson)
        {
            output.WriteLine(JsonSerializer.Serialize(forScripts, Json));
            return;
        }

        foreach (string line in forPeople)
        {
            output.WriteLine(line);
        }
    }

    /// <summary>Prints what is wrong with a file.</summary>
    /// <param name="fileName">As the command line names it.</param>
    /// <param name="faults">For scripts, as they are.</param>
    /// <param name="asLine">One of them for people, with file and place.</param>
    /// <returns><see cref="ExitCode.Invalid"/>.</returns>
    public int Invalid<TFault>(string fileName, IReadOnlyCollection<TFault> faults, Func<TFault, string> asLine)
    {
        if (isJson)
        {
            output.WriteLine(JsonSerializer.Serialize(new { valid = false, file = fileName, errors = faults }, Json));
            return ExitCode.Invalid;
        }

        foreach (TFault fault in faults)
        {
            error.WriteLine(asLine(fault));
        }

        return ExitCode.Invalid;
    }

    /// <summary>Prints what is wrong where there is no line to name.</summary>
    /// <returns><see cref="ExitCode.Invalid"/>.</returns>
    public int Invalid(string message)
    {
        if (isJson)
        {
            output.WriteLine(JsonSerializer.Serialize(new { valid = false, error = message }, Json));
        }
        else
        {
            error.WriteLine(message);
        }

        return ExitCode.Invalid;
    }
}
