using RemoteWriteGateway.Http;
using RemoteWriteGateway.Push;

namespace RemoteWriteGateway.Tests.Push;

/// <summary>What a raw target means: which route, and which group.</summary>
public sealed class PushPathTests
{
    [Theory]
    [InlineData("/metrics/job/nightly", "job=nightly")]
    [InlineData("/metrics/job/nightly/", "job=nightly")]
    [InlineData("/metrics/job/nightly?x=/../", "job=nightly")]
    [InlineData("http://gateway:8080/metrics/job/nightly", "job=nightly")]
    [InlineData("/metrics/job/a/instance/b", "job=a,instance=b")]
    [InlineData("/metrics/job/a/instance/", "job=a,instance=")]
    [InlineData("/metrics/job/a/instance@base64/=", "job=a,instance=")]
    [InlineData("/metrics/job/a/instance@base64/%3D", "job=a,instance=")]
    [InlineData("/metrics/job/a%2Fb", "job=a/b")]
    [InlineData("/metrics/job/a%252Fb", "job=a%2Fb")]
    [InlineData("/metrics/job/a+b", "job=a+b")]
    [InlineData("/metrics/job/a%20b", "job=a b")]
    [InlineData("/metrics/job/a%2Bb", "job=a+b")]
    [InlineData("/metrics/job/%C3%A9", "job=é")]
    [InlineData("/metrics/job@base64/YS9i", "job=a/b")]
    [InlineData("/metrics/job@base64/YQ", "job=a")]
    [InlineData("/metrics/job@base64/YQ==", "job=a")]
    [InlineData("/metrics/job@base64/YQ%3D%3D", "job=a")]
    [InlineData("/metrics/job@base64/YQ=", "job=a")]
    [InlineData("/metrics/job@base64/YQ=====", "job=a")]
    [InlineData("/metrics/job@base64/YR", "job=a")] // spare bits are not zero
    [InlineData("/metrics/job@base64/8J-Ygg", "job=😂")]
    [InlineData("/metrics/job%40base64/YQ", "job=a")]
    [InlineData("/metrics/job/a/x/1/x/2", "job=a,x=2")]
    [InlineData("/metrics/job/a/job/b", "job=a")]
    [InlineData("/metrics/job/a/path@base64/Li4", "job=a,path=..")]
    [InlineData("/metrics/job/...", "job=...")]
    [InlineData("/metrics/%6Aob/a", "job=a")]
    [InlineData("/%6Detrics/job/a", "job=a")]
    public void A_path_names_the_labels_of_a_group(string target, string labels) => Assert.Equal(labels, Read(target));

