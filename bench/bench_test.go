package bench_test

import (
	"testing"

	"github.com/crankcase/crankcase/bench"
)

// BenchmarkDelivery prints what a delivery costs beside its floor. One
// iteration is enough: go test ./bench -bench Delivery -benchtime 1x.
func BenchmarkDelivery(b *testing.B) {
	for _, engine := range []string{"wazero"} {
		b.Run(engine, func(b *testing.B) {
			for range b.N {
				r, err := bench.Exchange(bench.Config{Folder: "../examples/exchange", Dir: b.TempDir(), Orders: 3000, CommitEvery: 500, Engine: engine, Rounds: 3})
				if err != nil {
					b.Fatal(err)
				}
				b.Logf("\n%s", r)
				c, g := r.Row("C"), r.Row("Go")
				b.ReportMetric(c.Kernel, "C-us/delivery")
				b.ReportMetric(c.Kernel/c.Floor, "C-kernel/floor")
				b.ReportMetric(g.Kernel-g.Guest, "Go-us-over-guest")
				b.ReportMetric(g.Kernel/g.Floor, "Go-kernel/floor")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// TestFloorIsTheSameWork checks the measuring itself: both runs make the same
// deliveries, and the kernel's includes the floor's work.
func TestFloorIsTheSameWork(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a Go guest")
	}
	r, err := bench.Exchange(bench.Config{Folder: "../examples/exchange", Dir: t.TempDir(), Orders: 100, CommitEvery: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"exchange", "issuer", "alice", "C", "Go", "all"} {
		x := r.Row(name)
		if x.Deliveries == 0 || x.Kernel <= 0 || x.Floor <= 0 || x.Wasm <= 0 || x.Wasm > x.Floor {
			t.Errorf("%s: %+v", name, x)
		}
	}
	if r.Writes < 1 {
		t.Errorf("%.2f rows a delivery; its transcript item alone is one", r.Writes)
	}
}
