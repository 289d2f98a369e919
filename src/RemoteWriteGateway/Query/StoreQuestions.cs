using RemoteWriteGateway.Forwarding;
using RemoteWriteGateway.Http;

namespace RemoteWriteGateway.Query;

/// <summary>The last steps of reads that a store answers: proof, question, answer.</summary>
internal sealed class StoreQuestions(StoreProofs proofs, StoreReader reader, QueryMetrics metrics)
{
    public StoreProof ProofOf(ReadContext read) => proofs.Of(read.Scope.Store);

    /// <summary>Whether the store has shown that it may be asked on this route; see <see cref="StoreProofs.CheckAsync"/>.</summary>
    public ValueTask<(Refusal? Refusal, bool IsEmpty)> CheckAsync(ReadContext read) => proofs.CheckAsync(read);

    /// <summary>Asks, if the store has shown that it may be asked on this route.</summary>
    /// <param name="read">The read.</param>
    /// <param name="request">What to send.</param>
    /// <param name="timeout">Most time for the store's answer, without the margin.</param>
    /// <param name="needsProof">False for what names no series.</param>
    /// <param name="answer">What to do with the answer.</param>
    public async Task<Refusal?> AskAsync(
        ReadContext read, StoreReadRequest request, TimeSpan timeout, bool needsProof, Func<StoreAnswer, Task<Refusal?>> answer)
    {
        if (needsProof)
        {
            (Refusal? refusal, bool isEmpty) = await proofs.CheckAsync(read);
            if (refusal is not null || isEmpty)
            {
                return refusal ?? await ReadAnswers.EmptyAsync(read);
            }
        }

        metrics.Selectors.Inc(read.Record.Selectors);
        (StoreAnswer? answered, Refusal? refused) = await reader.AskAsync(read, request, timeout);
        if (answered is null)
        {
            NoteAway(read, refused);
            return refused;
        }

        using (answered)
        {
            return await answer(answered);
        }
    }

    /// <summary>Reads an answer whole, looks at every set of labels in it, and only then sends it.</summary>
    /// <param name="read">The read.</param>
    /// <param name="answer">The store's answer.</param>
    /// <param name="shape">Where the labels are; those of stores that keep tenants apart by header or path are not looked at.</param>
    public async Task<Refusal?> CheckedAsync(ReadContext read, StoreAnswer answer, EgressShape shape)
    {
        (BufferedAnswer? body, Refusal? refusal) = await BufferedAnswer.ReadAsync(answer, read.Scope.Limits.MaxBufferedBytes, "maxBufferedBytes");
        using (body)
        {
            if (body is null)
            {
                return refusal;
            }

            EgressCheck check = new(read.Scope.Side.Label, read.Scope.Ids);
            if (body.Length > 0 || answer.Response.StatusCode != System.Net.HttpStatusCode.NoContent)
            {
                switch (check.Look(body.Bytes, read.Scope.Matcher is null ? EgressShape.Any : shape, out long items))
                {
                    case EgressVerdict.Violation:
                        return Violation(read);
                    case EgressVerdict.Invalid:
                        return ReadRefusals.StoreInvalid("its JSON has another form");
                }

                read.Record.ResultSeries = items;
                AnswerRelay.SetHead(read.Http.Response, "application/json");
                await body.WriteToAsync(read);
                return null;
            }

            return await ReadAnswers.EmptyAsync(read);
        }
    }

    /// <summary>The store gave data of others.</summary>
    public Refusal Violation(ReadContext read)
    {
        metrics.CountEgress(read.Scope.Store.Name, read.Route);
        ProofOf(read).TellViolation(read.Route);
        return ReadRefusals.Egress;
    }

    public void NoteAway(ReadContext read, Refusal? refusal)
    {
        if (refusal?.Reason == "store-unavailable")
        {
            ProofOf(read).NoteAway();
        }
    }
}
