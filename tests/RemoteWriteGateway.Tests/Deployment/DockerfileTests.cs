using System.Text.RegularExpressions;

namespace RemoteWriteGateway.Tests.Deployment;

/// <summary>What can be known of the <c>Dockerfile</c> without an engine that builds it.</summary>
public sealed partial class DockerfileTests
{
    private static readonly string[] Stages = RepositoryFile.Read("Dockerfile").Split("\nFROM ")[1..];

    [Fact]
    public void Images_that_run_have_a_user_of_their_own_and_only_what_was_published()
    {
        foreach (string stage in Stages.Where(stage => stage.Contains("\nENTRYPOINT ", StringComparison.Ordinal)))
        {
            Assert.Matches(NumberedUser(), stage);
            Assert.DoesNotContain("sdk", stage, StringComparison.Ordinal);
            Assert.DoesNotMatch(CopyFromContext(), stage);
            Assert.True(stage.IndexOf("\nUSER ", StringComparison.Ordinal) > stage.LastIndexOf("\nRUN ", StringComparison.Ordinal), stage);
        }
    }

    [Fact]
    public void The_gateway_is_what_a_build_without_a_target_makes_and_asks_itself_how_it_is()
    {
        Assert.Contains(" AS gateway\n", Stages[^1], StringComparison.Ordinal);
        Assert.Contains("""HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/app/rwgateway", "health"]""", Stages[^1], StringComparison.Ordinal);
        Assert.Contains("""ENTRYPOINT ["/app/rwgateway"]""", Stages[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_that_the_build_needs_is_in_its_context()
    {
        string[] context = [.. RepositoryFile.Read(".dockerignore").Split('\n').Where(line => line.StartsWith('!')).Select(line => line[1..])];

        Assert.All(context, path => Assert.True(Path.Exists(RepositoryFile.PathOf(path)), path));
        Assert.All(
            Directory.EnumerateFiles(RepositoryFile.PathOf("src"), "*.csproj", SearchOption.AllDirectories)
                .SelectMany(project => OutsideOfSources().Matches(File.ReadAllText(project)).Select(match => match.Groups["folder"].Value)),
            folder => Assert.Contains(folder, context));
        foreach (string project in (string[])["RemoteWriteGateway", "EntraEmulator"])
        {
            Assert.Contains(project, Stages[0], StringComparison.Ordinal);
            Assert.True(File.Exists(RepositoryFile.PathOf($"src/{project}/{project}.csproj")));
            Assert.Contains(Stages, stage => stage.Contains($"COPY --from=build /out/{project} /app\n", StringComparison.Ordinal));
        }
    }

    [GeneratedRegex("^USER [1-9][0-9]*:[1-9][0-9]*$", RegexOptions.Multiline)]
    private static partial Regex NumberedUser();

    [GeneratedRegex("^(COPY (?!--from=build )|ADD )", RegexOptions.Multiline)]
    private static partial Regex CopyFromContext();

    [GeneratedRegex("""["=;]\.\./\.\./(?<folder>[A-Za-z]+)""")]
    private static partial Regex OutsideOfSources();
}
