namespace RemoteWriteGateway.Tests.Catalog;

public sealed class CatalogOptionsTests : IDisposable
{
    private const string Server = "Host=db.example.org;Username=gw;SSL Mode=VerifyFull";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rwgateway-catalog-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("Catalog:Prvider=Sqlite", "Catalog:Prvider: there is no such key; there are Provider, ")]
    [InlineData("Catalog:Provider=MySql", "Failed to convert configuration value 'MySql' at 'Catalog:Provider'")]
    [InlineData("Catalog:Provider=7", "Catalog:Provider: 7 is none of Sqlite, PostgreSql")]
    [InlineData("Catalog:PollInterval=00:00:00.05", "Catalog:PollInterval: must be between 00:00:00.1")]
    [InlineData("Catalog:PollInterval=00:02:00", "Catalog:PollInterval: must be between 00:00:00.1")]
    [InlineData("Catalog:ReplicaName=gw 0", "Catalog:ReplicaName: must match the regular expression")]
    [InlineData("Catalog:ConnectionString=", "Catalog:ConnectionString: is required")]
    [InlineData("Catalog:ConnectionString=data/catalog.db", "Catalog:ConnectionString: is no connection string: it is Keyword=value, separated by semicolons")]
    [InlineData("Catalog:ConnectionString=Data Source=:memory:", "Catalog:ConnectionString: \"Data Source\" must be the path of a file")]
    [InlineData("Catalog:ConnectionString=Data Source=x;Mode=Memory", "Catalog:ConnectionString: \"Data Source\" must be the path of a file")]
    [InlineData("Catalog:ConnectionString=Data Source=file:x.db?mode=ro", "Catalog:ConnectionString: \"Data Source\" must be the path of a file")]
    [InlineData("Catalog:ConnectionString=Mode=ReadOnly;Data Source=x.db", "Catalog:ConnectionString: \"Mode\": the file is made if absent and written to")]
    [InlineData("Catalog:ConnectionString=Cache=Shared;Data Source=x.db", "Catalog:ConnectionString: \"Cache\"")]
    [InlineData("Catalog:ConnectionString=Foreign Keys=true", "Catalog:ConnectionString: \"Data Source\" is missing")]
    [InlineData("Catalog:ConnectionString=Data Source=x.db;Password=tell-nobody", "Catalog:ConnectionString: \"Password\": SQLite files are not encrypted here")]
    [InlineData("Catalog:ConnectionString=Data Source=x.db;Passwort=tell-nobody", "Catalog:ConnectionString: there is no keyword \"passwort\"")]
    [InlineData("Catalog:ConnectionString=Data Source=x.db;Mode=tell-nobody", "Catalog:ConnectionString: the value of \"mode\" is none that it can have")]
    [InlineData("Catalog:EntraAuthentication=true", "Catalog:EntraAuthentication: has no use with provider Sqlite")]
    [InlineData("Catalog:PasswordFile=/tmp/x", "Catalog:PasswordFile: has no use with provider Sqlite")]
    public async Task A_wrong_value_is_named_with_its_key_and_no_secret(string setting, string expected)
    {
        int equals = setting.IndexOf('=', StringComparison.Ordinal);

        await FailsAsync(expected, (setting[..equals], setting[(equals + 1)..]));
    }

    [Theory]
    [InlineData("Data Source=data/catalog.db", "Catalog:ConnectionString: there is no keyword \"data source\"")]
    [InlineData("Username=gw", "Catalog:ConnectionString: \"Host\" is missing")]
    [InlineData(Server + ";Password=tell-nobody", "Catalog:ConnectionString: \"Password\": a password in the configuration is not taken; put it into a file named by Catalog:PasswordFile")]
    [InlineData(Server + ";PWD=tell-nobody", "Catalog:ConnectionString: \"Password\": a password in the configuration is not taken")]
    [InlineData(Server + ";SSL Password=tell-nobody", "Catalog:ConnectionString: \"SSL Password\": a password in the configuration is not taken")]
    [InlineData(Server + ";Passwort=tell-nobody", "Catalog:ConnectionString: there is no keyword \"passwort\"")]
    [InlineData(Server + ";Timeout=tell-nobody", "Catalog:ConnectionString: the value of \"timeout\" is none that it can have")]
    [InlineData(Server + ";Search Path=public", "Catalog:ConnectionString: \"Search Path\": the tables stand in the schema rwgateway")]
    [InlineData(Server + ";Include Error Detail=true", "Catalog:ConnectionString: \"Include Error Detail\", \"Log Parameters\" and \"Persist Security Info\"")]
    [InlineData("Host=db.example.org;Username=gw", "Catalog:ConnectionString: \"SSL Mode\" must be VerifyFull")]
    [InlineData("Host=db.example.org;Username=gw;SSL Mode=Require", "Catalog:ConnectionString: \"SSL Mode\" must be VerifyFull")]
    [InlineData("Host=db.example.org;Username=gw;SSL Mode=VerifyCA", "Catalog:ConnectionString: \"SSL Mode\" must be VerifyFull")]
    [InlineData("Host=localhost,db.example.org;Username=gw", "Catalog:ConnectionString: \"SSL Mode\" must be VerifyFull")]
    [InlineData("Host=localhost.example.org;Username=gw", "Catalog:ConnectionString: \"SSL Mode\" must be VerifyFull")]
    [InlineData("Host=10.0.0.1;Username=gw", "Catalog:ConnectionString: \"SSL Mode\" must be VerifyFull")]
    public async Task A_connection_string_of_PostgreSQL_is_checked(string connectionString, string expected) =>
        await FailsAsync(expected, ("Catalog:Provider", "PostgreSql"), ("Catalog:ConnectionString", connectionString));

    [Theory]
    [InlineData(Server)]
    [InlineData("Host=localhost;Username=gw")]
    [InlineData("Host=localhost:5433,127.0.0.1;Username=gw")]
    [InlineData("Host=::1;Username=gw")]
    [InlineData("Host=/var/run/postgresql;Username=gw")]
    public async Task A_server_on_this_machine_needs_no_TLS(string connectionString) =>
        Assert.Empty(await CatalogHost.StartFaultsAsync(("Catalog:Provider", "PostgreSql"), ("Catalog:ConnectionString", connectionString)));

    [Fact]
    public async Task The_defaults_are_right() => Assert.Empty(await CatalogHost.StartFaultsAsync());

    [Fact]
    public async Task The_password_file_must_be_there_and_hold_a_password()
    {
        (string, string?)[] settings = [("Catalog:Provider", "PostgreSql"), ("Catalog:ConnectionString", Server)];
        string file = Path.Combine(_folder.FullName, "password");

        await FailsAsync($"Catalog:PasswordFile: {file} cannot be read: ", [.. settings, ("Catalog:PasswordFile", file)]);
        await File.WriteAllTextAsync(file, "\n", TestContext.Current.CancellationToken);
        await FailsAsync($"Catalog:PasswordFile: {file} is empty: it must hold the password", [.. settings, ("Catalog:PasswordFile", file)]);
        await File.WriteAllTextAsync(file, new string('x', 70_000), TestContext.Current.CancellationToken);
        await FailsAsync($"Catalog:PasswordFile: {file} is longer than 65536 ", [.. settings, ("Catalog:PasswordFile", file)]);
        await File.WriteAllTextAsync(file, "tell-nobody\r\n", TestContext.Current.CancellationToken);
        Assert.Empty(await CatalogHost.StartFaultsAsync([.. settings, ("Catalog:PasswordFile", file)]));
        await FailsAsync(
            "Catalog:PasswordFile: has no use with Catalog:EntraAuthentication; set one of them",
            [.. settings, ("Catalog:PasswordFile", file), ("Catalog:EntraAuthentication", "true")]);
        await FailsAsync(
            "Catalog:ConnectionString: \"Username\" is missing: with Catalog:EntraAuthentication it is the name of the gateway's identity",
            ("Catalog:Provider", "PostgreSql"),
            ("Catalog:ConnectionString", "Host=localhost"),
            ("Catalog:EntraAuthentication", "true"));
    }

    private static async Task FailsAsync(string expected, params (string Key, string? Value)[] configuration)
    {
        IReadOnlyList<string> faults = await CatalogHost.StartFaultsAsync(configuration);

        Assert.Contains(faults, fault => fault.StartsWith(expected, StringComparison.Ordinal));
        Assert.DoesNotContain(faults, fault => fault.Contains("tell-nobody", StringComparison.Ordinal));
    }
}
