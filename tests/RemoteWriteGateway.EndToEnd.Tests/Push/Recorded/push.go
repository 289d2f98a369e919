// Pushes, adds and deletes with client_golang, for record.py: push URL
package main

import (
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	"github.com/prometheus/common/expfmt"
)

const token = "Bearer recorded-token"

// withToken is a client of one's own that adds the token, the other way beside Header.
type withToken struct{}

func (withToken) Do(request *http.Request) (*http.Response, error) {
	request.Header.Set("Authorization", token)
	return http.DefaultClient.Do(request)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// filled is a registry with a metric of every kind.
func filled() *prometheus.Registry {
	runs := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "runs_total", Help: "Runs, \"quoted\" \\ and\nof two lines."}, []string{"kind"})
	runs.WithLabelValues("full").(prometheus.ExemplarAdder).AddWithExemplar(5, prometheus.Labels{"trace_id": "7f3a"})
	runs.WithLabelValues("naïve \"😂\" \\ \n").Add(0.25)
	rows := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "db", Name: "rows", Help: "Rows.", ConstLabels: prometheus.Labels{"table": "a"}})
	rows.Set(1234567)
	left := prometheus.NewUntypedFunc(prometheus.UntypedOpts{Name: "left"}, func() float64 { return -0.00001 })
	took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", Help: "Time.", Buckets: []float64{0.5, 1, 10}})
	native := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "native_seconds", Help: "Time.", NativeHistogramBucketFactor: 1.1})
	both := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "both_seconds", Help: "Time.", Buckets: []float64{0.5, 1}, NativeHistogramBucketFactor: 2})
	for _, histogram := range []prometheus.Histogram{took, native, both} {
		histogram.Observe(0)
		histogram.Observe(-3)
		histogram.Observe(0.7)
		histogram.(prometheus.ExemplarObserver).ObserveWithExemplar(42, prometheus.Labels{"trace_id": "9c01"})
	}
	untouched := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "untouched_seconds", Help: "Time.", NativeHistogramBucketFactor: 1.1})
	size := prometheus.NewSummary(prometheus.SummaryOpts{Name: "size_bytes", Help: "Size.", Objectives: map[float64]float64{0.5: 0.05, 0.99: 0.001}})
	size.Observe(1.5)
	size.Observe(3)
	empty := prometheus.NewSummary(prometheus.SummaryOpts{Name: "empty_bytes", Help: "Size.", Objectives: map[float64]float64{0.5: 0.05}})
	registry := prometheus.NewRegistry()
	registry.MustRegister(runs, rows, left, took, native, both, untouched, size, empty)
	return registry
}

// stamped is a metric with a time of its own, which no Pushgateway takes.
type stamped struct{ description *prometheus.Desc }

func (s stamped) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- s.description }

func (s stamped) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.NewMetricWithTimestamp(time.Now(), prometheus.MustNewConstMetric(s.description, prometheus.GaugeValue, 1))
}

func main() {
	url := os.Args[1]
	again := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "db", Name: "rows", Help: "Rows."})

	// Header gives its map away: a pusher writes its media type into it.
	withHeader := func(to *push.Pusher) *push.Pusher { return to.Header(http.Header{"Authorization": {token}}) }
	plain := func() *push.Pusher {
		return withHeader(push.New(url, "every kind").Grouping("path", "/var/tmp").Grouping("zone", "").Grouping("team", "naïve 😂").Grouping("rate", "a+b 50%"))
	}
	check(plain().Gatherer(filled()).Push())
	check(plain().Collector(again).Add())
	check(plain().Push())
	check(plain().Add())
	check(plain().Delete())

	prefixed := func() *push.Pusher { return push.New(url+"/tenants/pusher/replace/", "orders/eu").Client(withToken{}) }
	check(prefixed().Gatherer(filled()).Push())
	check(prefixed().Collector(again).Add())
	check(prefixed().Delete())

	check(withHeader(push.New(url, "time of its own")).Collector(stamped{prometheus.NewDesc("stamped", "One.", nil, nil)}).Push())

	openMetrics001, err := expfmt.NewOpenMetricsFormat(expfmt.OpenMetricsVersion_0_0_1)
	check(err)
	for _, format := range []expfmt.Format{
		expfmt.NewFormat(expfmt.TypeTextPlain), expfmt.NewFormat(expfmt.TypeOpenMetrics), openMetrics001,
		expfmt.NewFormat(expfmt.TypeProtoText), expfmt.NewFormat(expfmt.TypeProtoCompact),
	} {
		// One pusher for both, so that what it deletes with names the media type of what it pushed.
		pusher := withHeader(push.New(url, "format")).Format(format).Gatherer(filled())
		check(pusher.Push())
		check(pusher.Delete())
	}
	// Nothing that text 0.0.4 has not, but for the end that a pusher leaves out.
	check(withHeader(push.New(url, "format")).Format(expfmt.NewFormat(expfmt.TypeOpenMetrics)).Collector(again).Push())
}
