using System.Text;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;

namespace RemoteWriteGateway.Protocol.Tests.Exposition;

/// <summary>Labels of a body that only the gateway may set, before anything is stored.</summary>
public sealed class StampedLabelsTests
{
    private static readonly StampOptions Stamp = new() { TenantLabel = "tenant", TenantValue = "ours", ReservedLabels = ["cluster"] };

    [Fact]
    public void The_tenant_label_and_reserved_ones_leave() =>
        Assert.Equal("{zone=x}", Labels(Stamp, "m{tenant=\"theirs\",cluster=\"c\",vm_account_id=\"7\",zone=\"x\"} 1\n"));

    [Fact]
    public void A_store_whose_names_ignore_case_loses_every_spelling() =>
        Assert.Equal("{Cluster=c}", Labels(Stamp with { TenantLabelIgnoresCase = true }, "m{Tenant=\"theirs\",Cluster=\"c\"} 1\n"));

    [Fact]
    public void A_writers_tenant_may_be_kept_under_a_name_that_is_free()
    {
        StampOptions keep = Stamp with { KeepWriterTenant = true };

        Assert.Equal("{exported_tenant=theirs}", Labels(keep, "m{tenant=\"theirs\"} 1\n"));
        Assert.Equal("{exported_exported_tenant=theirs,exported_tenant=x}", Labels(keep, "m{tenant=\"theirs\",exported_tenant=\"x\"} 1\n"));
        Assert.Equal("{}", Labels(keep, "m{tenant=\"\"} 1\n"));
    }

    /// <summary>They would be one series at the store, and which of the two values it kept would be chance.</summary>
    [Fact]
    public void Metrics_that_differ_by_such_labels_only_are_one_series()
    {
        const string Body = "m{tenant=\"x\"} 1\nm{cluster=\"y\"} 2\n";
        Assert.Equal("series-duplicate: line 2: m is in the push twice, first in line 1", Fault(Stamp, Body));
        Assert.Equal("none", Fault(Stamp with { KeepWriterTenant = true }, Body));
        Assert.Equal(
            "series-duplicate: line 2: m{exported_tenant=\"x\"} is in the push twice, first in line 1",
            Fault(Stamp with { KeepWriterTenant = true }, "m{tenant=\"x\"} 1\nm{exported_tenant=\"x\"} 2\n"));
    }

    [Fact]
    public void Such_a_label_may_refuse_the_push() =>
        Assert.Equal(
            "reserved-label: line 2: label tenant is set by the gateway; leave it out", Fault(Stamp with { RefuseReservedLabels = true }, "m 1\nn{tenant=\"x\"} 1\n"));

    private static string Labels(StampOptions stamp, string body)
    {
        MetricFamilies families = Pushed.Read(Encoding.UTF8.GetBytes(body), ExpositionFormat.Text, new ExpositionOptions { Limits = stamp });
        SeriesLabels labels = new();
        labels.Merge(families, families.Metrics[0], GroupingLabels.Empty);
        return $"{{{string.Join(',', Enumerable.Range(0, labels.Count).Select(i => $"{Encoding.UTF8.GetString(labels.Name(i))}={Encoding.UTF8.GetString(labels.Value(i))}"))}}}";
    }

    private static string Fault(StampOptions stamp, string body) =>
        Pushed.Fault(Encoding.UTF8.GetBytes(body), ExpositionFormat.Text, new ExpositionOptions { Limits = stamp });
}
