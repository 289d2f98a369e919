using System.CommandLine;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Builder;
using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Tests.Tenancy;

/// <summary>The worked example of <c>docs/policy.md</c> is what it says, with the keys of all features.</summary>
public sealed class PolicyGuideTests
{
    [Fact]
    public async Task The_example_is_valid_and_passes_its_own_test_cases()
    {
        string[] blocks = [.. (await File.ReadAllTextAsync(Guide(), TestContext.Current.CancellationToken))
            .Split("```yaml\n").Skip(1).Select(block => block.Split("```")[0])];
        Assert.Equal(2, blocks.Length);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("rwgateway-guide-");
        try
        {
            string[] files = [Path.Combine(folder.FullName, "policy.yaml"), Path.Combine(folder.FullName, "three-teams.policytest.yaml")];
            await File.WriteAllTextAsync(files[0], blocks[0], TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(files[1], blocks[1], TestContext.Current.CancellationToken);

            (int code, string output) = await RunAsync("policy", "test", files[0], files[1]);

            Assert.Equal((0, "15 passed, 0 failed\n"), (code, output));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<(int Code, string Output)> RunAsync(params string[] arguments)
    {
        RootCommand root = new("rwgateway") { PolicyCommand.Create(() => [new StoreSettingsReader(null), new WriteSettingsReader(null, null)], static () => WebApplication.CreateBuilder()) };
        using StringWriter output = new() { NewLine = "\n" };
        InvocationConfiguration configuration = new() { Output = output, Error = output };
        int code = await PolicyCommand.InvokeAsync(root.Parse(arguments), configuration, TestContext.Current.CancellationToken);
        return (code, output.ToString());
    }

    private static string Guide([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "docs", "policy.md")); // a file of ours has a folder
}