    [Theory]
    [InlineData("/metrics/job//instance/x", "path-empty-segment")]
    [InlineData("//metrics/job/a", "path-empty-segment")]
    [InlineData("/metrics//job/a", "path-empty-segment")]
    [InlineData("/tenants/red//metrics/job/a", "path-empty-segment")]
    [InlineData("/metrics/job/a//x/y", "path-empty-segment")]
    [InlineData("/metrics/job/a/x//y/z", "path-empty-segment")]
    [InlineData("/metrics/job/a//", "path-empty-segment")]
    [InlineData("/metrics/job/./x/y", "path-dot-segment")]
    [InlineData("/metrics/job/a/x/..", "path-dot-segment")]
    [InlineData("/metrics/job/a/%2e%2E/x", "path-dot-segment")]
    [InlineData("/./metrics/job/a", "path-dot-segment")]
    [InlineData("/x/../metrics/job/a", "path-dot-segment")]
    [InlineData("/metrics/job/a/../../../api/v1/query", "path-dot-segment")]
    [InlineData("/metrics/job/a/x", "path-odd-segments")]
    [InlineData("/metrics/job/a/x/y/", "path-odd-segments")]
    [InlineData("/metrics/job/a/x/y/z", "path-odd-segments")]
    [InlineData("/metrics/job/%FF", "path-bad-encoding")]
    [InlineData("/metrics/job/a%00b", "path-bad-encoding")]
    [InlineData("/metrics/job/a%", "path-bad-encoding")]
    [InlineData("/metrics/job/a%4", "path-bad-encoding")]
    [InlineData("/metrics/job/a%zz", "path-bad-encoding")]
    [InlineData("/metrics/job/%C3", "path-bad-encoding")]
    [InlineData("/metrics/job/%ED%A0%80", "path-bad-encoding")]
    [InlineData("/metrics/job@base64/Y", "path-bad-base64")]
    [InlineData("/metrics/job@base64/YS+i", "path-bad-base64")]
    [InlineData("/metrics/job@base64/YS%2Fi", "path-bad-base64")]
    [InlineData("/metrics/job@base64/YS=i", "path-bad-base64")]
    [InlineData("/metrics/job@base64/%20YQ", "path-bad-base64")]
    [InlineData("/metrics/job@base64/_w", "path-bad-base64")] // the byte FF
    [InlineData("/metrics/job@base64/AA", "path-bad-base64")] // U+0000
    [InlineData("/metrics/job@base64/=", "path-missing-job")]
    [InlineData("/metrics/job@base64/=/x/y", "path-missing-job")]
    [InlineData("/metrics/job/a/7x/y", "path-bad-label-name")]
    [InlineData("/metrics/job/a/x-y/z", "path-bad-label-name")]
    [InlineData("/metrics/job/a/__x/y", "path-bad-label-name")]
    [InlineData("/metrics/job/a/__name__/y", "path-bad-label-name")]
    [InlineData("/metrics/job/a/%C3%A9/y", "path-bad-label-name")]
    [InlineData("/metrics/job/a/@base64/y", "path-bad-label-name")]
    [InlineData("/metrics/job/a/job@BASE64/YQ", "path-bad-label-name")]
    [InlineData("/metrics/job/a/b1/c/b2/c/b3/c", "too-many-grouping-labels")]
    public void A_path_that_can_be_read_in_two_ways_or_none_is_refused(string target, string reason) => Assert.Equal(reason, Read(target));

    [Theory]
    [InlineData("/metrics/job/a/x-y/z", "job=a,x-y=z")]
    [InlineData("/metrics/job/a/%C3%A9/y", "job=a,é=y")]
    [InlineData("/metrics/job/a/U__x_2D_y/z", "job=a,x-y=z")]
    [InlineData("/metrics/job/a/U__x__y/z", "job=a,x_y=z")]
    [InlineData("/metrics/job/a/U__x_1F602_@base64/eg", "job=a,x😂=z")]
    [InlineData("/metrics/job/a/U__x_2D/z", "job=a,U__x_2D=z")] // no closing underscore: as it is
    [InlineData("/metrics/job/a/U__x_zz_/z", "job=a,U__x_zz_=z")]
    [InlineData("/metrics/job/a/U__x_1234567_/z", "job=a,U__x_1234567_=z")]
    [InlineData("/metrics/job/a/U__x_D800_/z", "job=a,U__x_D800_=z")]
    [InlineData("/metrics/job/a/U___5F__5F_name/z", "path-bad-label-name")] // it begins with two underscores once it is read
    public void With_utf8_names_any_name_goes_and_escaped_ones_are_read(string target, string expected) => Assert.Equal(expected, Read(target, utf8Names: true));

    [Fact]
    public void A_path_of_8_KiB_is_read_and_a_longer_one_is_not()
    {
        string target = "/metrics/job/" + new string('a', PushPath.MaxPathBytes - "/metrics/job/".Length);

        Assert.StartsWith("job=aaa", Read(target), StringComparison.Ordinal);
        Assert.Equal("path-too-long", Read(target + "a"));
    }

    [Theory]
    [InlineData("/metrics/job")]
    [InlineData("/metrics/job/")]
    [InlineData("/metrics/job@base64")]
    [InlineData("/metrics/job@base64/")]
    [InlineData("/metrics/jobs/a")]
    [InlineData("/metrics/Job/a")]
    [InlineData("/metrics/")]
    [InlineData("/Metrics/job/a")]
    [InlineData("/metrics%2Fjob%2Fa")]
    [InlineData("/api/v1/metrics/")]
    [InlineData("/api/v1/query")]
    [InlineData("/api/v1/write")]
    [InlineData("/sum/replace/metrics/job/a")]
    [InlineData("/sum/tenants/red/metrics/job/a")]
    [InlineData("/-/healthy")]
    [InlineData("*")]
    [InlineData("")]
    public void Anything_else_is_not_ours(string target) => Assert.Null(PushTarget.TryRead(target));

