namespace RemoteWriteGateway.Catalog;

/// <summary>A password that stands in a file. Its text goes to the database's driver and nowhere else.</summary>
internal static class PasswordFile
{
    private const int MaxCharacters = 64 << 10;

    /// <summary>What is wrong with the file, or null.</summary>
    public static string? Fault(string path)
    {
        try
        {
            _ = Read(path);
            return null;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{path} cannot be read: {e.Message}";
        }
    }

    /// <summary>Reads the password, without the line break at the file's end.</summary>
    /// <exception cref="InvalidDataException">There is none in it; says so without its content.</exception>
    /// <exception cref="IOException">The file cannot be read; so may be an <see cref="UnauthorizedAccessException"/>.</exception>
    public static string Read(string path)
    {
        using StreamReader reader = new(File.OpenRead(path));
        char[] text = new char[MaxCharacters + 1];
        int length = reader.ReadBlock(text);
        if (length > MaxCharacters)
        {
            throw new InvalidDataException($"{path} is longer than {MaxCharacters} characters: it must hold the password and nothing else");
        }

        ReadOnlySpan<char> password = text.AsSpan(0, length).TrimEnd("\r\n");
        return password.IsEmpty
            ? throw new InvalidDataException($"{path} is empty: it must hold the password")
            : password.ToString();
    }
}
