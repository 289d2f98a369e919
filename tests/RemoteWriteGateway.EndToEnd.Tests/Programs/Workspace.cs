namespace RemoteWriteGateway.EndToEnd.Tests.Programs;

/// <summary>A temporary folder and the programs that keep their data in it. Disposing stops them, the last started first.</summary>
internal sealed class Workspace : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _owned = [];
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("rwgateway-e2e-");

    /// <summary>Makes a folder with this name.</summary>
    public string Folder(string name) => _root.CreateSubdirectory(name).FullName;

    /// <summary>Writes a file into a folder of this name and returns its path.</summary>
    public string Write(string folder, string file, string text)
    {
        string path = Path.Combine(Folder(folder), file);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>Stops and disposes <paramref name="part"/> with the workspace.</summary>
    public T Own<T>(T part)
        where T : IAsyncDisposable
    {
        lock (_owned)
        {
            _owned.Add(part);
        }

        return part;
    }

    public async ValueTask DisposeAsync()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
        {
            await _owned[i].DisposeAsync();
        }

        _root.Delete(recursive: true);
    }
}
