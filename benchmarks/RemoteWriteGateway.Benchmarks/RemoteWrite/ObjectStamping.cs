using Google.Protobuf;
using RemoteWriteGateway.Protocol.RemoteWrite;
using V1 = RemoteWriteGateway.Protocol.Messages.V1;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Benchmarks.RemoteWrite;

/// <summary>The obvious implementation: parse into objects, put the label on each series, write the objects. It validates nothing.</summary>
internal static class ObjectStamping
{
    public static byte[] Stamp(WriteProtocol protocol, byte[] message, StampOptions options) =>
        protocol == WriteProtocol.V1 ? StampV1(message, options) : StampV2(message, options);

    private static byte[] StampV1(byte[] message, StampOptions options)
    {
        V1.WriteRequest request = V1.WriteRequest.Parser.ParseFrom(message);
        foreach (V1.TimeSeries series in request.Timeseries)
        {
            int place = 0;
            while (place < series.Labels.Count && string.CompareOrdinal(series.Labels[place].Name, options.TenantLabel) < 0)
            {
                place++;
            }

            series.Labels.Insert(place, new V1.Label { Name = options.TenantLabel, Value = options.TenantValue });
        }

        request.Metadata.Clear();
        return request.ToByteArray();
    }

    private static byte[] StampV2(byte[] message, StampOptions options)
    {
        V2.Request request = V2.Request.Parser.ParseFrom(message);
        uint name = (uint)request.Symbols.Count;
        request.Symbols.Add([options.TenantLabel, options.TenantValue]);
        foreach (V2.TimeSeries series in request.Timeseries)
        {
            int place = 0;
            while (place < series.LabelsRefs.Count && string.CompareOrdinal(request.Symbols[(int)series.LabelsRefs[place]], options.TenantLabel) < 0)
            {
                place += 2;
            }

            series.LabelsRefs.Insert(place, name);
            series.LabelsRefs.Insert(place + 1, name + 1);
        }

        return request.ToByteArray();
    }
}
