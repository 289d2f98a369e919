using RemoteWriteGateway.Audit;
using RemoteWriteGateway.Push.Storage;
using RemoteWriteGateway.Tenancy;

namespace RemoteWriteGateway.Push;

/// <summary>What is on record of pushes and deletions.</summary>
internal static class PushRecords
{
    /// <summary>
    /// Deletes, and has each transaction put on record what it takes away. A deletion that finds nothing has one record, with 0 groups; one that fails
    /// has one that says so, beside those of the transactions before.
    /// </summary>
    /// <param name="http">The request.</param>
    /// <param name="delete">Deletes, given what is on record of a transaction that takes so many groups away.</param>
    /// <param name="detail">Tells of so many groups.</param>
    /// <exception cref="AuditUnavailableException">It cannot be put on record: nothing more was deleted.</exception>
    public static async Task<DeleteOutcome> DeleteAsync(HttpContext http, Func<Func<int, AuditRecord>, Task<DeleteOutcome>> delete, Func<int, string> detail)
    {
        AuditScope audit = AuditScope.Of(http) ?? throw new InvalidOperationException("The request has no audit record.");
        audit.Detail = detail(0);
        AuditRecord record = audit.RecordOfChange();
        DeleteOutcome outcome = await delete(groups => record with { Detail = detail(groups) });
        if (outcome.Deleted > 0)
        {
            audit.ChangeIsRecorded();
        }

        return outcome;
    }

    /// <summary>Who calls, as it is kept with the group.</summary>
    public static PushCaller CallerOf(HttpContext http)
    {
        Access access = http.Features.Get<Access>() ?? throw new InvalidOperationException("The route resolved no access.");
        return new PushCaller(access.Caller.ObjectId, access.Caller.Client);
    }
}
