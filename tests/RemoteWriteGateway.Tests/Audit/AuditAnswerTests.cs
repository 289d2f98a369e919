using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Audit.Chain;
using RemoteWriteGateway.Tenancy;
using RemoteWriteGateway.Tests.Catalog;

namespace RemoteWriteGateway.Tests.Audit;

/// <summary>An answer of the admin API is never sent before its record is durable, and nothing is changed before that.</summary>
public sealed class AuditAnswerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>What the routes below have done.</summary>
    private int _changes;

    [Theory]
    [ClassData(typeof(BothProviders))]
    public async Task Whoever_has_the_answer_of_an_admin_call_finds_its_record(string provider)
    {
        await using EmptyCatalog catalog = await EmptyCatalog.CreateAsync(provider);
        await using GatewayHost gateway = await StartAsync(catalog);
        foreach ((string path, HttpStatusCode status, string outcome) in new[]
        {
            ("/test/text", HttpStatusCode.OK, AuditOutcomes.Allow),
            ("/test/empty", HttpStatusCode.NoContent, AuditOutcomes.Allow),
            ("/test/missing", HttpStatusCode.NotFound, AuditOutcomes.Deny),
            ("/test/bug", HttpStatusCode.InternalServerError, AuditOutcomes.Error),
        })
        {
            using HttpResponseMessage answer = await GetAsync(gateway, path);

            // Without asking the writer to hurry.
            ChainedRecord record = Assert.Single(await gateway.StoredAuditAsync(), record => record.Record.RequestId == RequestId(answer) && record.Record.Event == AuditEvents.Admin);
            Assert.Equal((status, outcome, (int?)status, path), (answer.StatusCode, record.Record.Outcome, record.Record.HttpStatus, record.Record.Route));
            Assert.Equal(GatewayHost.PromClient, record.Record.Caller!.Client.ToString());
        }

        Assert.True((await gateway.VerifyAuditAsync()).Intact);
    }

    [Fact]
    public async Task A_change_is_on_record_before_it_is_made_and_once()
    {
        await using GatewayHost gateway = await StartAsync();

        using HttpResponseMessage answer = await GetAsync(gateway, "/test/change");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("1 record before the change", await answer.Content.ReadAsStringAsync(Cancel));
        ChainedRecord record = Assert.Single(await gateway.StoredAuditAsync(), record => record.Record.RequestId == RequestId(answer) && record.Record.Event == AuditEvents.Admin);
        Assert.Equal((AuditOutcomes.Allow, """{"what":"a change"}"""), (record.Record.Outcome, record.Record.Detail));
    }

    [Fact]
    public async Task A_change_that_fails_has_a_second_record()
    {
        await using GatewayHost gateway = await StartAsync();

        using HttpResponseMessage answer = await GetAsync(gateway, "/test/failing-change");

        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.Equal(
            [(AuditOutcomes.Allow, null), (AuditOutcomes.Error, 500)],
            (await gateway.StoredAuditAsync()).Where(record => record.Record.RequestId == RequestId(answer) && record.Record.Event == AuditEvents.Admin)
                .Select(record => (record.Record.Outcome, record.Record.HttpStatus)));
    }

    [Fact]
    public async Task What_identity_refuses_is_a_refusal_also_on_an_admin_route()
    {
        await using GatewayHost gateway = await StartAsync();

        using HttpResponseMessage answer = await gateway.Data.GetAsync(new Uri("/test/text", UriKind.Relative), Cancel);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("/test/text", Assert.Single(await gateway.AuditAsync(AuditEvents.Refusal)).Route);
        Assert.Empty(await gateway.AuditAsync(AuditEvents.Admin));
    }

    [Fact]
    public async Task A_read_is_one_record_whatever_comes_of_it()
    {
        await using GatewayHost gateway = await StartAsync();
        using HttpResponseMessage good = await GetAsync(gateway, "/test/query");
        using HttpResponseMessage bad = await GetAsync(gateway, "/test/bad-query");

        // A read is on record when its last byte is sent, which may be after it was received.
        IReadOnlyList<AuditRecord> queries;
        while ((queries = await gateway.AuditAsync(AuditEvents.Query)).Count < 2)
        {
            Cancel.ThrowIfCancellationRequested();
        }

        Assert.Equal(
            [(AuditOutcomes.Allow, null, (int?)200, "up"), (AuditOutcomes.Deny, "parse-error", 400, "up{")],
            queries.Select(query => (query.Outcome, query.Reason, query.HttpStatus, query.QueryText!)));
        Assert.All(queries, query => Assert.NotNull(query.DurationUs));
        Assert.Empty(await gateway.AuditAsync(AuditEvents.Refusal));
    }

    [Fact]
    public async Task While_the_audit_cannot_be_written_admin_and_reads_are_refused_and_writes_go_on()
    {
        await using GatewayHost gateway = await StartAsync();
        AuditLog log = gateway.Services.GetRequiredService<AuditLog>();
        log.IsAvailable = false;

        foreach (string path in (string[])["/test/text", "/test/change", "/test/query"])
        {
            using HttpResponseMessage answer = await GetAsync(gateway, path);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.StartsWith("audit-unavailable: the audit cannot be written; retry", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
            Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 5, 300);
        }

        Assert.Equal(0, _changes);
        using HttpResponseMessage write = await gateway.WriteAsync(new Protocol.Messages.V1.WriteRequest());
        Assert.Equal(HttpStatusCode.NoContent, write.StatusCode);
    }

    [Fact]
    public async Task With_StopWrites_writes_are_refused_as_well()
    {
        await using GatewayHost gateway = await StartAsync(settings: ("Audit:StopWrites", "true"));
        gateway.Services.GetRequiredService<AuditLog>().IsAvailable = false;

        using HttpResponseMessage write = await gateway.WriteAsync(new Protocol.Messages.V1.WriteRequest());

        Assert.Equal(HttpStatusCode.ServiceUnavailable, write.StatusCode);
        Assert.StartsWith("audit-unavailable: ", await write.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    /// <summary>Nothing is kept of one request for the next, though scopes are used again.</summary>
    [Fact]
    public async Task A_request_shows_nothing_of_another()
    {
        await using GatewayHost gateway = await StartAsync();
        for (int i = 0; i < 50; i++)
        {
            using HttpResponseMessage good = await GetAsync(gateway, "/test/query");
            using HttpResponseMessage bad = await gateway.Data.GetAsync(new Uri("/test/query", UriKind.Relative), Cancel);
        }

        IReadOnlyList<AuditRecord> refusals = await gateway.AuditAsync(AuditEvents.Refusal);

        Assert.Equal(50, refusals.Count);
        Assert.All(refusals, refusal =>
        {
            Assert.Null(refusal.Caller);
            Assert.Null(refusal.QueryText);
            Assert.Null(refusal.Permission);
            Assert.True(refusal.Bindings.IsDefault);
        });
    }

    private Task<GatewayHost> StartAsync(EmptyCatalog? catalog = null, params (string, string?)[] settings) =>
        GatewayHost.StartAsync(catalog: catalog, settings: settings, routes: Map);

    private void Map(WebApplication app)
    {
        Admin("/test/text", () => TypedResults.Text("text"));
        Admin("/test/empty", () => TypedResults.NoContent());
        Admin("/test/missing", () => TypedResults.NotFound());
        Admin("/test/bug", IResult () => throw new NotSupportedException("a bug"));
        Admin("/test/change", async (HttpContext http, AuditLog log) =>
        {
            AuditScope audit = AuditScope.Of(http)!;
            audit.Detail = """{"what":"a change"}""";
            await audit.WriteAheadOfChangeAsync(http.RequestAborted);
            _changes++;
            IReadOnlyList<ChainedRecord> before = await http.RequestServices.StoredAuditAsync();
            return TypedResults.Text($"{before.Count(record => record.Record.RequestId == http.TraceIdentifier && record.Record.Event == AuditEvents.Admin)} record before the change");
        });
        Admin("/test/failing-change", async Task<IResult> (HttpContext http) =>
        {
            await AuditScope.Of(http)!.WriteAheadOfChangeAsync(http.RequestAborted);
            throw new NotSupportedException("a change that fails");
        });
        Query("/test/query", "up", null);
        Query("/test/bad-query", "up{", "parse-error");

        void Admin(string path, Delegate handler) => app.MapGet(path, handler).RequireValidToken().Audited(AuditEvents.Admin);

        void Query(string path, string text, string? reason) => app.MapGet(path, (HttpContext http) =>
        {
            AuditScope audit = AuditScope.Of(http)!;
            audit.Query = new AuditQuery { Text = text };
            if (reason is not null)
            {
                audit.Refuse(reason, 400);
            }

            return TypedResults.Text(text, statusCode: reason is null ? 200 : 400);
        }).RequireValidToken().Audited(AuditEvents.Query);
    }

    private static string RequestId(HttpResponseMessage answer) => answer.Headers.GetValues("X-Request-Id").Single();

    private static async Task<HttpResponseMessage> GetAsync(GatewayHost gateway, string path)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Authorization = new("Bearer", gateway.Token("prom"));
        return await gateway.Data.SendAsync(request, Cancel);
    }
}
