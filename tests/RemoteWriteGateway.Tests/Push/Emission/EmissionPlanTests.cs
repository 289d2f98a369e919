using System.Buffers.Binary;
using RemoteWriteGateway.Push;
using RemoteWriteGateway.Push.Emission;
using RemoteWriteGateway.Push.Storage;

namespace RemoteWriteGateway.Tests.Push.Emission;

public sealed class EmissionPlanTests
{
    private const long Now = 10_000_000;
    private const long Minute = 60_000;

    private static readonly EmissionPlan Plan = new(new PushOptions());

    /// <summary>Pushed at 9,999,000 for the first time, and nothing written yet.</summary>
    private static readonly EmissionRow New = new()
    {
        Tenant = "ours",
        Key = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        Generation = 1,
        PushMs = Now - 1000,
        ChangedMs = Now - 1000,
        DirtySinceMs = Now - 1000,
    };

    private static EmissionRow Written => New with { DirtySinceMs = null, WrittenGeneration = 1, LastSampleMs = Now - 1000, Emission = 1 };

    [Fact]
    public void A_change_is_written_at_the_time_of_the_change()
    {
        EmissionRow fixedRow = Plan.Fix(New, hasStarts: false, Now);

        Assert.Equal(
            (1L, EmissionStep.Value, 1L, Now - 1000, null, Now - 1000, 0L, Now - 1000),
            (fixedRow.Emission, fixedRow.InflightStep, fixedRow.InflightGeneration, fixedRow.InflightMs, fixedRow.InflightFloorMs, fixedRow.InflightPushMs, fixedRow.InflightFailMs, fixedRow.LastSampleMs));
    }

    [Fact]
    public void What_has_started_is_a_zero_first_one_millisecond_before_the_value()
    {
        EmissionRow zero = Plan.Fix(New with { LastSampleMs = Now - 5000 }, hasStarts: true, Now);

        Assert.Equal(
            (EmissionStep.Zero, Now - 1000, Now - 5000, Now - 1001),
            (zero.InflightStep, zero.InflightMs, zero.InflightFloorMs, zero.LastSampleMs));

        EmissionRow value = Plan.Acknowledge(zero, Now + 10);

        Assert.Equal(
            (EmissionStep.Value, 2L, Now - 1000, null, Now - 1000, 1L, null),
            (value.InflightStep, value.Emission, value.InflightMs, value.InflightFloorMs, value.LastSampleMs, value.ZeroedGeneration, value.WrittenGeneration));
    }

    // base is the change's time only if that is new and was not refused; whatever it is, it stands behind what was written.
    [Theory]
    [InlineData(Now - 1000, 0, 0L, Now - 1000)]
    [InlineData(Now - 1000, 0, Now - 1000, Now - 999)]
    [InlineData(Now - 1000, 0, Now + 300_000, Now + 300_001)]
    [InlineData(Now - (50 * Minute), 0, 0L, Now - (50 * Minute))]
    [InlineData(Now - (50 * Minute) - 1, 0, 0L, Now)]
    [InlineData(Now - 1000, 1, 0L, Now)]
    [InlineData(null, 0, Now - 1000, Now)]
    public void The_time_of_a_value(long? dirtySince, int attempts, long last, long expected)
    {
        EmissionRow row = New with { DirtySinceMs = dirtySince, ChangedMs = dirtySince ?? Now - 1000, Attempts = attempts, LastSampleMs = last };

        Assert.Equal(expected, Plan.Fix(row, hasStarts: false, Now).InflightMs);
    }

    [Theory]
    [InlineData(Now - 1000, Now - 999)]
    [InlineData(Now + 5000, Now + 5001)]
    public void A_zero_finds_its_place_behind_what_was_written(long last, long zero)
    {
        EmissionRow row = Plan.Fix(New with { LastSampleMs = last }, hasStarts: true, Now);

        Assert.Equal((zero + 1, zero), (row.InflightMs, row.LastSampleMs));
    }

