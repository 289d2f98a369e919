namespace RemoteWriteGateway.Push.Storage;

/// <summary>Why a push is refused: the reason's id, and what goes behind it in the answer. The text may quote the caller's own bytes: never for a log.</summary>
internal sealed record PushRefusal(string Reason, string Text)
{
    /// <summary>Whether it is one of the stored limits, whose status is 429 unless the tenant says otherwise; else it is 400.</summary>
    public bool IsLimit { get; init; }
}

/// <summary>What became of a push or a deletion.</summary>
internal enum PushFate
{
    /// <summary>Committed.</summary>
    Stored,

    /// <summary>Refused for its content; nothing of it is stored, though the group may say that it failed.</summary>
    Refused,

    /// <summary>It was answered before, and this is that answer: nothing was done. With <see cref="PushOutcome.Refusal"/> it was a refusal.</summary>
    Replayed,

    /// <summary>503 <c>catalog-busy</c>: locks, conflicts or too many waiting; nothing is stored, the push can be repeated.</summary>
    Busy,

    /// <summary>503 <c>catalog-unavailable</c>: the database is away. Whether the push is stored is unknown if the connection was lost during the commit.</summary>
    Away,

    /// <summary>503 <c>payload-unreadable</c>: it adds to what is stored of the group, which cannot be read; nothing is stored.</summary>
    Unreadable,
}

/// <summary>How a push ended.</summary>
internal sealed record PushOutcome(PushFate Fate)
{
    public static PushOutcome Stored { get; } = new(PushFate.Stored);

    public static PushOutcome Busy { get; } = new(PushFate.Busy);

    public static PushOutcome Away { get; } = new(PushFate.Away);

    public static PushOutcome Unreadable { get; } = new(PushFate.Unreadable);

    /// <summary>With <see cref="PushFate.Refused"/>, and with <see cref="PushFate.Replayed"/> if the answer was a refusal.</summary>
    public PushRefusal? Refusal { get; init; }

    public static PushOutcome Refused(PushRefusal refusal) => new(PushFate.Refused) { Refusal = refusal };
}

/// <summary>How a deletion ended.</summary>
/// <param name="Fate"><see cref="PushFate.Stored"/>, <see cref="PushFate.Busy"/> or <see cref="PushFate.Away"/>; of those two, groups before may have been deleted.</param>
/// <param name="Matched">Groups that were found.</param>
/// <param name="Deleted">Groups that were deleted by this call.</param>
internal sealed record DeleteOutcome(PushFate Fate, int Matched, int Deleted);
