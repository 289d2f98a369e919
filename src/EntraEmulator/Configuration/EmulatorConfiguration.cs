using System.Reflection;

namespace EntraEmulator.Configuration;

/// <summary>Reads <see cref="EmulatorOptions"/> from where that type says they stand.</summary>
internal static class EmulatorConfiguration
{
    private const string EnvironmentPrefix = "EMULATOR_";
    private const string FileSwitch = "--config";

    /// <summary>The sample that ships with the program: the directory of the quickstart and of the tests.</summary>
    public static EmulatorOptions LoadSample() => Load([], readEnvironment: false);

    /// <summary>Reads file, environment and command line.</summary>
    /// <param name="args"><c>--config FILE</c> and root keys as <c>--Key value</c> or <c>--Key=value</c>.</param>
    /// <param name="readEnvironment">Whether variables with the prefix <c>EMULATOR_</c> count.</param>
    /// <exception cref="InvalidOperationException">A key is unknown, or its value cannot be read; the message names it.</exception>
    /// <exception cref="InvalidDataException">The file is not JSON.</exception>
    /// <exception cref="FileNotFoundException">The file named by <c>--config</c> is not there.</exception>
    /// <exception cref="ArgumentException"><c>--config</c> stands without a file, or an argument is not a key.</exception>
    public static EmulatorOptions Load(IReadOnlyList<string> args, bool readEnvironment = true)
    {
        (string? file, string[] keys) = TakeFile(args);
        using Stream sample = Assembly.GetExecutingAssembly().GetManifestResourceStream("appsettings.json")!; // Embedded by the project file.

        ConfigurationBuilder builder = new();
        if (file is null)
        {
            builder.AddJsonStream(sample);
        }
        else
        {
            builder.AddJsonFile(Path.GetFullPath(file), optional: false, reloadOnChange: false);
        }

        if (readEnvironment)
        {
            builder.AddEnvironmentVariables(EnvironmentPrefix);
        }

        IConfigurationRoot configuration = builder.AddCommandLine(keys).Build();
        using (configuration as IDisposable)
        {
            return Bind(configuration);
        }
    }

    private static EmulatorOptions Bind(IConfiguration configuration)
    {
        try
        {
            return configuration.Get<EmulatorOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new EmulatorOptions();
        }
        catch (InvalidOperationException e)
        {
            // In a list the binder says what is wrong only inside, under one exception for each level.
            Exception cause = e;
            while (cause.InnerException is InvalidOperationException inner)
            {
                cause = inner;
            }

            throw new InvalidOperationException(cause.Message, e);
        }
    }

    private static (string? File, string[] Keys) TakeFile(IReadOnlyList<string> args)
    {
        string? file = null;
        List<string> keys = [];
        for (int i = 0; i < args.Count; i++)
        {
            string arg = args[i];
            if (arg.StartsWith(FileSwitch + "=", StringComparison.Ordinal))
            {
                file = arg[(FileSwitch.Length + 1)..];
            }
            else if (arg == FileSwitch)
            {
                file = ++i < args.Count ? args[i] : throw new ArgumentException($"{FileSwitch} needs a file.");
            }
            else if (arg.StartsWith("--", StringComparison.Ordinal) && (arg.Contains('=', StringComparison.Ordinal) || i + 1 < args.Count))
            {
                // The provider would skip what it does not understand, so it gets only complete pairs.
                keys.Add(arg);
                if (!arg.Contains('=', StringComparison.Ordinal))
                {
                    keys.Add(args[++i]);
                }
            }
            else
            {
                throw new ArgumentException($"\"{arg}\" is not {FileSwitch} FILE or --Key value.");
            }
        }

        return (file, [.. keys]);
    }
}
