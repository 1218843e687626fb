package capdata

import (
	"runtime"
	"testing"
)

// sink keeps results alive, so that the compiler cannot drop what made them.
var sink []byte

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	d := body(`#["transfer",[{"amount":"+100","to":"$0.Alleged: purse"},"&1"]]`, 800, 962)
	b.ReportAllocs()
	for b.Loop() {
		sink = AppendMessage(sink[:0], Root, 978, d)
	}
	b.SetBytes(int64(len(sink)))
}

func BenchmarkAppendNotify(b *testing.B) {
	rs := make([]Resolution, 100)
	for i := range rs {
		rs[i] = Resolution{Promise: Import(Promise, uint64(60+i)), Data: body(`#"$0.Alleged: purse"`, 800)}
	}
	b.ReportAllocs()
	for b.Loop() {
		sink = AppendNotify(sink[:0], rs, false)
	}
	b.SetBytes(int64(len(sink)))
}

func BenchmarkAppendRefs(b *testing.B) {
	refs := make([]Vref, MaxRefs)
	b.ReportAllocs()
	for b.Loop() {
		sink = AppendRefs(sink[:0], refs)
	}
	b.SetBytes(int64(len(sink)))
}

func BenchmarkParseMessage(b *testing.B) {
	p := AppendMessage(nil, Root, 978, body(`#["transfer",[{"amount":"+100","to":"$0.Alleged: purse"},"&1"]]`, 800, 962))
	b.ReportAllocs()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if _, _, _, err := ParseMessage(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeCall(b *testing.B) {
	arg := map[string]any{"amount": 100.5, "to": Remotable[Vref]{Ref: 800, Iface: "Alleged: purse"}}
	b.ReportAllocs()
	for b.Loop() {
		d, err := EncodeCall[Vref]("transfer", arg, PromiseRef[Vref]{Ref: 962})
		if err != nil {
			b.Fatal(err)
		}
		sink = d.Body
	}
}

func BenchmarkDecodeCall(b *testing.B) {
	d := body(`#["transfer",[{"amount":100.5,"to":"$0.Alleged: purse"},"&1"]]`, 800, 962)
	b.ReportAllocs()
	b.SetBytes(int64(len(d.Body)))
	for b.Loop() {
		if _, _, err := DecodeCall(d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMethodName(b *testing.B) {
	p := []byte(`#["transfer",[{"amount":100.5,"to":"$0.Alleged: purse"},"&1"]]`)
	b.ReportAllocs()
	for b.Loop() {
		if MethodName(p) != "transfer" {
			b.Fatal("wrong name")
		}
	}
}