    [Fact]
    public void What_is_under_way_stays_as_it_is()
    {
        EmissionRow sent = Plan.Fix(New, hasStarts: true, Now);
        EmissionRow pushedMeanwhile = sent with { Generation = 3, PushMs = Now + 500, ChangedMs = Now + 500, Labels = "{}" };

        Assert.Same(pushedMeanwhile, Plan.Fix(pushedMeanwhile, hasStarts: false, Now + (49 * Minute)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_under_way_for_too_long_is_fixed_anew_with_the_same_step_and_generation(bool isZero)
    {
        EmissionRow sent = Plan.Fix(New, isZero, Now);
        long later = Now + (120 * Minute);

        EmissionRow again = Plan.Fix(sent with { Generation = 2 }, hasStarts: true, later);

        Assert.Equal(
            (sent.Emission + 1, sent.InflightStep, 1L, later, isZero ? sent.LastSampleMs : null, isZero ? later - 1 : later),
            (again.Emission, again.InflightStep, again.InflightGeneration, again.InflightMs, again.InflightFloorMs, again.LastSampleMs));
    }

    [Fact]
    public void No_zero_follows_the_value_of_its_own_start()
    {
        // The value was refused: the next try is the value.
        EmissionRow value = Plan.Acknowledge(Plan.Fix(New, hasStarts: true, Now), Now);
        EmissionRow refused = Plan.Refuse(value, "store-refused", Now);

        Assert.Equal(EmissionStep.Value, Plan.Fix(refused, hasStarts: true, Now + Minute).InflightStep);

        // The value was written: refreshes are values.
        EmissionRow written = Plan.Acknowledge(value, Now);

        Assert.Equal(EmissionStep.Value, Plan.Fix(written, hasStarts: true, Now + Minute).InflightStep);

        // The zero was refused: it is skipped, once and for all.
        EmissionRow skipped = Plan.Refuse(Plan.Fix(New, hasStarts: true, Now), "store-refused", Now);

        Assert.Equal((EmissionStep.Value, 1L, Now - 1000), (skipped.InflightStep, skipped.ZeroedGeneration, skipped.InflightMs));
        Assert.Equal(EmissionStep.Value, Plan.Fix(Plan.Refuse(skipped, "store-refused", Now), hasStarts: true, Now + Minute).InflightStep);
    }

    [Fact]
    public void A_newer_start_has_its_own_zero()
    {
        EmissionRow written = Plan.Acknowledge(Plan.Acknowledge(Plan.Fix(New, hasStarts: true, Now), Now), Now);
        EmissionRow next = Plan.Fix(written with { Generation = 2, PushMs = Now + 9, ChangedMs = Now + 9, DirtySinceMs = Now + 9 }, hasStarts: true, Now + 10);

        Assert.Equal((EmissionStep.Zero, 2L, Now + 9, Now - 1000), (next.InflightStep, next.InflightGeneration, next.InflightMs, next.InflightFloorMs));
    }

    [Fact]
    public void A_written_value_rests_until_the_groups_refresh()
    {
        EmissionRow written = Plan.Acknowledge(Plan.Fix(New with { Attempts = 2, LastWriteError = "x" }, hasStarts: false, Now) with { LeaseOwner = "a", LeaseUntilMs = Now + 1 }, Now + 20);

        Assert.Equal(
            (1L, null, null, null, 0, null, Now + 20, null, 0L),
            (written.WrittenGeneration, written.InflightStep, written.InflightMs, written.DirtySinceMs, written.Attempts, written.LastWriteError, written.LastWriteMs, written.LeaseOwner, written.LeaseUntilMs));
        Assert.Equal(Plan.NextRefresh(New.Key, Now + 20), written.NextEmitMs);
    }

    [Theory]
    [InlineData(0UL, 60_000, 120_000)]
    [InlineData(1UL, 60_000, 60_001)]
    [InlineData(59_999UL, 60_000, 119_999)]
    [InlineData(60_001UL, 60_000, 60_001)]
    [InlineData(30_000UL, 90_000, 150_000)]
    [InlineData(30_000UL, 89_999, 90_000)]
    public void Refreshes_have_the_phase_of_the_key(ulong key, long now, long next)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, key);

        Assert.Equal(next, Plan.NextRefresh(bytes, now));
    }

    public static TheoryData<string> Moves => new("push", "failure", "generation", "delete", "expiry");

    [Theory]
    [MemberData(nameof(Moves))]
    public void What_changed_while_a_value_was_under_way_is_written_after_the_gap(string what)
    {
        EmissionRow sent = Plan.Fix(New, hasStarts: false, Now) with { ChangedMs = Now + 5 };
        EmissionRow moved = what switch
        {
            "push" => sent with { PushMs = Now + 5 },
            "failure" => sent with { FailMs = Now + 5 },
            "generation" => sent with { Generation = 2, PushMs = Now + 5 },
            "delete" => sent with { Generation = 2, State = GroupState.Deleted },
            _ => sent with { Generation = 2, State = GroupState.Expired },
        };

        EmissionRow written = Plan.Acknowledge(moved, Now + 20);

        Assert.Equal((1L, Now + 5, Now + 1020, null), (written.WrittenGeneration, written.DirtySinceMs, written.NextEmitMs, written.InflightStep));
    }

    [Fact]
    public void A_value_that_was_written_late_is_written_once_more_at_once_so_that_it_stands_now_too()
    {
        EmissionRow sent = Plan.Fix(New with { ChangedMs = Now - (10 * Minute), DirtySinceMs = Now - (10 * Minute) }, hasStarts: false, Now);

        EmissionRow written = Plan.Acknowledge(sent, Now + 20);
        EmissionRow refresh = Plan.Fix(written, hasStarts: false, Now + 30);

        Assert.Equal((Now - (10 * Minute), Now + 20, null), (sent.InflightMs, written.NextEmitMs, written.DirtySinceMs));
        Assert.Equal((Now + 30, 1L), (refresh.InflightMs, refresh.InflightGeneration));
    }

    [Fact]
    public void A_deletion_is_written_as_an_end_and_then_the_group_rests_for_good()
    {
        EmissionRow deleted = Written with { State = GroupState.Deleted, Generation = 2, ChangedMs = Now, DirtySinceMs = Now };

        EmissionRow sent = Plan.Fix(deleted, hasStarts: false, Now);

        Assert.True(sent.EndsGroup);
        Assert.Equal((EmissionStep.Value, 2L, Now, null, null), (sent.InflightStep, sent.InflightGeneration, sent.InflightMs, sent.InflightPushMs, sent.InflightFailMs));

        EmissionRow written = Plan.Acknowledge(sent, Now + 1);
        EmissionRow refused = Plan.Refuse(sent, "store-refused", Now + 1);

        Assert.Equal((null, null, null, null), (written.WrittenGeneration, written.NextEmitMs, written.DirtySinceMs, written.InflightStep));
        Assert.Equal(written, refused);
    }

    [Fact]
    public void A_push_that_revives_a_group_while_its_end_is_under_way_is_written_next()
    {
        EmissionRow sent = Plan.Fix(Written with { State = GroupState.Deleted, Generation = 2, ChangedMs = Now, DirtySinceMs = Now }, hasStarts: false, Now);

        EmissionRow revived = sent with { State = GroupState.Live, Generation = 3, PushMs = Now + 1, ChangedMs = Now + 1 };
        EmissionRow written = Plan.Acknowledge(revived, Now + 2);
        EmissionRow next = Plan.Fix(written, hasStarts: true, Now + 1002);

        Assert.Equal((null, Now + 1, Now + 1002), (written.WrittenGeneration, written.DirtySinceMs, written.NextEmitMs));
        Assert.Equal((EmissionStep.Zero, 3L, Now + 2), (next.InflightStep, next.InflightGeneration, next.InflightMs));
        Assert.True(sent.EndsGroup && revived.EndsGroup && !next.EndsGroup);
    }

    [Fact]
    public void A_refused_value_waits_for_the_refresh_and_is_tried_at_that_time()
    {
        EmissionRow sent = Plan.Fix(New, hasStarts: false, Now) with { LeaseOwner = "a", LeaseUntilMs = Now + 1 };

        EmissionRow refused = Plan.Refuse(sent, "store-refused: out of bounds", Now + 20);
        EmissionRow again = Plan.Fix(refused, hasStarts: false, Now + Minute);

        Assert.Equal(
            ("store-refused: out of bounds", 1, null, Now - 1000, Plan.NextRefresh(New.Key, Now + 20), null, null),
            (refused.LastWriteError, refused.Attempts, refused.InflightStep, refused.DirtySinceMs, refused.NextEmitMs, refused.WrittenGeneration, refused.LeaseOwner));
        Assert.Equal(Now + Minute, again.InflightMs);
    }

    [Fact]
    public void A_refused_value_that_a_newer_push_has_overtaken_waits_only_for_the_gap()
    {
        EmissionRow sent = Plan.Fix(New, hasStarts: false, Now) with { Generation = 2 };

        Assert.Equal(Now + 1020, Plan.Refuse(sent, "store-refused", Now + 20).NextEmitMs);
    }

    [Fact]
    public void A_refresh_that_is_refused_leaves_the_group_unwritten()
    {
        EmissionRow refused = Plan.Refuse(Plan.Fix(Written, hasStarts: false, Now), "store-refused", Now);

        Assert.Equal(Written.ChangedMs, refused.DirtySinceMs);
    }

    [Fact]
    public void What_is_given_back_keeps_what_was_under_way()
    {
        EmissionRow sent = Plan.Fix(New, hasStarts: true, Now);

        Assert.Equal(sent, EmissionPlan.Release(sent with { LeaseOwner = "a", LeaseUntilMs = Now + 1 }));
    }

    // Whatever the clock, the pushes and the store do: times rise, and a zero stands between what was and its value.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Times_of_a_group_strictly_rise_whatever_happens(int seed)
    {
        Random random = new(seed);
        EmissionRow row = New with { LastSampleMs = 0, Generation = 0, DirtySinceMs = null };
        long now = Now;
        long newest = 0;
        long openZero = 0;
        for (int i = 0; i < 5000; i++)
        {
            // A clock that runs, jumps, and steps back.
            now += random.Next(10) switch { 0 => -10_000, 1 => 2 * 3600_000, _ => random.Next(2000) };
            row = random.Next(6) switch
            {
                0 => row with { Generation = row.Generation + 1, State = GroupState.Live, PushMs = now, ChangedMs = now, DirtySinceMs = row.DirtySinceMs ?? now },
                1 => row with { Generation = row.Generation + 1, State = GroupState.Deleted, ChangedMs = now, DirtySinceMs = row.DirtySinceMs ?? now },
                2 => row with { FailMs = now, ChangedMs = now, DirtySinceMs = row.DirtySinceMs ?? now },
                _ => row,
            };
            EmissionRow sent = Plan.Fix(row, random.Next(2) == 0, now);
            if (sent.Emission != row.Emission)
            {
                long first = sent.InflightStep == EmissionStep.Zero ? sent.InflightFloorMs!.Value + 1 : sent.InflightMs!.Value;
                Assert.True(first > newest, $"{sent.InflightStep} at {first} after {newest}");
                newest = sent.LastSampleMs;
                openZero = sent.InflightStep == EmissionStep.Zero ? sent.InflightMs!.Value : 0;
            }

            row = random.Next(4) switch { 0 => EmissionPlan.Release(sent), 1 => Plan.Refuse(sent, "no", now), _ => Plan.Acknowledge(sent, now) };
            if (row.InflightStep == EmissionStep.Value && sent.InflightStep == EmissionStep.Zero)
            {
                Assert.Equal(openZero, row.InflightMs);
                Assert.True(row.InflightMs > newest);
                newest = row.LastSampleMs;
            }
        }
    }
}
