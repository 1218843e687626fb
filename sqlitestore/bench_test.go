package sqlitestore

import (
	"encoding/binary"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/crankcase/crankcase/kernel"
)

// cpu returns the processor time of this process.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// hot and all are how many objects a benchmark changes, of how many there are.
const (
	hotRows = 500
	allRows = 100_000
	perTx   = 100
)

func benchStore(b *testing.B) *Store {
	s, err := Open(filepath.Join(b.TempDir(), "kernel.db"), &Options{Create: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	var writes []kernel.Write
	for i := range uint64(allRows) {
		writes = append(writes,
			kernel.Write{Table: kernel.TableObject, A: i << 2, Value: make([]byte, 24)},
			kernel.Write{Table: kernel.TableCList, A: i % 10, B: i << 2, C: (50 + i) << 4, Value: []byte{1}})
	}
	if err := s.Flush(writes, nil); err != nil {
		b.Fatal(err)
	}
	if err := s.Commit(); err != nil {
		b.Fatal(err)
	}
	return s
}

// crankWrites are the net writes of the n-th crank: counters, a queue entry
// that comes and one that goes, an object's counts.
func crankWrites(w []kernel.Write, n uint64, value []byte) []kernel.Write {
	binary.LittleEndian.PutUint64(value, n)
	object := n * 7 % hotRows << 2
	return append(w[:0],
		kernel.Write{Table: kernel.TableState, A: 1, Value: value},
		kernel.Write{Table: kernel.TableVatState, A: n % 10, Value: value},
		kernel.Write{Table: kernel.TableObject, A: object, Value: value},
		kernel.Write{Table: kernel.TablePromise, A: n%hotRows<<2 | 1, Value: value},
		kernel.Write{Table: kernel.TableQueue, A: 1, B: n, Value: value},
		kernel.Write{Table: kernel.TableQueue, A: 1, B: n - 10})
}

// BenchmarkCrank is a crank of reads, six writes, and what else is named; the
// transaction is committed each 100 cranks.
func BenchmarkCrank(b *testing.B) {
	for _, c := range []struct {
		name       string
		reads      int
		transcript bool
		clist      bool
	}{
		{"6-writes", 0, false, false},
		{"4-reads-6-writes", 4, false, false},
		{"6-writes-transcript", 0, true, false},
		{"6-writes-clist", 0, false, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := benchStore(b)
			var writes []kernel.Write
			var items []kernel.TranscriptItem
			value, data := make([]byte, 24), make([]byte, 300)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu(b)
			for i := range b.N {
				n := uint64(i) + 10
				for r := range c.reads {
					if _, _, err := s.Get(kernel.TableObject, (n*7+uint64(r))%hotRows<<2, 0); err != nil {
						b.Fatal(err)
					}
				}
				writes = crankWrites(writes, n, value)
				if c.clist { // an import comes, one changes its flag, one goes
					fresh := uint64(allRows) + n
					writes = append(writes,
						kernel.Write{Table: kernel.TableCList, A: n % 10, B: fresh << 2, C: (50 + fresh) << 4, Value: []byte{1}},
						kernel.Write{Table: kernel.TableCList, A: n % 10, B: (fresh - 10) << 2, C: (50 + fresh - 10) << 4, Value: []byte{0}},
						kernel.Write{Table: kernel.TableCList, A: n % 10, B: (fresh - 20) << 2})
				}
				items = items[:0]
				if c.transcript {
					items = append(items, kernel.TranscriptItem{Vat: kernel.VatID(n % 10), Position: n / 10, Data: data})
				}
				if err := s.Flush(writes, items); err != nil {
					b.Fatal(err)
				}
				if n%perTx == 0 {
					if err := s.Commit(); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/1e3, "us-cpu/crank")
		})
	}
}
