using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push;

/// <summary>What is on record of pushes and deletions.</summary>
internal static class PushRecords
{
    /// <summary>Puts a deletion on record before it is done: returns when the record is durable.</summary>
    /// <exception cref="AuditUnavailableException">It cannot be put on record: nothing may be deleted.</exception>
    public static async Task BeforeDeletionAsync(AuditScope? audit, string detail, CancellationToken cancellationToken)
    {
        if (audit is null)
        {
            throw new InvalidOperationException("The request has no audit record.");
        }

        audit.Detail = detail;
        await audit.WriteAheadOfChangeAsync(cancellationToken);
    }

    /// <summary>Who calls, as it is kept with the group.</summary>
    public static PushCaller CallerOf(HttpContext http)
    {
        Access access = http.Features.Get<Access>() ?? throw new InvalidOperationException("The route resolved no access.");
        return new PushCaller(access.Caller.ObjectId, access.Caller.Client);
    }
}
