// Package observe counts what a registry does, in Prometheus' text form, and
// writes a line for each request.
package observe

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Metrics are the counters of one process.
type Metrics struct {
	inFlight       atomic.Int64
	received, sent atomic.Int64

	mu       sync.Mutex
	requests map[request]*latency
	counters map[string]*counter
}

// request is what requests are counted by.
type request struct {
	kind, method string
	status       int
}

// latency is a histogram of how long requests took.
type latency struct {
	buckets [8]int64 // of bounds, each without those below
	count   int64
	sum     time.Duration
}

// bounds are the upper ends of the buckets, in seconds.
func bounds() [8]float64 { return [...]float64{0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60} }

// counter is one that somebody else counts.
type counter struct {
	help  string
	value float64
	gauge bool
	read  func() float64 // nil: value
}

// New returns counters that stand at nothing.
func New() *Metrics {
	return &Metrics{requests: map[request]*latency{}, counters: map[string]*counter{}}
}

// Add adds to a counter, which is there from the first time.
func (m *Metrics) Add(name, help string, n float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counters[name]
	if c == nil {
		c = &counter{help: help}
		m.counters[name] = c
	}
	c.value += n
}

// Gauge has a value read whenever somebody asks.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counters[name] = &counter{help: help, gauge: true, read: read}
}

func (m *Metrics) observe(r request, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.requests[r]
	if l == nil {
		l = &latency{}
		m.requests[r] = l
	}
	l.count++
	l.sum += took
	for i, b := range bounds() {
		if took.Seconds() <= b {
			l.buckets[i]++
			break
		}
	}
}

// WriteTo writes everything in Prometheus' text form, in the same order each time.
func (m *Metrics) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	m.plain(&b, "berth_registry_requests_in_flight", "gauge", "Requests that are being answered.", float64(m.inFlight.Load()))
	m.plain(&b, "berth_registry_received_bytes_total", "counter", "Bytes of bodies that came.", float64(m.received.Load()))
	m.plain(&b, "berth_registry_sent_bytes_total", "counter", "Bytes of bodies that went.", float64(m.sent.Load()))
	m.mu.Lock()
	m.histogram(&b)
	names := make([]string, 0, len(m.counters))
	for name := range m.counters {
		names = append(names, name)
	}
	slices.Sort(names)
	others := make([]counter, len(names))
	for i, name := range names {
		others[i] = *m.counters[name]
	}
	m.mu.Unlock()
	for i, c := range others {
		kind := "counter"
		if c.gauge {
			kind = "gauge"
		}
		if c.read != nil {
			c.value = c.read()
		}
		m.plain(&b, names[i], kind, c.help, c.value)
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (m *Metrics) plain(b *strings.Builder, name, kind, help string, value float64) {
	fmt.Fprintf(b, "# HELP %[1]s %[2]s\n# TYPE %[1]s %[3]s\n%[1]s %[4]s\n", name, help, kind, number(value))
}

func (m *Metrics) histogram(b *strings.Builder) {
	const name = "berth_registry_request_duration_seconds"
	fmt.Fprintf(b, "# HELP %[1]s How long requests took.\n# TYPE %[1]s histogram\n", name)
	keys := make([]request, 0, len(m.requests))
	for r := range m.requests {
		keys = append(keys, r)
	}
	slices.SortFunc(keys, func(a, b request) int { return strings.Compare(a.labels(), b.labels()) })
	for _, r := range keys {
		l, below := m.requests[r], int64(0)
		for i, bound := range bounds() {
			below += l.buckets[i]
			fmt.Fprintf(b, "%s_bucket{%s,le=\"%s\"} %d\n", name, r.labels(), number(bound), below)
		}
		fmt.Fprintf(b, "%[1]s_bucket{%[2]s,le=\"+Inf\"} %[3]d\n%[1]s_sum{%[2]s} %[4]s\n%[1]s_count{%[2]s} %[3]d\n", name, r.labels(), l.count, number(l.sum.Seconds()))
	}
}

func (r request) labels() string {
	return fmt.Sprintf("kind=%q,method=%q,code=\"%d\"", r.kind, r.method, r.status)
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