    [Theory]
    [InlineData("/metrics/job/a", "Group", null, null)]
    [InlineData("/sum/metrics/job/a", "Group", null, "Sum")]
    [InlineData("/replace/metrics/job/a", "Group", null, "Replace")]
    [InlineData("/tenants/red/metrics/job/a", "Group", "red", null)]
    [InlineData("/tenants/red/sum/metrics/job/a", "Group", "red", "Sum")]
    [InlineData("/metrics", "Metrics", null, null)]
    [InlineData("/metrics?x=1", "Metrics", null, null)]
    [InlineData("/tenants/red/metrics", "Metrics", "red", null)]
    [InlineData("/tenants/metrics/metrics", "Metrics", "metrics", null)]
    [InlineData("/tenants/red/sum/api/v1/metrics", "GroupsWithMetrics", "red", "Sum")]
    [InlineData("/api/v1/status", "Status", null, null)]
    [InlineData("/api/v1/groups", "Groups", null, null)]
    [InlineData("/replace/api/v1/admin/wipe", "Wipe", null, "Replace")]
    [InlineData("/sum/-/healthy", "Healthy", null, "Sum")]
    [InlineData("/tenants/red/-/ready", "Ready", "red", null)]
    [InlineData("/-/quit", "Quit", null, null)]
    [InlineData("/", "Page", null, null)]
    [InlineData("/status", "Page", null, null)]
    [InlineData("/tenants/red", "Page", "red", null)]
    [InlineData("/tenants/red/", "Page", "red", null)]
    public void Every_route_stands_under_every_base(string target, string area, string? tenant, string? mode)
    {
        PushTarget read = PushTarget.TryRead(target)!; // asserted below by its members

        Assert.Equal((area, tenant, mode), (read.Area.ToString(), read.Tenant, read.Mode?.ToString()));
    }

    [Theory]
    [InlineData("/api/v1/anything", true)]
    [InlineData("/tenants/red/api/v1/query", true)]
    [InlineData("/api/v1/write", false)]
    [InlineData("/tenants/red/api/v1/push", false)]
    [InlineData("/api/v1/receive", false)]
    [InlineData("/api/v2/x", false)]
    public void The_rest_of_the_api_is_ours_for_preflights_alone(string target, bool isOurs)
    {
        Assert.Null(PushTarget.TryRead(target));
        Assert.Equal(isOurs ? PushArea.Preflight : null, PushTarget.TryRead(target, isOptions: true)?.Area);
    }

    [Fact]
    public void A_random_target_is_a_group_or_a_refusal_and_never_an_exception()
    {
        string[] pieces = ["/", "//", "metrics", "job", "@base64", "%2F", "%", "%00", "%ff", ".", "..", "=", "+", "a", "é", "\u0001", "tenants", "sum", "?", "__", "U__", "_2D_", "\ud800"];
        Random random = new(5);
        for (int i = 0; i < 50_000; i++)
        {
            string target = "/metrics/job/" + string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => pieces[random.Next(pieces.Length)]));
            if (PushTarget.TryRead(target) is { Area: PushArea.Group } read)
            {
                Refusal? refusal = PushPath.TryRead(read, utf8Names: i % 2 == 0, 30, out PushPath? path);
                Assert.True(refusal is null != path is null, target);
                Assert.All(path?.Labels ?? [], label => Assert.False(label.Key.StartsWith("__", StringComparison.Ordinal) || label.Value.Contains('\0', StringComparison.Ordinal), target));
            }
        }
    }

    private static string Read(string target, bool utf8Names = false)
    {
        PushTarget? read = PushTarget.TryRead(target);
        Assert.True(read is { Area: PushArea.Group }, $"{target} is {read?.Area.ToString() ?? "not ours"}");
        return PushPath.TryRead(read!, utf8Names, maxLabels: 3, out PushPath? path) is { } refusal
            ? refusal.Reason
            : string.Join(',', path!.Labels.Select(label => $"{label.Key}={label.Value}")); // not null without a refusal
    }
}
