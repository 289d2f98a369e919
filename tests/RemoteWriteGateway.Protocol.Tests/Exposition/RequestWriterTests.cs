using Google.Protobuf;
using RemoteWriteGateway.Protocol.Exposition;
using RemoteWriteGateway.Protocol.RemoteWrite;
using ClientModel = RemoteWriteGateway.Protocol.Messages.Client;
using V2 = RemoteWriteGateway.Protocol.Messages.V2;

namespace RemoteWriteGateway.Protocol.Tests.Exposition;

public sealed class RequestWriterTests
{
    private readonly RequestWriter _writer = new();

    [Fact]
    public void A_text_is_one_symbol_however_often_it_stands_and_the_first_one_is_empty()
    {
        uint a = _writer.Symbol("a"u8);
        uint b = _writer.Symbol("b"u8);

        Assert.Equal((a, b, 0u), (_writer.Symbol("a"u8), _writer.Symbol("b"u8), _writer.Symbol(""u8)));
        Assert.Equal(["", "a", "b"], Written().Symbols);
    }

    [Fact]
    public void A_series_has_its_labels_items_and_metadata()
    {
        uint[] labels = [_writer.Symbol("__name__"u8), _writer.Symbol("up"u8), _writer.Symbol("job"u8), _writer.Symbol("a"u8)];
        _writer.BeginSeries(labels);
        _writer.AddSample(BitConverter.DoubleToUInt64Bits(1.5), 1000, 500);
        _writer.AddExemplar(labels.AsSpan(2), BitConverter.DoubleToUInt64Bits(2), 900);
        _writer.EndSeries(SeriesType.Counter, _writer.Symbol("Help."u8), 0);

        V2.Request expected = new()
        {
            Symbols = { "", "__name__", "up", "job", "a", "Help." },
            Timeseries =
            {
                new V2.TimeSeries
                {
                    LabelsRefs = { 1, 2, 3, 4 },
                    Samples = { new V2.Sample { Value = 1.5, Timestamp = 1000, StartTimestamp = 500 } },
                    Exemplars = { new V2.Exemplar { LabelsRefs = { 3, 4 }, Value = 2, Timestamp = 900 } },
                    Metadata = new V2.Metadata { Type = V2.Metadata.Types.MetricType.Counter, HelpRef = 5 },
                },
            },
        };
        Assert.Equal(new ItemCounts(1, 0, 1), _writer.Items);
        Assert.Equal(expected, Written());
        Assert.InRange(_writer.Length, expected.CalculateSize(), expected.CalculateSize() + 16);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_native_histogram_keeps_every_number_of_the_push(bool isFloat)
    {
        ClientModel.Histogram pushed = new()
        {
            SampleSum = -4.5,
            Schema = -3,
            ZeroThreshold = 0.25,
            NegativeSpan = { new ClientModel.BucketSpan { Offset = -2, Length = 1 }, new ClientModel.BucketSpan { Offset = 3, Length = 1 } },
            PositiveSpan = { new ClientModel.BucketSpan { Offset = 1, Length = 2 } },
        };
        V2.Histogram expected = new()
        {
            Sum = -4.5,
            Schema = -3,
            ZeroThreshold = 0.25,
            NegativeSpans = { new V2.BucketSpan { Offset = -2, Length = 1 }, new V2.BucketSpan { Offset = 3, Length = 1 } },
            PositiveSpans = { new V2.BucketSpan { Offset = 1, Length = 2 } },
            ResetHint = V2.Histogram.Types.ResetHint.Gauge,
            Timestamp = 2000,
            StartTimestamp = 1000,
        };
        if (isFloat)
        {
            (pushed.SampleCountFloat, pushed.ZeroCountFloat, expected.CountFloat, expected.ZeroCountFloat) = (9.5, 0.5, 9.5, 0.5);
            pushed.NegativeCount.Add([1.5, 2]);
            pushed.PositiveCount.Add([2.5, 3]);
            expected.NegativeCounts.Add([1.5, 2]);
            expected.PositiveCounts.Add([2.5, 3]);
        }
        else
        {
            (pushed.SampleCount, pushed.ZeroCount, expected.CountInt, expected.ZeroCountInt) = (9, 1, 9, 1);
            pushed.NegativeDelta.Add([2, -1]);
            pushed.PositiveDelta.Add([3, -1]);
            expected.NegativeDeltas.Add([2, -1]);
            expected.PositiveDeltas.Add([3, -1]);
        }

        NativeHistogram histogram = new();
        histogram.Read(pushed.ToByteArray());
        _writer.BeginSeries([_writer.Symbol("__name__"u8), _writer.Symbol("h"u8)]);
        _writer.AddHistogram(histogram, isEmpty: false, isGauge: true, 2000, 1000);
        _writer.AddHistogram(histogram, isEmpty: true, isGauge: false, 1999, 0);
        _writer.AddStaleHistogram(2001);
        _writer.EndSeries(SeriesType.GaugeHistogram, 0, 0);

        V2.TimeSeries series = Assert.Single(Written().Timeseries);
        Assert.Equal(expected, series.Histograms[0]);
        V2.Histogram empty = series.Histograms[1];
        Assert.Equal((-3, 0.25, 0.0, 0, 1999L), (empty.Schema, empty.ZeroThreshold, empty.Sum, empty.PositiveSpans.Count, empty.Timestamp));
        Assert.Equal(isFloat ? V2.Histogram.CountOneofCase.CountFloat : V2.Histogram.CountOneofCase.CountInt, empty.CountCase);
        Assert.Equal(isFloat ? V2.Histogram.ZeroCountOneofCase.ZeroCountFloat : V2.Histogram.ZeroCountOneofCase.ZeroCountInt, empty.ZeroCountCase);
        Assert.Equal(0x7ff0_0000_0000_0002, BitConverter.DoubleToInt64Bits(series.Histograms[2].Sum));
        Assert.Equal(new ItemCounts(0, 3, 0), _writer.Items);
    }

    [Fact]
    public void What_is_cleared_is_gone()
    {
        _writer.BeginSeries([_writer.Symbol("__name__"u8), _writer.Symbol("secret"u8)]);
        _writer.AddStaleSample(1);
        _writer.EndSeries(SeriesType.Gauge, 0, 0);

        _writer.Clear();

        Assert.Equal(default, _writer.Items);
        Assert.Equal(new V2.Request { Symbols = { "" } }, Written());
    }

    private V2.Request Written()
    {
        WriteBuffer output = new();
        _writer.WriteTo(output);
        return V2.Request.Parser.ParseFrom(output.Span);
    }
}
